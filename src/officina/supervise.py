"""The supervisor: keeps one local worker process running, and lets it drain at the end."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager

import structlog

from officina import engines, worker_process
from officina.errors import OperatorError
from officina.job import new_secret
from officina.service import Gateway
from officina.worker_process import STEADY_S

log = structlog.get_logger("officina.supervise")

STORE_SECRETS = frozenset(
    {
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_CLIENT_SECRET",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
    }
)
"""What opens the store is the gateway's alone: engines open strangers' pictures."""


async def keep_worker(gateway: Gateway, url: str, draining: asyncio.Event) -> None:
    """Run a worker, again whenever it dies, until `draining`; then let it end by itself.

    One that was drained by its operator's wish stays away until the next `serve`.
    """
    if not engines_here(gateway):
        return
    failures = 0
    loop = asyncio.get_running_loop()
    while not draining.is_set():
        begun = loop.time()
        name = f"local-{new_secret()[:8]}"
        async with _held(gateway, url, name) as process:
            await worker_process.ended_or(process, draining)
            if draining.is_set():
                await worker_process.drain(process, gateway.settings.drain_s)
                return
        mine = [each for each in gateway.crew if each.said.name == name]
        for each in mine:
            await gateway.crew.lose(each.id)
        if process.returncode == 0 and any(each.drain_wish for each in mine):
            log.info("worker_drained", name=name)
            return
        log.warning("worker_ended", exit_code=process.returncode)
        failures = 0 if loop.time() - begun > STEADY_S else failures + 1
        await worker_process.pause(draining, worker_process.backoff_s(failures))


def engines_here(gateway: Gateway) -> list[str]:
    """The engines of the catalog that this machine can run; the others wait for workers elsewhere."""
    found: list[str] = []
    for name in gateway.engines():
        try:
            found += engines.check([name])
        except OperatorError as error:
            log.warning("engine_not_here", engine=name, message=error.message)
    return found


def _held(gateway: Gateway, url: str, name: str) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """A worker of this machine, with the settings' terms."""
    settings = gateway.settings
    words = [
        *("--gateway", url, "--name", name, "--engines", ",".join(engines_here(gateway))),
        *("--slots", str(settings.slots), "--drain", str(settings.drain_s)),
        *("--child-idle", str(settings.child_idle_s)),
        *("--log-format", settings.log_format, "--log-level", settings.log_level),
    ]
    theirs = frozenset[str]() if gateway.place.folder else STORE_SECRETS
    environment = {name: text for name, text in os.environ.items() if name not in theirs}
    environment["OFFICINA_WORKER_KEY"] = gateway.keyring.local_secret
    return worker_process.held(words, environment)

"""The supervisor: keeps one local worker process running, and lets it drain at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process

import structlog

from officina import engines
from officina.errors import OperatorError
from officina.job import new_secret
from officina.service import Gateway

log = structlog.get_logger("officina.supervise")

BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 30.0
"""A worker that ran so long starts again with the shortest wait."""
GRACE_S = 5.0
"""How much longer than its drain time a worker may take to end, before it is killed."""
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
        process, tether = await _start(gateway, url, name)
        try:
            await _ended_or(process, draining)
            if draining.is_set():
                await _drain(process, gateway.settings.drain_s)
                return
        finally:
            os.close(tether)
        mine = [each for each in gateway.crew if each.said.name == name]
        for each in mine:
            await gateway.crew.lose(each.id)
        if process.returncode == 0 and any(each.drain_wish for each in mine):
            log.info("worker_drained", name=name)
            return
        log.warning("worker_ended", exit_code=process.returncode)
        failures = 0 if loop.time() - begun > STEADY_S else failures + 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(draining.wait(), BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])


def engines_here(gateway: Gateway) -> list[str]:
    """The engines of the catalog that this machine can run; the others wait for workers elsewhere."""
    found: list[str] = []
    for name in gateway.engines():
        try:
            found += engines.check([name])
        except OperatorError as error:
            log.warning("engine_not_here", engine=name, message=error.message)
    return found


async def _start(gateway: Gateway, url: str, name: str) -> tuple[Process, int]:
    """Start a worker; it ends when the other end of the pipe that it holds is closed, by whatever cause."""
    reading, tether = os.pipe()
    settings = gateway.settings
    command = [
        *(sys.executable, "-m", "officina.worker", "--gateway", url, "--name", name),
        *("--engines", ",".join(engines_here(gateway))),
        *("--slots", str(settings.slots), "--drain", str(settings.drain_s)),
        *("--child-idle", str(settings.child_idle_s), "--parent-pipe", str(reading)),
        *("--log-format", settings.log_format, "--log-level", settings.log_level),
    ]
    theirs = frozenset[str]() if gateway.place.folder else STORE_SECRETS
    environment = {name: text for name, text in os.environ.items() if name not in theirs}
    environment["OFFICINA_WORKER_KEY"] = gateway.keyring.local_secret
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            pass_fds=(reading,),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(reading)
    return process, tether


async def _ended_or(process: Process, draining: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(process.wait()), asyncio.ensure_future(draining.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _drain(process: Process, drain_s: float) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), drain_s + GRACE_S)
    except TimeoutError:
        log.warning("worker_killed", reason="it did not end in its drain time")
        process.kill()
        await process.wait()

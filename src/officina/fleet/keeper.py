"""What Ray places on a node: an actor that keeps one worker running until it shall drain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from dataclasses import dataclass
from typing import Literal

import structlog

from officina import worker_process
from officina.fleet.order import Errand

log = structlog.get_logger("officina.fleet")

REFUSED = frozenset({77, 78})
"""Exit codes of a worker that somebody must help: its key is refused, or something is set up wrongly."""
REFUSED_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """How the worker of a keeper is; `refusal` is the exit code by which it said that it cannot work."""

    phase: Literal["working", "draining", "ended"]
    refusal: int | None = None


class Keeper:
    """Keeps one worker running: starts it again when it dies, and ends with it when it drains.

    Ray makes it anew on another node when its node dies, with a worker of the same name. A thread of its own
    keeps the worker, so that calls are answered at once; the worker inherits the environment, where Ray says
    which GPU is meant. When this process dies, the worker ends by the pipe that it holds.
    """

    def __init__(self, errand: Errand, name: str) -> None:
        self._errand = errand
        self._name = name
        self._refusal: int | None = None
        self._loop = asyncio.new_event_loop()
        self._draining = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="keep", daemon=True)
        self._thread.start()

    def report(self) -> Report:
        """How the worker is."""
        if not self._thread.is_alive():
            return Report("ended", self._refusal)
        return Report("draining" if self._draining.is_set() else "working", self._refusal)

    def drain(self) -> None:
        """Let the worker finish what it runs, and end; comes back at once."""
        with contextlib.suppress(RuntimeError):  # it has ended, and its loop is closed
            self._loop.call_soon_threadsafe(self._draining.set)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._keep())
        finally:
            self._loop.close()

    async def _keep(self) -> None:
        failures = 0
        environment = {**os.environ, "OFFICINA_WORKER_KEY": self._errand.key}
        while not self._draining.is_set():
            begun = self._loop.time()
            async with worker_process.held(self._errand.words(self._name), environment) as process:
                await worker_process.ended_or(process, self._draining)
                if self._draining.is_set():
                    await worker_process.drain(process, self._errand.drain_s)
                    return
            if process.returncode == 0:
                return  # somebody drained it, at the gateway or by a signal
            log.warning("worker_ended", name=self._name, exit_code=process.returncode)
            self._refusal = process.returncode if process.returncode in REFUSED else None
            failures = 0 if self._loop.time() - begun > worker_process.STEADY_S else failures + 1
            await worker_process.pause(self._draining, self._pause_s(failures))

    def _pause_s(self, failures: int) -> float:
        return REFUSED_PAUSE_S if self._refusal is not None else worker_process.backoff_s(failures)

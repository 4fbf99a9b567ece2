"""Runs what waits for a provider in a way that can be stopped at every moment."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from officina.run import Run

TICK_S = 0.1
"""How often the run is asked whether it shall stop."""

GRACE_S = 0.1
"""So much longer may an order be on its way when the run is stopped: with its id it can be cancelled."""

FAREWELL_S = 0.2
"""How long a last word to the provider may take; a run that does not end in 0.4 s is ended by force."""

_T = TypeVar("_T")


class Driver:
    """A run, and an event loop of its own: a call that blocks could not be given up when the run stops."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._runner = asyncio.Runner()
        self._said = (0.02, "")

    def __enter__(self) -> Self:
        """Use it for one run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the loop."""
        self._runner.close()

    def say(self, fraction: float, message: str) -> None:
        """Report progress; the last word is repeated while something is waited for."""
        self._said = (fraction, message)
        self._tick()

    def drive(self, work: Coroutine[Any, Any, _T], grace_s: float = 0.0) -> _T:
        """Run to the end; a stop of the run cancels it, after a last chance of `grace_s`."""
        return self._runner.run(self._watched(work, grace_s))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.drive(asyncio.sleep(seconds))

    def farewell(self, work: Coroutine[Any, Any, object]) -> None:
        """Run something for the short time that is left to a stopped run, without caring how it ends."""
        self._runner.run(_briefly(work))

    def finish(self, work: Coroutine[Any, Any, object]) -> None:
        """Run something that only tidies."""
        self._runner.run(work)

    async def _watched(self, work: Coroutine[Any, Any, _T], grace_s: float) -> _T:
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=TICK_S))[0]:
                self._tick()
            return task.result()
        except BaseException:
            if grace_s:
                await asyncio.wait({task}, timeout=grace_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise

    def _tick(self) -> None:
        self._run.progress(*self._said)


async def _briefly(work: Coroutine[Any, Any, object]) -> None:
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=FAREWELL_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

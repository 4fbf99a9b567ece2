"""One slot of a worker: keeps an engine's process warm, runs attempts in it, and replaces it when need be."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass

import structlog

from officina.child.frames import Done, Failed, Load, Start
from officina.errors import RUN_ERRORS
from officina.job import Failure
from officina.worker.engine_child import ChildGone, EngineChild, Hear

STOP_GRACE_S = 0.4
"""How long a run may take to notice that it shall stop, before its process is killed."""

_DETAILS = "the operator finds details in the worker's log"

log = structlog.get_logger("officina.worker")


@dataclass(frozen=True, slots=True)
class SlotTerms:
    """How long an engine may take to load, and how long it is kept when there is nothing to do."""

    load_s: float = 600.0
    child_idle_s: float = 600.0


class Slot:
    """One concurrent run of a worker, with at most one engine process at a time."""

    def __init__(self, number: int, terms: SlotTerms) -> None:
        self.number = number
        self.worked_s = 0.0
        """Seconds that the engine worked in the latest attempt."""
        self._terms = terms
        self._child: EngineChild | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._burials: set[asyncio.Task[int | None]] = set()

    @property
    def warm(self) -> Load | None:
        """The engine that is ready here."""
        return self._child.loaded if self._child is not None and self._child.ready else None

    async def run(self, load: Load, start: Start, deadline_s: float, hear: Hear) -> Done | Failed:
        """Run one attempt. When cancelled, the run is stopped, by force if need be, before this returns."""
        self._wake()
        self.worked_s = 0.0
        try:
            child = await self._ready(load)
            if isinstance(child, Failed):
                return child
            end = await self._attempt(child, start, deadline_s, hear)
            if child.begun or child.killed:
                return end
            # It had died while it was idle, and nobody had noticed yet: the job knows nothing of it.
            fresh = await self._ready(load)
            return fresh if isinstance(fresh, Failed) else await self._attempt(fresh, start, deadline_s, hear)
        finally:
            if self._child is not None and not self._child.ready:
                await self._discard("stopped by force")
            self._rest()

    async def warm_up(self, load: Load) -> None:
        """Have an engine ready before there is a job for it; one that cannot be had is only logged."""
        found = await self._ready(load)
        if isinstance(found, Failed):
            log.error("engine.not_warm", slot=self.number, engine=load.engine, message=found.failure.message)
        self._rest()

    async def close(self) -> None:
        """End the engine's process, if there is one."""
        self._wake()
        await self._discard("closed")

    async def _ready(self, load: Load) -> EngineChild | Failed:
        """The warm child if it is the right one, else a new one; or why there is none."""
        if self._child is not None and self.warm == load:
            return self._child
        await self._discard("replaced")
        try:
            self._child = await EngineChild.spawn()
            async with asyncio.timeout(self._terms.load_s):
                failed = await self._child.load(load)
        except TimeoutError:
            return await self._not_started(f"it was not ready after {self._terms.load_s:g} s")
        except OSError as error:
            return await self._not_started(f"its process could not be made: {error.strerror}")
        except ChildGone:
            return await self._died()
        if failed is not None:
            await self._discard("not loaded")
            return failed
        log.info("child.started", slot=self.number, engine=load.engine, pid=self._child.pid)
        return self._child

    async def _attempt(
        self, child: EngineChild, start: Start, deadline_s: float, hear: Hear
    ) -> Done | Failed:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(deadline_s):
                end = await child.run(start, hear)
        except TimeoutError:
            await self._discard("deadline")
            late = f"The run took longer than the {deadline_s:g} s that this model allows."
            return _failed("deadline_exceeded", late)
        except ChildGone:
            return await self._died()
        except asyncio.CancelledError:
            await _halt(child, hear)
            raise
        finally:
            self.worked_s = clock() - began
        if isinstance(end, Failed) and end.spent:
            await self._discard("out of memory")
        return end

    async def _died(self) -> Failed:
        """Put the death of the child into words."""
        child, self._child = self._child, None
        if child is None:
            return _failed("engine_crashed", f"The engine's process was gone; {_DETAILS}.")
        code = await child.end(just_died=True)
        log.error("child.died", slot=self.number, pid=child.pid, exit_code=code, output=child.tail)
        if child.killed:
            return _failed("engine_crashed", f"The engine's process fell silent; {_DETAILS}.")
        return _epitaph(code)

    async def _not_started(self, why: str) -> Failed:
        log.error("engine.not_started", slot=self.number, reason=why)
        await self._discard("not started")
        return _failed("engine_unavailable", f"The engine could not be started on this worker: {why}.")

    async def _discard(self, reason: str) -> None:
        """End the child: it is gone from here at once, and from the system when this returns."""
        self._bury(reason)
        if self._burials:
            await asyncio.wait(self._burials)

    def _bury(self, reason: str) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        log.info("child.ended", slot=self.number, pid=child.pid, reason=reason)
        child.kill()
        burial = asyncio.create_task(child.end())
        self._burials.add(burial)
        burial.add_done_callback(self._burials.discard)

    def _rest(self) -> None:
        if self._child is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._terms.child_idle_s, self._bury, "unused")

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def _halt(child: EngineChild, hear: Hear) -> None:
    """Give the run a moment to stop by itself; the slot ends the process if it has not."""
    with contextlib.suppress(TimeoutError, ChildGone):
        async with asyncio.timeout(STOP_GRACE_S):
            await child.halt(hear)


def _failed(kind: str, message: str) -> Failed:
    return Failed(Failure(kind, message), RUN_ERRORS[kind].retry)


def _epitaph(code: int | None) -> Failed:
    if code == -signal.SIGKILL:
        how = "was killed by signal 9 (SIGKILL), as the system does when memory runs out"
        return _failed("out_of_memory", f"The engine's process {how}.")
    how = f"ended with exit code {code}"
    if code is not None and code < 0:
        how = f"was killed by signal {-code} ({_SIGNALS.get(-code, 'unnamed')})"
    return _failed("engine_crashed", f"The engine's process {how}; {_DETAILS}.")


_SIGNALS = {int(each): each.name for each in signal.Signals}

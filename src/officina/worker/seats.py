"""Who gets which slot of a worker, and who is next."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable

from officina.child.frames import Load
from officina.link import Warm, Work
from officina.worker.slot import Slot

SLOW_S = 2.0
"""A job whose inputs take longer than this keeps nobody waiting: another is asked for meanwhile."""
MOST_SLOW = 8
"""How many jobs whose inputs are slow to come a worker holds beside the others."""


def load_of(work: Work) -> Load:
    """The engine that a job needs."""
    return Load(work.engine, work.options)


class Seat:
    """One job's turn in a slot: first its inputs come, then it gets in line, then `slot` is done."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.slot: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self.slow = False
        self.left = False

    async def turn(self) -> Slot:
        """Wait for the slot; whoever stops waiting still has to `leave`."""
        # Unshielded, the end of a wait would cancel the future while the seat still stands in line, and the
        # slot that is handed to it just then would be nobody's for ever.
        return await asyncio.shield(self.slot)


class Seats:
    """The slots of a worker, the line in front of them, and the jobs whose inputs are still on their way.

    A slot is never kept for a job that cannot begin.
    """

    def __init__(self, slots: Iterable[Slot]) -> None:
        self.slots = tuple(slots)
        self._changed = asyncio.Event()
        self._idle = list(self.slots)
        self._coming: list[Seat] = []
        self._line: deque[Seat] = deque()
        self._models: dict[int, str] = {}

    @property
    def idle(self) -> int:
        """How many slots have nothing to do and no job on its way to them."""
        return max(0, len(self._idle) - self._expected)

    @property
    def room(self) -> int:
        """How many jobs to ask for: one for each idle slot, and one to have ready while others run."""
        if len(self._coming) >= MOST_SLOW + len(self.slots):
            return 0
        occupied = len(self._idle) < len(self.slots) or self._expected > 0
        return max(0, len(self._idle) + occupied - self._expected)

    @property
    def _expected(self) -> int:
        return len(self._line) + sum(not each.slow for each in self._coming)

    async def change(self, within_s: float | None = None) -> None:
        """Wait until a job has lined up or left, or its inputs are late; at most `within_s` seconds."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._changed.wait()

    def warm_models(self) -> tuple[str, ...]:
        """The models whose engine is loaded, or will be, where the next job would run."""
        likely = [each for each in self._idle if each.warm] or [
            each for each in self.slots if self._is_busy(each)
        ]
        return tuple({self._models[each.number]: None for each in likely})

    async def warm_up(self, wanted: Iterable[Warm]) -> None:
        """Load engines into the slots before the first job: one each, side by side. What fails is logged."""
        pairs = tuple(zip(self.slots, wanted, strict=False))
        for slot, each in pairs:
            self._models[slot.number] = each.model
        await asyncio.gather(*(slot.warm_up(Load(each.engine, each.options)) for slot, each in pairs))

    def take(self, work: Work) -> Seat:
        """Expect a job whose inputs are on their way."""
        seat = Seat(work)
        self._coming.append(seat)
        asyncio.get_running_loop().call_later(SLOW_S, self._lose_patience, seat)
        return seat

    def line_up(self, seat: Seat) -> None:
        """Get in line; the slot is given at once if one is idle, one that is warm for the job if there is."""
        if seat.left:
            return
        self._coming.remove(seat)
        if self._idle:
            slot = min(self._idle, key=lambda each: _effort(each, load_of(seat.work)))
            self._idle.remove(slot)
            self._give(slot, seat)
        else:
            self._line.append(seat)
        self._changed.set()

    def leave(self, seat: Seat) -> None:
        """Give the slot, or the place in line, up; doing so twice is no harm."""
        if seat.left:
            return
        seat.left = True
        if seat in self._coming:
            self._coming.remove(seat)
            seat.slot.cancel()
        elif seat in self._line:
            self._line.remove(seat)
            seat.slot.cancel()
        elif self._line:
            self._give(seat.slot.result(), self._line.popleft())
        else:
            self._idle.append(seat.slot.result())
        self._changed.set()

    def _lose_patience(self, seat: Seat) -> None:
        if seat in self._coming:
            seat.slow = True
            self._changed.set()

    def _is_busy(self, slot: Slot) -> bool:
        return slot not in self._idle

    def _give(self, slot: Slot, seat: Seat) -> None:
        self._models[slot.number] = seat.work.model
        seat.slot.set_result(slot)


def _effort(slot: Slot, load: Load) -> int:
    """What a job has to wait for in a slot: nothing, an engine to load, or one to end before that."""
    warm = slot.warm
    return 0 if warm == load else 2 if warm else 1

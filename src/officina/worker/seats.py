"""Who gets which slot of a worker, and who is next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from officina.child.frames import Load
from officina.link import Warm, Work
from officina.worker.slot import Slot


def load_of(work: Work) -> Load:
    """The engine that a job needs."""
    return Load(work.engine, work.options)


class Seat:
    """One job's turn in a slot. `slot` is done when the turn has come, which may be at once."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.slot: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self.left = False


class Seats:
    """The slots of a worker and the line in front of them. `changed` is set whenever either has changed."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self.slots = tuple(slots)
        self.changed = asyncio.Event()
        self._idle = list(self.slots)
        self._line: deque[Seat] = deque()
        self._models: dict[int, str] = {}

    @property
    def idle(self) -> int:
        """How many slots have nothing to do."""
        return len(self._idle)

    @property
    def room(self) -> int:
        """How many jobs to ask for: one for each idle slot, and one to have ready while others run."""
        ahead = not self._line and self.idle < len(self.slots)
        return self.idle + ahead

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
        """Get in line; the slot is given at once if one is idle, one that is warm for the job if there is."""
        seat = Seat(work)
        if self._idle:
            slot = min(self._idle, key=lambda each: _effort(each, load_of(work)))
            self._idle.remove(slot)
            self._give(slot, seat)
        else:
            self._line.append(seat)
        self.changed.set()
        return seat

    def leave(self, seat: Seat) -> None:
        """Give the slot, or the place in line, up; doing so twice is no harm."""
        if seat.left:
            return
        seat.left = True
        if seat in self._line:
            self._line.remove(seat)
            seat.slot.cancel()
        elif self._line:
            self._give(seat.slot.result(), self._line.popleft())
        else:
            self._idle.append(seat.slot.result())
        self.changed.set()

    def _is_busy(self, slot: Slot) -> bool:
        return slot not in self._idle

    def _give(self, slot: Slot, seat: Seat) -> None:
        self._models[slot.number] = seat.work.model
        seat.slot.set_result(slot)


def _effort(slot: Slot, load: Load) -> int:
    """What a job has to wait for in a slot: nothing, an engine to load, or one to end before that."""
    warm = slot.warm
    return 0 if warm == load else 2 if warm else 1

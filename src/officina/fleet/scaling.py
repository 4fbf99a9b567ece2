"""How many workers there should be, decided from what the queue holds. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from officina.fleet.order import Bounds

Phase = Literal["placing", "working", "silent", "draining", "ended"]
"""Not yet on a node; at work; does not answer just now; finishing; gone but for its actor."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A worker of the fleet, as its actor tells of it."""

    name: str
    phase: Phase
    is_current: bool = True
    """Whether it was started with the terms that hold now."""
    refusal: int | None = None
    """The exit code of a worker that cannot work as it is set up; its actor tries again every minute."""

    @property
    def stays(self) -> bool:
        """Whether it counts on."""
        return self.is_current and self.phase in {"placing", "working", "silent"}


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now: place so many, let so many go; and the memory for the next decision."""

    place: int
    surplus: int
    recent: tuple[int, ...]


def decide(open_jobs: int, fleet: Sequence[Placed], recent: tuple[int, ...], bounds: Bounds) -> Step:
    """Up at once, down when the quiet time has passed.

    `open_jobs` wait or run; `recent` holds what was wanted at the last answers of the gateway, so a time
    in which it is silent neither counts nor changes anything. A driver that begins takes the fleet that it
    finds for what was wanted so far. Workers that drain still count towards the upper bound.
    """
    stay = sum(each.stays for each in fleet)
    wanted = min(max(math.ceil(open_jobs / bounds.slots), bounds.least), bounds.most)
    recent = (*(recent or (stay,)), wanted)[-bounds.patience :]
    room = max(0, bounds.most - len(fleet))
    return Step(
        place=min(max(0, wanted - stay), room),
        surplus=max(0, stay - min(max(recent), bounds.most)),
        recent=recent,
    )


def who_goes(fleet: Sequence[Placed], busy: Collection[str], count: int) -> list[str]:
    """The names of those to let go: first who is not even placed, then who is idle, then who is busy."""
    ranks = {"placing": 0, "working": 1, "silent": 3}

    def rank(each: Placed) -> tuple[int, str]:
        return ranks[each.phase] + (each.name in busy), each.name

    return [each.name for each in sorted((each for each in fleet if each.stays), key=rank)[:count]]

"""How long to wait between tries and between looks."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

GROWTH = 1.6


@dataclass(frozen=True, slots=True)
class Pace:
    """Waits that grow from the first to the longest, in seconds, for as long as patience lasts."""

    first_s: float
    longest_s: float

    def waits(self) -> Iterator[float]:
        """Give the waits, without end."""
        wait_s = self.first_s
        while True:
            yield min(wait_s, self.longest_s)
            wait_s = min(wait_s * GROWTH, self.longest_s)


class Patience:
    """Counts down from a limit while something fails; a success restores it."""

    def __init__(self, pace: Pace, limit_s: float) -> None:
        self._pace, self._limit_s = pace, limit_s
        self.restore()

    def restore(self) -> None:
        """Begin anew."""
        self._waits = self._pace.waits()
        self._end = time.monotonic() + self._limit_s

    def next_s(self, asked_s: float = 0.0) -> float | None:
        """The next wait, no shorter than the provider asks for; None when that is more than is left."""
        wait_s = max(next(self._waits), asked_s)
        return wait_s if time.monotonic() + wait_s <= self._end else None


def likely(elapsed_s: float, usual_s: float = 20.0) -> float:
    """A fraction for work whose end nobody knows: it nears 0.9 and never reaches it."""
    return round(0.05 + 0.85 * (1 - math.exp2(-elapsed_s / usual_s)), 2)

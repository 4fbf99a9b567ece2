"""How fast each model runs here, from its last runs; after a start, from those that the queue still keeps."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from statistics import median

KEPT = 25
"""Runs of each model that are remembered."""


class Pace:
    """The seconds that the last good runs of each model took."""

    def __init__(self) -> None:
        self._took: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))

    def note(self, model: str, run_s: float) -> None:
        """A run of that model went well and took so long."""
        self._took[model].append(run_s)

    def usual_s(self, model: str) -> float | None:
        """The median of the last runs; None when there was none."""
        took = self._took.get(model)
        return median(took) if took else None

    def knows(self, model: str) -> bool:
        """Whether a run was noted since the start, or former ones were recalled; else `recall` is due."""
        return model in self._took

    def recall(self, model: str, run_s: Iterable[float]) -> None:
        """How long runs took before this server started, the oldest first; what ran since comes after."""
        self._took[model].extendleft(reversed(list(run_s)))


def wait_s(ahead: int, running: int, slots: int, usual_s: float | None) -> float | None:
    """About how long a run waits that is submitted now, when all that wait go first; None where unknown.

    A key that has asked for less than others goes ahead of some of them, so it tends to be shorter.
    """
    if slots and ahead + running < slots:
        return 0.0
    if not slots or usual_s is None:
        return None
    return (ahead + running - slots + 1) / slots * usual_s

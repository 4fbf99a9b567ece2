"""The order of the queue: fair shares between keys, priority inside a key, warm models first.

Start-time fair queueing with the tag stamped at submit (Goyal, Vin, Cheng 1996, "Start-time Fair Queueing"):
a job's tag is where its key's clock stands plus the job's cost, so a key that sends much is spread out among
the others, and the claim is one probe of an index ordered by tag.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

import msgspec

from officina.job import Level

WARM_PATIENCE_S = 10.0
"""A slot stays with the model it has loaded unless another model's head has waited so much longer."""

NUDGE = 1e-6
"""Of a step: so much earlier is a high job than a normal one whose tag is the same, and a low one later."""

POSITIONS = 1000
"""Exact positions are known for so many jobs at the head of a model's queue."""

Clock = tuple[str, str, Level]
"""(model, key, level); the key "" holds the model's virtual time: the greatest tag claimed so far."""


def virtual(model: str) -> Clock:
    """The clock that holds a model's virtual time."""
    return (model, "", 0)


def stamp(clocks: MutableMapping[Clock, float], clock: Clock, step: float) -> float:
    """Advance a key's clock by `step` (cost over weight) and return the job's tag.

    Later jobs of the same key at lower priority come after this one, so their clocks are lifted too.
    """
    model, key, level = clock
    now = clocks.get(virtual(model), 0.0)
    tag = max(now, clocks.get(clock, 0.0)) + step
    clocks[clock] = tag
    for lower in range(level + 1, 3):
        below: Clock = (model, key, lower)  # type: ignore[assignment]  # 1 and 2 are levels
        if clocks.get(below, 0.0) < tag:
            clocks[below] = tag
    return tag + (level - 1) * NUDGE * step


class Head(msgspec.Struct, frozen=True):
    """The next job of one model: its row, how long it has waited (seconds), whether the model is warm."""

    seq: int
    model: str
    waited_s: float
    warm: bool


def choose(heads: Sequence[Head]) -> Head | None:
    """Which model's head a free slot takes next; None when nothing waits."""
    if not heads:
        return None
    longest = max(heads, key=lambda head: head.waited_s)
    warm = [head for head in heads if head.warm]
    if not warm:
        return longest
    best = max(warm, key=lambda head: head.waited_s)
    return longest if longest.waited_s > best.waited_s + WARM_PATIENCE_S else best

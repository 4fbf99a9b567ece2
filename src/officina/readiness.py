"""Which engine of a model answers now: the first in the operator's order that is up, as far as is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import msgspec

from officina.model import Choice, Model

DOWN_S = 30.0
"""How long an engine that has failed as such is passed over, where the model has another one."""


class Readiness(msgspec.Struct, frozen=True):
    """Which engine answers for a model, and if it cannot now, why; `reason` is empty when it is ready."""

    engine: str
    reason: str = ""

    @property
    def ready(self) -> bool:
        """Whether a job would begin as soon as its turn comes."""
        return not self.reason


class Outages:
    """Engines that have failed as such a moment ago, by model. Kept in memory: it is news, not history."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._down: dict[tuple[str, str], tuple[float, str]] = {}

    def note(self, model: str, engine: str, reason: str) -> None:
        """This engine could not serve that model just now."""
        self._down[model, engine] = (self._clock() + DOWN_S, reason)

    def clear(self, model: str, engine: str) -> None:
        """It has just served it."""
        self._down.pop((model, engine), None)

    def reason(self, model: str, engine: str) -> str:
        """Why it is passed over; empty when it is not."""
        until, reason = self._down.get((model, engine), (0.0, ""))
        return reason if self._clock() < until else ""


def answering(model: Model, outages: Outages, offered: Collection[str]) -> Readiness:
    """The engine that answers, when `offered` are the engines of all workers that are there."""
    reasons = [(each, _not_up(model, each, outages, offered)) for each in model.choices]
    up = next((each for each, reason in reasons if not reason), None)
    if up is not None:
        return Readiness(up.engine)
    first, reason = reasons[0]
    return Readiness(first.engine, reason)


def for_worker(
    model: Model, outages: Outages, offered: Collection[str], own: Collection[str]
) -> Choice | None:
    """The engine that a worker with its `own` engines shall use for a model; None to leave it to others.

    While an engine that the operator prefers is up somewhere, nobody stands in for it. When none is up, the
    most preferred one that the worker has is tried: that is how it is found out that one is back.
    """
    best = answering(model, outages, offered)
    mine = [each for each in model.choices if each.engine in own]
    if best.ready:
        return next((each for each in mine if each.engine == best.engine), None)
    return mine[0] if mine else None


def stands_in(model: Model, outages: Outages, offered: Collection[str], failed: str) -> bool:
    """Whether another engine than the one that has just failed could take the model over now."""
    return any(each.engine != failed and not _not_up(model, each, outages, offered) for each in model.choices)


def _not_up(model: Model, choice: Choice, outages: Outages, offered: Collection[str]) -> str:
    if choice.engine not in offered:
        return f"no worker with the engine {choice.engine!r} is ready"
    return outages.reason(model.id, choice.engine)

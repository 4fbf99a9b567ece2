"""Limits on PostgreSQL: whether submits are let in, and what keys and models may still run.

Who decides about a limited key or model holds an advisory lock of its name until the commit, so that two
gateways count one after the other. Keys and models without limits take no lock.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import msgspec

from officina.job import Allowance, NewJob
from officina.keys import KeyLimits
from officina.queue import limits as rules
from officina.queue.limits import Rate
from officina.queue.postgres_batch import SQL, Batch
from officina.queue.protocol import Use, Want
from officina.queue.rows import limits_of


async def lock(batch: Batch, kind: str, names: Iterable[str]) -> None:
    """Wait for whoever decides about these, then keep others from it until the commit."""
    numbers = sorted({number(kind, name) for name in names})
    if numbers:
        await batch.db.execute(SQL["lock_limits"], numbers)


def number(*words: str) -> int:
    """A signed 32-bit number for the name of an advisory lock."""
    digest = hashlib.blake2s("\0".join(words).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big", signed=True)


class Admission:
    """Decides about the submits of one group; what it lets in counts for those that follow."""

    def __init__(
        self,
        batch: Batch,
        limits: Mapping[str, KeyLimits],
        waiting: Mapping[str, int],
        due_at: Mapping[str, float],
        use: Mapping[str, Use],
    ) -> None:
        self._batch = batch
        self._limits = limits
        self._waiting = dict(waiting)
        self._due_at = dict(due_at)
        self._use = dict(use)

    def admit(self, job: NewJob, max_waiting: int) -> Allowance | None:
        """Count a submit against the limits of its key. Raises as Queue.submit, with nothing counted then."""
        key_id, limits, now = job.key_id, self._limits[job.key_id], self._batch.now
        waiting = self._waiting.get(key_id, 0)
        rules.check_waiting(waiting, max_waiting if limits.max_waiting is None else limits.max_waiting)
        if limits.is_budgeted:
            rules.check_budget(limits, self._use[key_id], job, now)
        allowance = self._spend_rate(key_id, Rate.of(limits))
        self._waiting[key_id] = waiting + 1
        if limits.is_budgeted:
            use = self._use[key_id]
            self._use[key_id] = msgspec.structs.replace(
                use,
                held_outputs=use.held_outputs + job.most_outputs,
                held_usd=round(use.held_usd + job.most_usd, 6),
            )
        return allowance

    def _spend_rate(self, key_id: str, rate: Rate | None) -> Allowance | None:
        if rate is None:
            return None
        due_at = rate.spend(self._due_at.get(key_id, 0.0), self._batch.now)
        self._due_at[key_id] = due_at
        self._batch.pace(key_id, due_at)
        return rate.allowance(due_at, self._batch.now)


def exact(own: Mapping[str, KeyLimits], usual: KeyLimits) -> list[str]:
    """The keys whose submits are decided about one after the other, in all gateways."""
    return [
        each
        for each, its in own.items()
        if its.over(usual).is_budgeted or Rate.of(its.over(usual)) or its.max_waiting is not None
    ]


async def lock_submits(batch: Batch, key_ids: Collection[str]) -> dict[str, KeyLimits]:
    """Wait for whoever decides about submits of those keys that are limited; the own limits of all."""
    found = await _own_limits(batch, key_ids)
    own = {each: found.get(each, KeyLimits()) for each in sorted(key_ids)}
    await lock(batch, "submits", exact(own, batch.terms.limits))
    return own


async def spending(batch: Batch, limits: Mapping[str, KeyLimits]) -> dict[str, Use]:
    """What those keys that have a budget have spent and hold of it."""
    budgeted = [each for each, its in limits.items() if its.is_budgeted]
    return await _spending(batch, budgeted) if budgeted else {}


async def _own_limits(batch: Batch, key_ids: Collection[str]) -> dict[str, KeyLimits]:
    rows = await batch.db.fetch(SQL["limits_of_keys"], sorted(key_ids))
    return {row[0]: limits_of(row[1]) for row in rows}


async def _spending(batch: Batch, key_ids: Collection[str]) -> dict[str, Use]:
    day = time.strftime("%Y-%m-%d", time.gmtime(batch.now))
    rows = await batch.db.fetch(SQL["spending"], sorted(key_ids), day)
    return {
        key_id: Use(outputs=outputs, cost_usd=usd, held_outputs=held, held_usd=round(held_usd, 6))
        for key_id, outputs, usd, held, held_usd in rows
    }


class Room:
    """How many more of each limited key and model may run now. What is not in it has no limit."""

    def __init__(self, keys: Mapping[str, int], models: Mapping[str, int]) -> None:
        self.keys = dict(keys)
        self._running = dict(models)

    def for_model(self, want: Want) -> bool:
        """Whether one more of the model may start."""
        return want.max_running is None or self._running.get(want.model, 0) < want.max_running

    def for_key(self, key_id: str) -> bool:
        """Whether one more of the key may start."""
        return key_id not in self.keys or self.keys[key_id] > 0

    def full(self) -> list[str]:
        """The keys that may run no more."""
        return sorted(key_id for key_id, left in self.keys.items() if left <= 0)

    def take(self, model: str, key_id: str) -> None:
        """One more of them runs."""
        self._running[model] = self._running.get(model, 0) + 1
        if key_id in self.keys:
            self.keys[key_id] -= 1


async def room(
    batch: Batch, wants: Collection[Want], waiting: Collection[tuple[str, bytes | None]]
) -> Room | None:
    """What the limited keys that wait for these models, and the limited models, may run; None: no limits.

    `waiting` has the keys with limits of their own that wait, and those limits.
    """
    usual = batch.terms.limits
    if usual.max_running is not None:
        models = sorted({want.model for want in wants})
        waiting = [(row[0], row[1]) for row in await batch.db.fetch(SQL["all_waiting"], models)]
    limits = {key_id: limits_of(its).over(usual) for key_id, its in waiting}
    most = {key_id: its.max_running for key_id, its in limits.items() if its.max_running is not None}
    capped = sorted({want.model for want in wants if want.max_running is not None})
    if not most and not capped:
        return None
    await lock(batch, "model", capped)
    await lock(batch, "key", most)
    running = defaultdict(int, map(tuple, await batch.db.fetch(SQL["running_of_keys"], sorted(most))))
    of_models = dict(map(tuple, await batch.db.fetch(SQL["running_of_models"], capped)))
    return Room({key_id: n - running[key_id] for key_id, n in most.items()}, of_models)


async def use(batch: Batch, key_ids: Collection[str]) -> dict[str, Use]:
    """What keys take now and have taken today."""
    asked = sorted(set(key_ids))
    own = await _own_limits(batch, asked)
    waiting = dict(map(tuple, await batch.db.fetch(SQL["waiting_of_keys"], asked)))
    running = dict(map(tuple, await batch.db.fetch(SQL["running_of_keys"], asked)))
    due_at = dict(map(tuple, await batch.db.fetch(SQL["rates"], asked)))
    spent = await _spending(batch, asked)

    def one(key_id: str) -> Use:
        limits = own.get(key_id, KeyLimits()).over(batch.terms.limits)
        rate, its = Rate.of(limits), spent[key_id]
        return Use(
            *(waiting.get(key_id, 0), running.get(key_id, 0), its.outputs, its.cost_usd),
            *((its.held_outputs, its.held_usd) if limits.is_budgeted else (0, 0.0)),
            allowance=rate.allowance(due_at.get(key_id, 0.0), batch.now) if rate else None,
        )

    return {key_id: one(key_id) for key_id in asked}

"""Submits on PostgreSQL: a group of jobs with their fair tags, read for and written by one statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from officina.errors import CallerError, IdempotencyConflict
from officina.job import NewJob, Submitted, searchable
from officina.keys import KeyLimits
from officina.queue.order import Clock, stamp
from officina.queue.postgres_batch import SQL, Batch, LocksNeeded
from officina.queue.postgres_limits import Admission, exact, lock_submits, spending
from officina.queue.rows import limits_of

Name = tuple[str, str]
"""A key's id and the idempotency key that its caller chose."""

Earlier = Mapping[Name, tuple[bytes, str]]
"""The digest and the job of idempotency keys that were used before."""


class Submit(msgspec.Struct, frozen=True):
    """A job to store, and how many of its key may wait."""

    job: NewJob
    max_waiting: int

    @property
    def name(self) -> Name | None:
        """What its idempotency key is remembered under."""
        return (self.job.key_id, self.job.idempotency_key) if self.job.idempotency_key else None


async def submit(batch: Batch, group: Sequence[Submit]) -> list[Submitted | CallerError]:
    """Insert the jobs of a group, or give back the requests that their idempotency keys name.

    Two gateways stamp and count one after the other: the clocks of all the group's keys are locked first, or,
    at once, have to stand at the end where they stood. Raises LocksNeeded when a key of it is limited.
    """
    if batch.at_once:
        facts = await _read(batch, group)
        if exact(facts.own, batch.terms.limits):
            raise LocksNeeded
        names = dict(facts.names)
    else:
        own = await lock_submits(batch, {each.job.key_id for each in group})
        await batch.db.execute(SQL["clocks"], *_columns(_pairs(group)))
        batch.now = await batch.db.fetchval(SQL["now"], batch.clock)
        names = dict(await _remember(batch, group))
        facts = (await _read(batch, group))._replace(own=own)
    limited = await _admission(batch, facts)
    clocks = dict(facts.clocks)
    answers = [_decide(each, limited, clocks, names, batch) for each in group]
    if not batch.at_once:
        await _forget(batch, {each.name for each in group if each.name} - names.keys())
    moved = {clock[:2] for clock, tag in clocks.items() if facts.clocks.get(clock) != tag}
    for clock, tag in clocks.items():
        if clock[:2] in moved:
            batch.stamped(clock, facts.clocks.get(clock), tag)
    return answers


class _Facts(NamedTuple):
    """What decides about a group."""

    own: Mapping[str, KeyLimits]
    """The limits of each key, where it has some of its own."""
    clocks: Mapping[Clock, float]
    waiting: Mapping[str, int]
    """How many jobs of a key wait."""
    due_at: Mapping[str, float]
    """When a key that submits evenly would submit next."""
    names: Earlier


async def _read(batch: Batch, group: Sequence[Submit]) -> _Facts:
    """Read the time and what decides; in a transaction, after every lock of the group is held."""
    pairs = _pairs(group) + [(model, "") for model in sorted({each.job.model for each in group})]
    keys = sorted({each.job.key_id for each in group})
    named = sorted({each.name for each in group if each.name})
    asked = (*_columns(pairs), keys, [name[0] for name in named], [name[1] for name in named])
    found = await batch.db.fetchrow(SQL["to_submit"], batch.clock, *asked, batch.terms.idempotency_s)
    assert found is not None, "a SELECT without FROM has one row"  # noqa: S101
    batch.now, limits, clocks, waiting, due_at, names = found
    return _Facts(
        dict.fromkeys(keys, KeyLimits()) | {key_id: limits_of(stored) for key_id, stored in limits},
        {(model, key_id, level): tag for model, key_id, level, tag in clocks},
        dict(waiting),
        dict(due_at),
        {(key_id, name): (digest, job_id) for key_id, name, digest, job_id in names},
    )


def _pairs(group: Sequence[Submit]) -> list[tuple[str, str]]:
    return sorted({(each.job.model, each.job.key_id) for each in group})


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))


async def _admission(batch: Batch, facts: _Facts) -> Admission:
    limits = {key_id: its.over(batch.terms.limits) for key_id, its in facts.own.items()}
    return Admission(batch, limits, facts.waiting, facts.due_at, await spending(batch, limits))


def _decide(
    each: Submit,
    limited: Admission,
    clocks: dict[Clock, float],
    names: dict[Name, tuple[bytes, str]],
    batch: Batch,
) -> Submitted | CallerError:
    job, before = each.job, names.get(each.name) if each.name else None
    if before is not None:
        return _replayed(job.digest, *before)
    try:
        allowance = limited.admit(job, each.max_waiting)
    except CallerError as error:
        return error
    tag = stamp(clocks, (job.model, job.key_id, job.level), job.cost / job.weight)
    batch.insert(job, _row(job, tag))
    if each.name:
        names[each.name] = (job.digest, job.id)
        if batch.at_once:
            batch.remember(*each.name, job.digest, job.id)
    return Submitted(job.id, allowance=allowance)


def _replayed(digest: bytes, remembered: bytes, job_id: str) -> Submitted | CallerError:
    return Submitted(job_id, replayed=True) if digest == remembered else IdempotencyConflict()


async def _remember(batch: Batch, group: Sequence[Submit]) -> Earlier:
    """Note the idempotency keys of a group; those that were used before, with what they made then."""
    jobs: dict[Name, NewJob] = {}
    for each in group:
        if each.name:
            jobs.setdefault(each.name, each.job)
    if not jobs:
        return {}
    batch.wrote = True
    rows = [(*name, job.digest, job.id) for name, job in sorted(jobs.items())]
    keys, names, digests, ids = _columns(rows)
    since = batch.now - batch.terms.idempotency_s
    noted = await batch.db.fetch(SQL["remember"], keys, names, digests, ids, batch.now, since)
    ours = {row[0] for row in noted}
    if len(ours) == len(rows):
        return {}
    found = await batch.db.fetch(SQL["remembered"], keys, names)
    return {(key_id, name): (digest, id_) for key_id, name, digest, id_ in found if id_ not in ours}


async def _forget(batch: Batch, refused: set[Name]) -> None:
    """Drop the idempotency keys of jobs that were not accepted after all."""
    if refused:
        await batch.db.execute(SQL["forget"], *_columns(sorted(refused)))


def _row(job: NewJob, tag: float) -> tuple[Any, ...]:
    """What `insert_jobs` takes of it."""
    return (
        *(job.id, job.model, job.key_id, job.level, tag, job.input, job.max_attempts, job.notes),
        *(sought(job.text), job.most_outputs, job.most_usd),
    )


def sought(text: str) -> str:
    """A text as it is kept and sought here: PostgreSQL keeps every character but NUL."""
    return searchable(text).replace("\0", " ")

"""Submits on PostgreSQL: a group of jobs with their fair tags, in a few statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from officina.errors import CallerError, IdempotencyConflict
from officina.job import NewJob, Submitted, searchable
from officina.queue.order import Clock, stamp
from officina.queue.postgres_batch import SQL, Batch
from officina.queue.postgres_limits import Admission, admission

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

    The clocks of all its keys are locked first, so two gateways stamp and count one after the other.
    """
    limited = await admission(batch, {each.job.key_id for each in group})
    clocks = await _clocks(batch, group)
    names = dict(await _remember(batch, group))
    await limited.read()
    accepted: list[tuple[NewJob, float]] = []
    answers = [_decide(each, limited, clocks, names, accepted) for each in group]
    await _forget(batch, {each.name for each in group if each.name} - names.keys())
    await _insert(batch, accepted)
    for clock, tag in clocks.items():
        if clock[1]:
            batch.advance(clock, tag)
    return answers


def _decide(
    each: Submit,
    limited: Admission,
    clocks: dict[Clock, float],
    names: dict[Name, tuple[bytes, str]],
    accepted: list[tuple[NewJob, float]],
) -> Submitted | CallerError:
    job, before = each.job, names.get(each.name) if each.name else None
    if before is not None:
        return _replayed(job.digest, *before)
    try:
        allowance = limited.admit(job, each.max_waiting)
    except CallerError as error:
        return error
    accepted.append((job, stamp(clocks, (job.model, job.key_id, job.level), job.cost / job.weight)))
    if each.name:
        names[each.name] = (job.digest, job.id)
    return Submitted(job.id, allowance=allowance)


def _replayed(digest: bytes, remembered: bytes, job_id: str) -> Submitted | CallerError:
    return Submitted(job_id, replayed=True) if digest == remembered else IdempotencyConflict()


async def _clocks(batch: Batch, group: Sequence[Submit]) -> dict[Clock, float]:
    pairs = sorted({(each.job.model, each.job.key_id) for each in group})
    models, keys = ([pair[n] for pair in pairs] for n in (0, 1))
    clocks: dict[Clock, float] = {
        (model, key_id, level): tag
        for model, key_id, level, tag in await batch.db.fetch(SQL["clocks"], models, keys)
    }
    for model, tag in await batch.db.fetch(SQL["virtual_clocks"], sorted(set(models))):
        clocks[model, "", 0] = tag
    return clocks


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
    keys, names, digests, ids = zip(*rows, strict=True)
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
        await batch.db.execute(SQL["forget"], *zip(*sorted(refused), strict=True))


async def _insert(batch: Batch, accepted: Sequence[tuple[NewJob, float]]) -> None:
    if not accepted:
        return
    batch.wrote = True
    rows = [
        (
            job.id,
            job.model,
            job.key_id,
            job.level,
            tag,
            job.input,
            job.max_attempts,
            job.notes,
            sought(job.text),
            job.most_outputs,
            job.most_usd,
        )
        for job, tag in accepted
    ]
    await batch.db.execute(SQL["insert_jobs"], *zip(*rows, strict=True), batch.now)
    pins = [(job.id, name) for job, _ in accepted for name in job.pins]
    if pins:
        await batch.db.execute(SQL["pin"], *zip(*pins, strict=True))
    for job, _ in accepted:
        batch.add_files(job.own)
        batch.count_waiting(job.model, job.key_id, 1)
        batch.topics.add(f"model:{job.model}")


def sought(text: str) -> str:
    """A text as it is kept and sought here: PostgreSQL keeps every character but NUL."""
    return searchable(text).replace("\0", " ")

"""The moves of jobs on PostgreSQL: each a decision about rows that its batch has locked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from officina.errors import CallerError, LeaseLost
from officina.job import (
    CancelAnswer,
    Job,
    Lease,
    LeaseRef,
    News,
    Outcome,
    Renewal,
    new_secret,
)
from officina.queue.attempt import End, after, may_see
from officina.queue.order import Head, choose, virtual
from officina.queue.postgres_batch import SQL, Batch, Row
from officina.queue.protocol import Taker, Want


class Move(msgspec.Struct, frozen=True):
    """An operation on known jobs: which rows it locks, and what it decides about them."""

    job_ids: Collection[str]
    decide: Callable[[Batch], Any]


class Renew(msgspec.Struct, frozen=True):
    """A worker's renewal, which besides its leases asks for the stop wishes of all its jobs."""

    worker: str
    news: Sequence[News]


class Claim(msgspec.Struct, frozen=True):
    """A worker that asks for jobs."""

    taker: Taker
    wants: Sequence[Want]


async def move(batch: Batch, group: Sequence[Move | Renew]) -> list[Any]:
    """Decide about a group, one after the other, on rows that are locked for all of them."""
    ids = {each.job_id for op in group if isinstance(op, Renew) for each in op.news}
    await batch.lock(ids.union(*(op.job_ids for op in group if isinstance(op, Move))))
    wishes = await _stop_wishes(batch, {op.worker for op in group if isinstance(op, Renew)})
    return [_answer(batch, op, wishes) for op in group]


def _answer(batch: Batch, op: Move | Renew, wishes: Sequence[tuple[str, str]]) -> Any:
    try:
        return op.decide(batch) if isinstance(op, Move) else _renew(batch, op, wishes)
    except CallerError as error:
        return error


async def _stop_wishes(batch: Batch, workers: set[str]) -> list[tuple[str, str]]:
    if not workers:
        return []
    return [(row[0], row[1]) for row in await batch.db.fetch(SQL["stop_wishes_of"], sorted(workers))]


def _renew(batch: Batch, op: Renew, wishes: Sequence[tuple[str, str]]) -> Renewal:
    lost = [each.job_id for each in op.news if not _renew_one(batch, op.worker, each)]
    own = [id_ for worker, id_ in wishes if worker == op.worker and id_ not in batch.rows]
    own += [row.id for row in batch.rows.values() if _is_to_stop(row, op.worker)]
    return Renewal(tuple(lost), tuple(own))


def _is_to_stop(row: Row, worker: str) -> bool:
    return row.worker == worker and row.state == "running" and bool(row.stop_wish)


def _renew_one(batch: Batch, worker: str, news: News) -> bool:
    row = batch.rows.get(news.job_id)
    if row is None or row.token != news.token or row.state != "running":
        return False
    batch.extend(row)
    if row.worker != worker:  # the same worker under a new name, after its gateway started anew
        row.worker = worker
        batch.changed(row)
    if news.started and row.started_at is None:
        row.started_at = batch.now
        batch.tell(row, "started", {"attempt": row.attempts, "engine": row.engine})
    if news.memo is not None:
        row.memo = news.memo
        batch.changed(row)
    for kind, data in news.events:
        batch.tell(row, kind, data)
    return True


def finish(batch: Batch, ref: LeaseRef, outcome: Outcome) -> Job:
    """Commit the end of an attempt: ended for good, or back in the queue. Raises LeaseLost."""
    row = batch.rows.get(ref.job_id)
    if row is None or row.token != ref.token:
        raise LeaseLost
    if row.state == "running":
        how = after(row.held(), outcome, batch.now, batch.terms)
        if outcome.kind == "failed" and outcome.forget and not row.stop_wish:
            row.memo = ""
        batch.settle(row, how)
    return row.job()


def hand_back(batch: Batch, refs: Sequence[LeaseRef]) -> int:
    """Put leases back at their place in the queue; the attempt is not counted."""
    given = 0
    for ref in refs:
        row = batch.rows.get(ref.job_id)
        if row is None or row.token != ref.token or row.state != "running":
            continue
        given += 1
        row.token = None
        if row.stop_wish:
            batch.end(row, End("cancelled"))
            continue
        attempt, row.attempts, row.run_at = row.attempts, row.attempts - 1, None
        batch.requeue(row)
        batch.tell(row, "queued", {"attempt": attempt, "reason": "handed_back"})
        batch.topics.add(f"model:{row.model}")
    return given


def cancel(batch: Batch, job_id: str, owner: str | None, *, force: bool) -> CancelAnswer:
    """Cancel what has not started; with `force`, wish that a running job stops. Raises as `get`."""
    row = batch.rows.get(job_id)
    found = may_see(row.job() if row else None, job_id, owner)
    assert row is not None, "may_see refuses a job that is not there"  # noqa: S101
    if found.waiting:
        row.token = None
        batch.end(row, End("cancelled"))
        return CancelAnswer(row.job())
    stopping = force and row.state == "running"
    if stopping:
        row.stop_wish = 1
        batch.changed(row)
        batch.topics.add(f"worker:{row.worker}")
    return CancelAnswer(found, stopping)


async def claim(batch: Batch, group: Sequence[Claim]) -> list[list[Lease]]:
    """Lease the fairest jobs to those who ask, in the order in which they asked.

    A claim and its repetition, perhaps at two gateways at once, wait for each other by their nonce.
    """
    asked = {(each.taker.worker, each.taker.nonce): each for each in group}
    await batch.db.execute(SQL["lock_claims"], sorted({_number(*name) for name in asked}))
    claims = list(asked.values())
    given = await _claimed_before(batch, claims)
    while plan := await _plan(batch, claims, given):
        short = await _pick(batch, claims, given, plan)
        if not short or len({want.model for each in claims for want in each.wants}) == 1:
            break
        await batch.flush()  # another gateway was quicker with what was seen: look again
    return [given[claims.index(asked[each.taker.worker, each.taker.nonce])] for each in group]


async def _pick(
    batch: Batch, claims: Sequence[Claim], given: Sequence[list[Lease]], plan: Sequence[tuple[int, Want]]
) -> bool:
    """Take the next jobs as planned; whether there were fewer of a model than planned."""
    short = False
    for model in dict.fromkeys(want.model for _, want in plan):
        served = [(place, want) for place, want in plan if want.model == model]
        rows = await batch.db.fetch(SQL["pick"] % len(served), model)
        short = short or len(rows) < len(served)
        for (place, want), row in zip(served, rows, strict=False):
            given[place].append(_take(batch, Row(*row), want, claims[place].taker, given[place]))
    return short


def _number(worker: str, nonce: str) -> int:
    digest = hashlib.blake2s(f"{worker}\0{nonce}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big", signed=True)


async def _claimed_before(batch: Batch, group: Sequence[Claim]) -> list[list[Lease]]:
    names = sorted({(each.taker.worker, each.taker.nonce) for each in group})
    columns = [list(column) for column in zip(*names, strict=True)]
    rows = [Row(*row) for row in await batch.db.fetch(SQL["claimed_before"], *columns)]
    return [
        [lease_of(row) for row in rows if (row.worker, row.nonce) == (each.taker.worker, each.taker.nonce)]
        for each in group
    ]


async def _plan(batch: Batch, group: Sequence[Claim], given: Sequence[list[Lease]]) -> list[tuple[int, Want]]:
    """Who shall get the next job of which model: one pair (place in the group, want) for each job."""
    lacking = [max(0, each.taker.n - len(have)) for each, have in zip(group, given, strict=True)]
    models = sorted({want.model for each, n in zip(group, lacking, strict=True) if n for want in each.wants})
    if not models:
        return []
    if len(models) == 1:  # nothing to choose
        return [(place, group[place].wants[0]) for place, n in enumerate(lacking) for _ in range(n)]
    waiting: dict[str, list[float]] = {model: [] for model in models}
    most = 1 << (sum(lacking) - 1).bit_length()  # few different statements
    for model, created_at in await batch.db.fetch(SQL["heads"] % most, models):
        waiting[model].append(created_at)
    return [
        (place, want)
        for place, n in enumerate(lacking)
        for _ in range(n)
        if (want := _choose(batch.now, waiting, group[place].wants)) is not None
    ]


def _choose(now: float, waiting: dict[str, list[float]], wants: Sequence[Want]) -> Want | None:
    heads = [
        Head(n, want.model, now - waiting[want.model][0], want.warm)
        for n, want in enumerate(wants)
        if waiting[want.model]
    ]
    head = choose(heads)
    if head is None:
        return None
    waiting[head.model].pop(0)
    return wants[head.seq]


def _take(batch: Batch, row: Row, want: Want, taker: Taker, have: Sequence[Lease]) -> Lease:
    started = len(have) < taker.idle
    row.state, row.attempts, row.stop_wish = "running", row.attempts + 1, 0
    row.worker, row.nonce, row.token = taker.worker, taker.nonce, new_secret()
    if not row.memo:  # what has left a memo is known to one engine alone: no other takes it over
        row.engine = want.engine
    row.lease_until = batch.now + batch.terms.lease_s
    row.started_at = batch.now if started else None
    batch.changed(row)
    batch.advance(virtual(row.model), row.tag)
    batch.count_waiting(row.model, row.key_id, -1)
    if started:
        batch.tell(row, "started", {"attempt": row.attempts, "engine": row.engine})
    batch.topics.add(f"job:{row.id}")
    return lease_of(row)


def lease_of(row: Row) -> Lease:
    """The lease on a running job."""
    return Lease(
        row.id,
        row.token or "",
        row.attempts,
        row.model,
        row.engine or "",
        row.input,
        row.started_at is not None,
        row.memo,
    )

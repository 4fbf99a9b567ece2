"""The moves of jobs on PostgreSQL: each a decision about rows that its batch has locked."""

from __future__ import annotations

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
)
from officina.queue.attempt import End, after, may_see
from officina.queue.postgres_batch import SQL, Batch, Row


class Move(msgspec.Struct, frozen=True):
    """An operation on known jobs: which rows it locks, and what it decides about them."""

    job_ids: Collection[str]
    decide: Callable[[Batch], Any]


class Renew(msgspec.Struct, frozen=True):
    """A worker's renewal, which besides its leases asks for the stop wishes of all its jobs."""

    worker: str
    news: Sequence[News]


async def move(batch: Batch, group: Sequence[Move | Renew]) -> list[Any]:
    """Decide about a group, one after the other, on rows that are locked for all of them."""
    ids = {each.job_id for op in group if isinstance(op, Renew) for each in op.news}
    ids.update(*(op.job_ids for op in group if isinstance(op, Move)))
    wishes = await _read(batch, ids, {op.worker for op in group if isinstance(op, Renew)})
    return [_answer(batch, op, wishes) for op in group]


def _answer(batch: Batch, op: Move | Renew, wishes: Sequence[tuple[str, str]]) -> Any:
    try:
        return op.decide(batch) if isinstance(op, Move) else _renew(batch, op, wishes)
    except CallerError as error:
        return error


async def _read(batch: Batch, ids: set[str], workers: set[str]) -> Sequence[tuple[str, str]]:
    """Read the jobs; the stop wishes of the workers."""
    text = SQL["to_move"] % ("" if batch.at_once else "FOR UPDATE")
    found = await batch.db.fetchrow(text, batch.clock, sorted(ids), sorted(workers))
    assert found is not None, "a SELECT without FROM has one row"  # noqa: S101
    batch.now, rows, wishes = found
    for row in rows:
        known = batch.keep(Row(*row))
        if not batch.at_once:
            known.version = None
    return [(worker, id_) for worker, id_ in wishes]


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

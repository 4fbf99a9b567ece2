"""The moves of a job on SQLite, each a function of the writer's transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from officina.errors import (
    IdempotencyConflict,
    LeaseLost,
)
from officina.job import (
    CancelAnswer,
    EventKind,
    Job,
    Lease,
    LeaseRef,
    NewJob,
    News,
    Outcome,
    Renewal,
    Submitted,
    new_secret,
    searchable,
)
from officina.queue import sql
from officina.queue.attempt import Again, End, Held, after, encode, may_see
from officina.queue.order import Head, choose, stamp, virtual
from officina.queue.protocol import Taker, Terms, Want
from officina.queue.sqlite_limits import admit, count_running, hold, open_head
from officina.queue.writer import Transaction

SQL = sql.statements("sqlite")


def submit(tx: Transaction, job: NewJob, max_waiting: int, terms: Terms) -> Submitted:
    """Insert a job with its fair tag, or give back the request that its idempotency key names."""
    if job.idempotency_key:
        earlier = replay(tx, job.key_id, job.idempotency_key, job.digest, tx.now - terms.idempotency_s)
        if earlier:
            return earlier
    allowance = admit(tx, job, max_waiting, terms)
    tag = stamp(tx.clocks, (job.model, job.key_id, job.level), job.cost / job.weight)
    tx.db.execute(
        SQL["insert_job"],
        (
            job.id,
            job.model,
            job.key_id,
            job.level,
            tag,
            job.input,
            tx.now,
            job.max_attempts,
            job.notes,
            searchable(job.text),
            job.most_outputs,
            job.most_usd,
        ),
    )
    for name in job.pins:
        tx.db.execute(SQL["pin"], (job.id, name))
    for file in job.own:
        tx.db.execute(SQL["add_file"], msgspec.structs.astuple(file))
    if job.idempotency_key:
        tx.db.execute(SQL["remember"], (job.key_id, job.idempotency_key, job.digest, job.id, tx.now))
    count_waiting(tx, job.model, job.key_id, 1)
    tx.topics.add(f"model:{job.model}")
    return Submitted(job.id, allowance=allowance)


def replay(tx: Any, key_id: str, name: str, digest: bytes, since: float) -> Submitted | None:
    """The request that this idempotency key made after `since`. Raises IdempotencyConflict."""
    row = tx.row(SQL["replay"], (key_id, name, since))
    if row is None:
        return None
    if row[0] != digest:
        raise IdempotencyConflict
    return Submitted(row[1], replayed=True)


def claim(tx: Transaction, taker: Taker, wants: Sequence[Want], terms: Terms) -> list[Lease]:
    """Lease up to `taker.n` heads, one after the other, each the fairest choice at that moment."""
    before = tx.rows(SQL["claimed_before"], (taker.worker, taker.nonce))
    leases = [_lease(row) for row in before]
    while len(leases) < taker.n:
        starts = len(leases) < taker.idle
        heads = (open_head(tx, want, terms, starts=starts) for want in wants)
        head = choose([head for head in heads if head is not None])
        if head is None:
            break
        want = next(want for want in wants if want.model == head.model)
        leases.append(_take(tx, head, want, taker, started=starts, terms=terms))
    return leases


def _take(tx: Transaction, head: Head, want: Want, taker: Taker, *, started: bool, terms: Terms) -> Lease:
    token = new_secret()
    started_at = tx.now if started else None
    row = tx.row(
        SQL["take"],
        (
            taker.worker,
            taker.nonce,
            token,
            want.engine,
            tx.now + terms.lease_s,
            started_at,
            head.seq,
        ),
    )
    assert row is not None, "the head was read in this transaction"  # noqa: S101
    job_id, attempt, body, key_id, tag, engine, memo = row
    tx.clocks[virtual(want.model)] = max(tx.clocks[virtual(want.model)], tag)
    count_waiting(tx, want.model, key_id, -1)
    count_running(tx, want.model, key_id, 1)
    if started:
        tell(tx, job_id, "started", {"attempt": attempt, "engine": engine})
    tx.topics.add(f"job:{job_id}")
    return Lease(job_id, token, attempt, want.model, engine, body, started, memo)


def renew(tx: Transaction, worker: str, news: Sequence[News], terms: Terms) -> Renewal:
    """Extend leases and store their news; `stop` names every job of the worker that shall stop."""
    lost = [each.job_id for each in news if not _renew_one(tx, worker, each, terms)]
    stop = [row[0] for row in tx.rows(SQL["stop_wishes"], (worker,))]
    return Renewal(tuple(lost), tuple(stop))


def _renew_one(tx: Transaction, worker: str, news: News, terms: Terms) -> bool:
    row = tx.row(SQL["renew"], (tx.now + terms.lease_s, news.job_id, news.token))
    if row is None:
        return False
    if row[0] != worker:  # the same worker under a new name, after its gateway started anew
        tx.db.execute(SQL["adopt"], (worker, news.job_id))
    if news.started and not row[1]:
        tx.db.execute(SQL["start"], (tx.now, news.job_id))
        tell(tx, news.job_id, "started", {"attempt": row[2], "engine": row[3]})
    if news.memo is not None:
        tx.db.execute(SQL["note_memo"], (news.memo, news.job_id))
    for kind, data in news.events:
        tell(tx, news.job_id, kind, data)
    return True


def finish(tx: Transaction, ref: LeaseRef, outcome: Outcome, terms: Terms) -> Job:
    """Commit the end of an attempt: ended for good, or back in the queue for another try."""
    held = lease_row(tx, ref.job_id)
    if held is None or held.token != ref.token:
        raise LeaseLost
    if held.state == "running":
        how = after(held, outcome, tx.now, terms)
        if outcome.kind == "failed" and outcome.forget and not held.stop_wish:
            tx.db.execute(SQL["note_memo"], ("", held.id))
        settle(tx, held, how, terms)
    return job(tx, ref.job_id)


def settle(tx: Transaction, held: Held, how: End | Again, terms: Terms) -> None:
    """Write what the end of an attempt means: the job has ended, or waits for another try."""
    if isinstance(how, End):
        end(tx, held, how, terms)
        return
    tx.db.execute(SQL["requeue"], (how.run_at, held.attempts, how.history, held.id))
    count_waiting(tx, held.model, held.key_id, 1)
    count_running(tx, held.model, held.key_id, -1)
    tell(tx, held.id, "queued", how.event)


def hand_back(tx: Transaction, refs: Sequence[LeaseRef], terms: Terms) -> int:
    """Put leases back at their place in the queue; the attempt is not counted."""
    held = [row for ref in refs if (row := lease_row(tx, ref.job_id)) and row.token == ref.token]
    running = [row for row in held if row.state == "running"]
    for row in running:
        void_lease(tx, row.id)
        if row.stop_wish:
            end(tx, row, End("cancelled"), terms)
            continue
        tx.db.execute(SQL["requeue"], (None, row.attempts - 1, row.history, row.id))
        count_waiting(tx, row.model, row.key_id, 1)
        count_running(tx, row.model, row.key_id, -1)
        tell(tx, row.id, "queued", {"attempt": row.attempts, "reason": "handed_back"})
        tx.topics.add(f"model:{row.model}")
    return len(running)


def cancel(tx: Transaction, job_id: str, owner: str | None, terms: Terms, *, force: bool) -> CancelAnswer:
    """Cancel what has not started; with `force`, wish that a running job stops."""
    found = job(tx, job_id, owner)
    if found.waiting:
        held = lease_row(tx, job_id)
        assert held is not None, "the job was read in this transaction"  # noqa: S101
        void_lease(tx, job_id)
        end(tx, held, End("cancelled"), terms)
        return CancelAnswer(job(tx, job_id))
    stopping = False
    if force and found.state == "running":
        row = tx.row(SQL["wish_stop"], (job_id,))
        stopping = row is not None
        if row:
            tx.topics.add(f"worker:{row[0]}")
    return CancelAnswer(found, stopping)


def end(tx: Transaction, held: Held, how: End, terms: Terms) -> None:
    """Move a job to an ended state, count it, release its files, and say so."""
    history = how.history or held.history
    hold(tx, held.key_id, (held.most_outputs, held.most_usd), terms, -1)
    for file in how.files:
        tx.db.execute(SQL["add_file"], msgspec.structs.astuple(file))
    tx.db.execute(
        SQL["end"],
        (how.state, tx.now, how.output, how.error, how.notes, history, how.cost_usd, held.id, held.state),
    )
    if held.state == "queued":
        count_waiting(tx, held.model, held.key_id, -1)
    else:
        count_running(tx, held.model, held.key_id, -1)
    for (name,) in tx.rows(SQL["unpin"], (held.id,)):
        tx.db.execute(SQL["keep_file"], (tx.now + terms.retention_s, name))
    day = time.strftime("%Y-%m-%d", time.gmtime(tx.now))
    ends = [int(how.state == each) for each in ("succeeded", "failed", "cancelled")]
    tx.db.execute(
        SQL["count_usage"], (day, held.model, held.key_id, *ends, len(how.files), how.run_s, how.cost_usd)
    )
    tell(tx, held.id, "ended", {"status": how.state})


def tell(tx: Transaction, job_id: str, kind: EventKind, data: dict[str, Any]) -> None:
    """Add the next event of a job."""
    row = tx.row(SQL["number_event"], (job_id,))
    if row is not None:
        tx.db.execute(SQL["add_event"], (job_id, row[0], kind, tx.now, encode(data)))
        tx.topics.add(f"job:{job_id}")


def job(tx: Any, job_id: str, owner: str | None = None) -> Job:
    """Read a job for its owner (None: the admin). Raises UnknownRequest, ForeignRequest."""
    row = tx.row(SQL["job"], (job_id,))
    return may_see(Job(*row) if row else None, job_id, owner)


def leased(tx: Any, ref: LeaseRef) -> Lease:
    """The lease that this token holds. Raises LeaseLost."""
    row = tx.row(SQL["held"], (ref.job_id, ref.token))
    if row is None:
        raise LeaseLost
    return _lease(row)


def _lease(row: tuple[Any, ...]) -> Lease:
    job_id, token, attempts, model, engine, body, started, memo = row
    return Lease(job_id, token, attempts, model, engine, body, bool(started), memo)


def void_lease(tx: Transaction, job_id: str) -> None:
    """Make the token of a lease worthless: it was taken from its holder, whose late result is refused.

    A token that its own holder used up stays, so that a repeated `finish` finds its answer.
    """
    tx.db.execute(SQL["void_lease"], (job_id,))


def lease_row(tx: Transaction, job_id: str) -> Held | None:
    """The columns that decide how an attempt may end."""
    row = tx.row(SQL["lease_row"], (job_id,))
    return Held(*row) if row else None


def count_waiting(tx: Transaction, model: str, key_id: str, change: int) -> None:
    """Keep the counts of waiting jobs per model and per key."""
    tx.waiting[("model", model)] += change
    tx.waiting[("key", key_id)] += change

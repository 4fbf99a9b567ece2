"""What time does to the rows on SQLite: leases run out, retries come due, ended jobs and uploads expire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from officina.errors import StillActive
from officina.queue.attempt import MODEL_GONE, End, after_loss, encode
from officina.queue.protocol import FORGET_WORKER_S, Swept, Terms
from officina.queue.sqlite_jobs import SQL, end, job, lease_row, settle, void_lease
from officina.queue.sqlite_workers import forget
from officina.queue.writer import Transaction

BATCH = 500
"""Rows that one sweep removes or expires at most, so that it never holds up a caller's write for long."""


def expire_leases(tx: Transaction, terms: Terms) -> Swept:
    """Take back leases that ran out."""
    expired = tx.rows(SQL["expired_leases"], (tx.now, BATCH))
    return lose_leases(tx, [row[0] for row in expired], terms)


def lose_workers(tx: Transaction, workers: str, terms: Terms) -> Swept:
    """Take back the leases of every worker whose id starts with `workers`: it is known to be dead."""
    forget(tx, workers)
    held = tx.rows(SQL["leases_of"], (workers, workers + "\U0010ffff"))
    return lose_leases(tx, [row[0] for row in held], terms)


def lose_leases(tx: Transaction, job_ids: Collection[str], terms: Terms) -> Swept:
    """End or retry running jobs whose worker is gone; a wished stop is fulfilled by that."""
    counts = Counter[str]()
    for job_id in job_ids:
        held = lease_row(tx, job_id)
        if held is None or held.state != "running":
            continue
        void_lease(tx, job_id)
        how = after_loss(held, tx.now, terms)
        settle(tx, held, how, terms)
        counts[how.state if isinstance(how, End) else "retried"] += 1
    return Swept(counts["retried"], counts["failed"], counts["cancelled"])


def due_retries(tx: Transaction) -> int:
    """Let delayed jobs whose time has come be claimed."""
    due = tx.rows(SQL["due"], (tx.now,))
    tx.topics.update(f"model:{model}" for _, model in due)
    return len(due)


def fail_orphans(tx: Transaction, models: Collection[str], terms: Terms) -> int:
    """Fail waiting jobs of models that are not offered any more, a batch at a time."""
    failed = 0
    waiting = [name for (kind, name), count in tx.waiting.items() if kind == "model" and count]
    for model in waiting:
        if model in models:
            continue
        for (job_id,) in tx.rows(SQL["waiting_of_model"], (model, BATCH)):
            held = lease_row(tx, job_id)
            if held is not None:
                end(tx, held, End("failed", error=encode(MODEL_GONE)), terms)
                failed += 1
    return failed


def remove_expired(tx: Transaction, terms: Terms) -> tuple[int, tuple[str, ...]]:
    """Remove a batch of rows past their time: how many, and the store keys of their files."""
    old = [row[0] for row in tx.rows(SQL["old_jobs"], (tx.now - terms.retention_s, BATCH))]
    keys = [key for job_id in old for key in drop_job(tx, job_id)]
    keys += [row[0] for row in tx.rows(SQL["old_uploads"], (tx.now, BATCH))]
    tx.db.execute(SQL["old_idempotency"], (tx.now - terms.idempotency_s,))
    tx.db.execute(SQL["old_sessions"], (tx.now,))
    tx.db.execute(SQL["old_rates"], (tx.now,))
    tx.db.execute(SQL["old_workers"], (tx.now - FORGET_WORKER_S,))
    return len(old), tuple(keys)


def forget_clocks(tx: Transaction) -> None:
    """Drop the clocks that virtual time has overtaken: they are the same as none."""
    tx.db.execute(SQL["old_clocks"])
    tx.clocks.forget()


def delete(tx: Transaction, job_id: str, owner: str | None) -> tuple[str, ...]:
    """Remove an ended job at its owner's wish; the store keys of its files."""
    if not job(tx, job_id, owner).ended:
        raise StillActive
    return drop_job(tx, job_id)


def drop_job(tx: Transaction, job_id: str) -> tuple[str, ...]:
    """Remove an ended job's row, events, share and file records; the store keys of the files.

    A file that a job which has not ended refers to stays, as an upload: outputs are used as inputs, too.
    """
    tx.db.execute(SQL["leave_pinned"], (job_id,))
    keys = tuple(row[0] for row in tx.rows(SQL["files_of_job"], (job_id,)))
    tx.db.execute(SQL["drop_events"], (job_id,))
    tx.rows(SQL["unshare"], (job_id,))
    tx.db.execute(SQL["drop_job"], (job_id,))
    tx.topics.add(f"job:{job_id}")
    return keys

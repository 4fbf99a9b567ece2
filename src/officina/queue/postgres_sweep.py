"""What time does to the rows on PostgreSQL, one gateway at a time under an advisory lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from officina.errors import StillActive
from officina.queue.attempt import MODEL_GONE, End, after_loss, encode, may_see
from officina.queue.postgres_batch import SQL, Batch
from officina.queue.postgres_workers import forget
from officina.queue.protocol import FORGET_WORKER_S, Swept

TIDY_S = 30.0
"""Between two removals of rows that mean nothing any more."""


async def may_sweep(batch: Batch) -> bool:
    """Take the lock of the sweep for this transaction; False when another gateway has it."""
    return bool(await batch.db.fetchval(SQL["may_sweep"]))


async def expire_leases(batch: Batch) -> Swept | None:
    """Take back leases that ran out; None when another gateway sweeps."""
    if not await may_sweep(batch):
        return None
    expired = [row[0] for row in await batch.db.fetch(SQL["expired_leases"], batch.now)]
    await batch.lock(expired, only_free=True)
    late = [id_ for id_ in expired if _is_late(batch, id_)]
    return lose_leases(batch, late)


def _is_late(batch: Batch, job_id: str) -> bool:
    row = batch.rows.get(job_id)
    return row is not None and row.lease_until is not None and row.lease_until < batch.now


async def lose_workers(batch: Batch, workers: str) -> Swept:
    """Take back the leases of every worker whose id starts with `workers`: it is known to be dead."""
    await forget(batch, workers)
    found = await batch.db.fetch(SQL["leases_of"], workers, workers + "\U0010ffff")
    held = [row[0] for row in found]
    await batch.lock(held)
    theirs = [id_ for id_ in held if id_ in batch.rows and (batch.rows[id_].worker or "").startswith(workers)]
    return lose_leases(batch, theirs)


def lose_leases(batch: Batch, job_ids: Collection[str]) -> Swept:
    """End or retry running jobs whose worker is gone."""
    counts = Counter[str]()
    for job_id in job_ids:
        row = batch.rows[job_id]
        if row.state != "running":
            continue
        how = after_loss(row.held(), batch.now, batch.terms)
        row.token = None
        batch.settle(row, how)
        counts[how.state if isinstance(how, End) else "retried"] += 1
    return Swept(counts["retried"], counts["failed"], counts["cancelled"])


async def due_retries(batch: Batch) -> int:
    """Let delayed jobs whose time has come be claimed."""
    if not await may_sweep(batch):
        return 0
    due = await batch.db.fetch(SQL["due"], batch.now)
    batch.wrote = batch.wrote or bool(due)
    batch.topics.update(f"model:{row[1]}" for row in due)
    return len(due)


async def fail_orphans(batch: Batch, models: Collection[str]) -> int:
    """Fail waiting jobs of models that are not offered any more, a batch at a time."""
    if not await may_sweep(batch):
        return 0
    gone = [row[0] for row in await batch.db.fetch(SQL["waiting_models"], list(models))]
    if not gone:
        return 0
    waiting = [row[0] for row in await batch.db.fetch(SQL["waiting_of_models"], gone)]
    await batch.lock(waiting, only_free=True)
    orphans = [row for row in batch.rows.values() if row.state == "queued"]
    for row in orphans:
        batch.end(row, End("failed", error=encode(MODEL_GONE)))
    return len(orphans)


async def remove_expired(batch: Batch) -> tuple[int, tuple[str, ...]]:
    """Remove jobs and uploads past their time, a batch: how many jobs, and the store keys of their files."""
    old = [row[0] for row in await batch.db.fetch(SQL["old_jobs"], batch.now - batch.terms.retention_s)]
    keys = await drop_jobs(batch, old) if old else ()
    uploads = await batch.db.fetch(SQL["old_uploads"], batch.now)
    batch.wrote = batch.wrote or bool(uploads)
    return len(old), (*keys, *(row[0] for row in uploads))


async def tidy(batch: Batch) -> None:
    """Remove rows that mean nothing any more. Nobody takes notice of them, so this is seldom enough."""
    batch.wrote = True
    await batch.db.execute(SQL["old_idempotency"], batch.now - batch.terms.idempotency_s)
    await batch.db.execute(SQL["old_sessions"], batch.now)
    await batch.db.execute(SQL["old_rates"], batch.now)
    await batch.db.execute(SQL["old_workers"], batch.now - FORGET_WORKER_S)
    for name in ("old_clocks", "old_counts", "old_lanes"):
        await batch.db.execute(SQL[name])


async def delete(batch: Batch, job_id: str, owner: str | None) -> tuple[str, ...]:
    """Remove an ended job for its owner; the store keys of its files. Raises StillActive and as `get`."""
    await batch.lock([job_id])
    row = batch.rows.get(job_id)
    if not may_see(row.job() if row else None, job_id, owner).ended:
        raise StillActive
    return await drop_jobs(batch, [job_id])


async def drop_jobs(batch: Batch, job_ids: Collection[str]) -> tuple[str, ...]:
    """Remove ended jobs, their events, shares and file records; the store keys of the files.

    A file that a job which has not ended refers to stays, as an upload: outputs are used as inputs, too.
    """
    batch.wrote = True
    ids = list(job_ids)
    await batch.db.execute(SQL["leave_pinned"], ids)
    keys = tuple(row[0] for row in await batch.db.fetch(SQL["files_of_jobs"], ids))
    for name in ("drop_events", "drop_shares", "drop_jobs"):
        await batch.db.execute(SQL[name], ids)
    batch.topics.update(f"job:{job_id}" for job_id in ids)
    return keys

"""Workers on PostgreSQL: a row for each start of one, so that every gateway knows all."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from officina.errors import UnknownRequest
from officina.queue.postgres_batch import SQL, Batch
from officina.queue.protocol import Worker
from officina.queue.rows import worker_of


async def add_worker(batch: Batch, worker: Worker) -> None:
    """Record a worker."""
    batch.wrote = True
    said = msgspec.json.encode(worker.said)
    name = (worker.id, said, worker.gateway, worker.terms)
    await batch.db.execute(
        SQL["add_worker"], *name, batch.now, int(worker.is_claiming), int(worker.drain_wish)
    )


async def workers_seen(batch: Batch, workers: Sequence[Worker]) -> None:
    """Note that workers were heard of; one that has been forgotten stays so."""
    heard = sorted({each.id: (each.id, each.gateway, int(each.is_claiming)) for each in workers}.values())
    if heard:
        batch.wrote = True
        await batch.db.execute(SQL["workers_seen"], *zip(*heard, strict=True), batch.now)


async def wish_drain(batch: Batch, worker_id: str) -> Worker:
    """Wish that a worker drains, and wake it. Raises UnknownRequest."""
    row = await batch.db.fetchrow(SQL["wish_drain"], worker_id)
    if row is None:
        raise UnknownRequest(f"There is no worker {worker_id[:100]}; `GET /v1/workers` lists them.")
    batch.wrote = True
    batch.topics.add(f"worker:{worker_id}")
    return worker_of(tuple(row))


async def forget(batch: Batch, workers: str) -> None:
    """Forget the workers whose id starts so."""
    batch.wrote = True
    await batch.db.execute(SQL["forget_workers"], workers, workers + "\U0010ffff")

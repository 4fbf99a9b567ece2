"""Workers on SQLite: a row for each start of one, so that every gateway knows all."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from officina.errors import UnknownRequest
from officina.queue import sql
from officina.queue.protocol import Worker
from officina.queue.rows import worker_of
from officina.queue.writer import Transaction

SQL = sql.statements("sqlite")


def add_worker(tx: Transaction, worker: Worker) -> None:
    """Record a worker."""
    said = msgspec.json.encode(worker.said)
    tx.db.execute(
        SQL["add_worker"],
        (
            worker.id,
            said,
            worker.gateway,
            worker.terms,
            tx.now,
            tx.now,
            worker.is_claiming,
            worker.drain_wish,
        ),
    )


def workers_seen(tx: Transaction, workers: Sequence[Worker]) -> None:
    """Note that workers were heard of; one that has been forgotten stays so."""
    for worker in workers:
        tx.db.execute(SQL["worker_seen"], (tx.now, worker.gateway, worker.is_claiming, worker.id))


def wish_drain(tx: Transaction, worker_id: str) -> Worker:
    """Wish that a worker drains, and wake it. Raises UnknownRequest."""
    row = tx.row(SQL["wish_drain"], (worker_id,))
    if row is None:
        raise UnknownRequest(f"There is no worker {worker_id[:100]}; `GET /v1/workers` lists them.")
    tx.topics.add(f"worker:{worker_id}")
    return worker_of(row)


def forget(tx: Transaction, workers: str) -> None:
    """Forget the workers whose id starts so."""
    tx.db.execute(SQL["forget_workers"], (workers, workers + "\U0010ffff"))

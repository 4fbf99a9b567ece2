"""What is looked at on SQLite: lists with their search, whole records, shares, and what takes space."""

from __future__ import annotations

from typing import Any

from officina.errors import NothingToShare, UnknownRequest
from officina.job import Filter, Job, Record, Storage, Stored, new_secret, searchable
from officina.queue.attempt import may_see
from officina.queue.rows import conditions
from officina.queue.sqlite_jobs import SQL, job
from officina.queue.writer import Transaction


def listing(where: Filter) -> tuple[str, tuple[Any, ...]]:
    """The statement and the parameters of a list.

    The search is a plain look inside a text: no character of it means anything but itself.
    """
    asked = [*conditions(where)]
    if where.search:
        asked.append(("instr(words, ?) > 0", (searchable(where.search),)))
    condition = " AND ".join(clause for clause, _ in asked) or "1"
    params = tuple(value for _, values in asked for value in values)
    return f"{SQL['jobs']} {condition} ORDER BY id DESC LIMIT {int(where.limit)}", params


def record(tx: Any, job_id: str, owner: str | None = None) -> Record:
    """Read all that is kept of a request. Raises UnknownRequest, ForeignRequest."""
    row = tx.row(SQL["record"], (job_id,))
    columns = len(Job.__struct_fields__)
    found = may_see(Job(*row[:columns]) if row else None, job_id, owner)
    return Record(found, *row[columns:])


def share(tx: Transaction, job_id: str, owner: str | None) -> str:
    """The token of a share, made now unless there is one. Raises NothingToShare and as `record`."""
    if job(tx, job_id, owner).state != "succeeded":
        raise NothingToShare
    tx.db.execute(SQL["share"], (new_secret(), job_id, tx.now))
    return str(record(tx, job_id).share)


def unshare(tx: Transaction, job_id: str, owner: str | None) -> bool:
    """End a share; whether there was one. Raises as `record`."""
    job(tx, job_id, owner)
    return bool(tx.rows(SQL["unshare"], (job_id,)))


def shared(tx: Any, token: str) -> Record:
    """Read the request of a share. Raises UnknownRequest."""
    row = tx.row(SQL["shared"], (token,))
    if row is None:
        raise UnknownRequest("There is no such share: its owner took it back, or it has expired.")
    return record(tx, row[0])


def storage(tx: Any) -> Storage:
    """Add up what is kept."""
    (pages,), (page_bytes,) = tx.row("PRAGMA page_count"), tx.row("PRAGMA page_size")
    return Storage(pages * page_bytes, tuple(Stored(*row) for row in tx.rows(SQL["stored"])))

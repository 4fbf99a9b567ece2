"""What is looked at on PostgreSQL: lists with their search, records, positions, and what takes space."""

from __future__ import annotations

import bisect
import itertools
import re
import time
from typing import Any

from officina.errors import UnknownFile, UnknownRequest
from officina.job import Filter, Job, Position, Record, Storage, Stored, StoredFile
from officina.queue.attempt import may_see
from officina.queue.order import POSITIONS
from officina.queue.postgres_batch import SQL
from officina.queue.postgres_server import Reads
from officina.queue.postgres_submit import sought
from officina.queue.rows import conditions

POSITIONS_FRESH_S = 0.25


def listing(where: Filter) -> tuple[str, tuple[Any, ...]]:
    """The statement and the parameters of a list."""
    asked = [*conditions(where)]
    if where.search:
        asked.append(("strpos(words, ?) > 0", (sought(where.search),)))
    number = itertools.count(1)
    marked = " AND ".join(clause for clause, _ in asked) or "true"
    condition = re.sub(r"\?", lambda _: f"${next(number)}", marked)
    params = tuple(value for _, values in asked for value in values)
    return f"{SQL['jobs']} {condition} ORDER BY id DESC LIMIT {int(where.limit)}", params


async def job(reads: Reads, job_id: str, owner: str | None = None) -> Job:
    """Read a job for its owner (None: the admin). Raises UnknownRequest, ForeignRequest."""
    row = await reads.row(SQL["job"], job_id)
    return may_see(Job(*row) if row else None, job_id, owner)


async def record(reads: Reads, job_id: str, owner: str | None = None) -> Record:
    """Read all that is kept of a request. Raises UnknownRequest, ForeignRequest."""
    row = await reads.row(SQL["record"], job_id)
    columns = len(Job.__struct_fields__)
    values = tuple(row) if row else ()
    found = may_see(Job(*values[:columns]) if values else None, job_id, owner)
    return Record(found, *values[columns:])


async def shared(reads: Reads, token: str) -> Record:
    """Read the request of a share. Raises UnknownRequest."""
    job_id = await reads.value(SQL["shared"], token)
    if job_id is None:
        raise UnknownRequest("There is no such share: its owner took it back, or it has expired.")
    return await record(reads, job_id)


async def file(reads: Reads, name: str) -> StoredFile:
    """Read a file record. Raises UnknownFile."""
    row = await reads.row(SQL["file"], name)
    if row is None:
        raise UnknownFile
    return StoredFile(*row)


async def storage(reads: Reads) -> Storage:
    """Add up what is kept."""
    size_bytes = await reads.value(SQL["database_bytes"])
    return Storage(size_bytes, tuple(Stored(*row) for row in await reads.rows(SQL["stored"])))


class Positions:
    """Where jobs stand: exact among the first thousand, from a snapshot a quarter second old."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._kept: dict[str, tuple[float, list[tuple[float, int]], int]] = {}

    async def of(self, job: Job) -> Position:
        """The place of a waiting job in its model's queue."""
        if job.state != "queued":
            return Position(1)
        read_at, tags, waiting = self._kept.get(job.model, (float("-inf"), [], 0))
        now = time.monotonic()
        if now - read_at > POSITIONS_FRESH_S:
            tags = [(row[0], row[1]) for row in await self._reads.rows(SQL["positions"], job.model)]
            waiting = len(tags)
            if waiting == POSITIONS:
                waiting = await self._reads.value(SQL["waiting_of_model"], job.model)
            self._kept[job.model] = (now, tags, waiting)
        place = bisect.bisect_left(tags, (job.tag, job.seq)) + 1
        if place <= POSITIONS or len(tags) < POSITIONS:
            return Position(place)
        return Position(max(place, waiting), estimate=True)

"""Long backlogs, written past the queue as submits in turn would have left them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import asyncpg

from benchmarks.queue.load import PAYLOAD, key_of
from benchmarks.queue.ours import MODEL
from officina.job import new_id

SPREAD_S = 86_400.0
"""The backlog came in over this time."""
COLUMNS = ("id", "model", "key_id", "level", "tag", "state", "input", "created_at", "max_attempts")
AT_ONCE = 50_000


async def lengthen(place: str, waiting: int, more: int) -> None:
    """Let `more` jobs wait in the database at a place, where `waiting` such jobs do already."""
    tags = {key_of(n): 0.0 for n in range(2000)}
    rows = list(itertools.islice(_rows(tags), waiting, waiting + more))
    counts: dict[str, int] = {}
    for row in rows:
        counts[row[2]] = counts.get(row[2], 0) + 1
    if "://" in place:
        await _into_postgres(place, rows, counts, tags)
    else:
        _into_sqlite(Path(place) / "officina.db", rows, tags)


def _rows(tags: dict[str, float]) -> Iterator[tuple[Any, ...]]:
    began = time.time() - SPREAD_S
    for n in itertools.count():
        key_id = key_of(n)
        tags[key_id] += 1.0
        yield new_id(), MODEL, key_id, 1, tags[key_id], "queued", PAYLOAD, began + n / 100, 3


async def _into_postgres(
    url: str, rows: list[tuple[Any, ...]], counts: dict[str, int], tags: dict[str, float]
) -> None:
    db = await asyncpg.connect(url)
    try:
        async with db.transaction():
            await db.copy_records_to_table("jobs", records=rows, columns=COLUMNS)
            waiting = [(MODEL, key_id, n) for key_id, n in counts.items()]
            await db.executemany(
                "INSERT INTO counts VALUES ($1, $2, 'submit', $3)"
                " ON CONFLICT (model, key_id, lane) DO UPDATE"
                " SET waiting = counts.waiting + excluded.waiting",
                waiting,
            )
            await db.executemany(
                "INSERT INTO clocks VALUES ($1, $2, 1, $3) ON CONFLICT (model, key_id, level) DO UPDATE"
                " SET tag = excluded.tag",
                [(MODEL, key_id, tag) for key_id, tag in tags.items()],
            )
        await db.execute("CHECKPOINT")
    finally:
        await db.close()


def _into_sqlite(path: Path, rows: list[tuple[Any, ...]], tags: dict[str, float]) -> None:
    db = apsw.Connection(str(path))
    db.execute("PRAGMA synchronous = OFF").fetchall()
    names, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
    with db:
        db.executemany(f"INSERT INTO jobs ({names}) VALUES ({marks})", rows)
        levels = [(MODEL, key_id, 1, tag) for key_id, tag in tags.items()]
        db.executemany(
            "INSERT OR REPLACE INTO clocks (model, key_id, level, tag) VALUES (?, ?, ?, ?)", levels
        )
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()

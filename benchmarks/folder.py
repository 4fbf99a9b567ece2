"""Data folders for the gateways under test: keys, and on request a long queue, written by SQL."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import msgspec

from officina.job import new_id
from officina.keys import Key, mint
from officina.queue.protocol import Terms
from officina.queue.sqlite import open_sqlite

MODEL = "bytedance/dreamina-4-0/edit"
LIGHT_KEYS = 1000
"""Half of the long queue belongs to one key, the rest to so many others: the worst case for fair shares."""
SPREAD_S = 86_400.0
"""The long queue came in over this time."""
FLUSHES = 200

INPUT = {
    "image_urls": [
        f"https://storage.example.org/tools/7002/media-files/usecase-{n}-input.jpg" for n in range(6)
    ],
    "prompt": "A beautiful girl is sitting on the boat",
    "width×height": "2048x2048(1:1)",
    "scale": 0.5,
    "force_single": False,
}
BODY = msgspec.json.encode(INPUT)
"""What every submit sends, and what FastAPI echoes."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets that the gateway of a folder takes: the busy caller's, a quiet caller's, a worker's."""

    busy: str
    quiet: str
    worker: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder that is ready to be served."""

    path: Path
    keys: Keys
    waiting: int

    def jobs(self) -> int:
        """How many jobs its database holds, beside those that it was filled with."""
        db = apsw.Connection(str(self.path / "officina.db"), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return int(db.execute("SELECT count(*) FROM jobs").get) - self.waiting
        finally:
            db.close()


def prepare(path: Path, waiting: int) -> Folder:
    """Make a data folder with its keys and so many waiting jobs."""
    path.mkdir(mode=0o700)
    callers = [mint(name, ("caller",)) for name in ("busy", "quiet")]
    worker = mint("worker", ("worker",))
    asyncio.run(_add_keys(path, [key for key, _ in (*callers, worker)]))
    if waiting:
        _fill(path, waiting, [key.id for key, _ in callers])
    secrets = [secret for _, secret in (*callers, worker)]
    return Folder(path, Keys(*secrets), waiting)


def flush_s(path: Path) -> float:
    """The median time of an fdatasync of one page on this disk: what a durable answer cannot undercut."""
    took: list[float] = []
    file = path / "flush-probe"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    for n in range(FLUSHES):
        os.pwrite(descriptor, os.urandom(4096), n * 4096)
        began = time.perf_counter()
        os.fdatasync(descriptor)
        took.append(time.perf_counter() - began)
    os.close(descriptor)
    file.unlink()
    return sorted(took)[FLUSHES // 2]


async def _add_keys(path: Path, keys: list[Key]) -> None:
    queue = open_sqlite(path / "officina.db", Terms())
    for key in keys:
        await queue.add_key(key)
    await queue.close()


def _fill(path: Path, waiting: int, callers: list[str]) -> None:
    db = apsw.Connection(str(path / "officina.db"))
    db.execute("PRAGMA synchronous = OFF").fetchall()
    clocks: dict[str, float] = {}
    with db:
        db.executemany(
            "INSERT INTO jobs (id, model, key_id, level, tag, state, input, created_at, max_attempts)"
            " VALUES (?, ?, ?, 1, ?, 'queued', ?, ?, 3)",
            _rows(waiting, callers, clocks),
        )
        levels = [(MODEL, key_id, level, tag) for key_id, tag in clocks.items() for level in (1, 2)]
        db.executemany("INSERT INTO clocks (model, key_id, level, tag) VALUES (?, ?, ?, ?)", levels)
    db.execute("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()


def _rows(waiting: int, callers: list[str], clocks: dict[str, float]) -> Iterator[tuple[Any, ...]]:
    """Jobs as submits in turn would have stored them, each tag one step after the last of its key."""
    busy, quiet = callers
    light = [quiet, *(f"key_{n:016x}" for n in range(1, LIGHT_KEYS))]
    began = time.time() - SPREAD_S
    for n in range(waiting):
        key_id = busy if n % 2 else light[n // 2 % LIGHT_KEYS]
        clocks[key_id] = tag = clocks.get(key_id, 0.0) + 1.0
        yield new_id(), MODEL, key_id, tag, BODY, began + n * SPREAD_S / waiting

"""The implementations of the queue that every test of the contract runs on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from officina.queue.postgres import open_postgres
from officina.queue.protocol import Queue, Terms
from officina.queue.sqlite import open_sqlite
from postgres_server import databases

Open = Callable[[Path, Terms, Callable[[], float]], Awaitable[Queue]]
"""Opens the queue that lives in a folder; the same folder opened again is the same queue."""


async def _sqlite(folder: Path, terms: Terms, clock: Callable[[], float]) -> Queue:
    return open_sqlite(folder / "officina.db", terms, clock)


async def _postgres(folder: Path, terms: Terms, clock: Callable[[], float]) -> Queue:
    return await open_postgres(await databases().of(folder), terms, clock)


IMPLEMENTATIONS: Mapping[str, Open] = {"sqlite": _sqlite, "postgres": _postgres}

OpenQueue = Callable[..., Awaitable[Queue]]
"""The fixture `open_queue`: opens this test's queue, with the usual terms or others."""

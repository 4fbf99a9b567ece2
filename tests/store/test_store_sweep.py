"""Orphans in every kind of store: what no row names goes, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from officina.job import StoredFile, new_secret
from officina.queue.protocol import Terms
from officina.queue.sqlite import open_sqlite
from officina.store import Store
from officina.store.protocol import put_bytes
from officina.sweep import sweep_orphans


def row(name: str) -> StoredFile:
    now = time.time()
    return StoredFile(name, ".png", f"uploads/{name}", "key", "image/png", 1, "0" * 64, now, now + 3600)


def test_two_gateways_that_sweep_at_once_remove_just_the_orphans(
    stores: Callable[[], Store], tmp_path: Path
) -> None:
    async def run() -> None:
        queue = open_sqlite(tmp_path / "officina.db", Terms())
        try:
            store, kept = stores(), [new_secret() for _ in range(5)]
            for name in kept:
                await queue.add_file(row(name))
                await put_bytes(store, f"uploads/{name}", b"x")
            for n in range(12):
                await put_bytes(store, f"jobs/lost/{n}/0.png", b"x")
            await put_bytes(store, "incoming/lost/1/0", b"x")
            await put_bytes(store, "elsewhere/thing", b"x")

            assert await sweep_orphans(queue, store, age_s=3600) == 0
            removed = await asyncio.gather(*(sweep_orphans(queue, stores(), age_s=-5) for _ in range(2)))

            left = {key async for group in store.older_than(-5) for key in group}
            assert left == {f"uploads/{name}" for name in kept}
            assert max(removed) <= 13 <= sum(removed)
            assert [chunk async for chunk in store.read("elsewhere/thing")] == [b"x"]
        finally:
            await queue.close()

    asyncio.run(run())

"""The sweep: what must happen as time passes. Correctness never depends on when it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

import structlog

from officina.crew import FRESH_S, Crew
from officina.keyring import Keyring
from officina.queue.protocol import Queue
from officina.store import Store
from officina.store.protocol import discard

log = structlog.get_logger("officina.sweep")

LEASES_S = 1.0
KEYS_S = 60.0
ORPHANS_S = 3600.0
ORPHAN_AGE_S = 86400.0
"""A file without a row is left alone for a day: its row may be about to be written."""


async def keep_sweeping(
    queue: Queue, store: Store, keyring: Keyring, crew: Crew, models: Collection[str]
) -> None:
    """Sweep until cancelled; a sweep that fails is logged and tried again."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_every(LEASES_S, lambda: sweep_rows(queue, store, models)))
        tasks.create_task(_every(FRESH_S, crew.refresh))
        tasks.create_task(_every(KEYS_S, keyring.flush))
        tasks.create_task(_every(ORPHANS_S, lambda: sweep_orphans(queue, store)))


async def sweep_rows(queue: Queue, store: Store, models: Collection[str]) -> None:
    """Expired leases, due retries, models that are gone, and what is past its retention."""
    swept = await queue.sweep(models)
    await discard(store, swept.store_keys)
    if swept.retried or swept.failed or swept.cancelled or swept.removed:
        log.info(
            "swept",
            retried=swept.retried,
            failed=swept.failed,
            cancelled=swept.cancelled,
            removed=swept.removed,
            files=len(swept.store_keys),
        )


async def sweep_orphans(queue: Queue, store: Store, age_s: float = ORPHAN_AGE_S) -> int:
    """Remove stored files that no row knows: those of lost attempts and of interrupted uploads."""
    removed = 0
    async for keys in store.older_than(age_s):
        known = await queue.known_store_keys(keys)
        orphans = [key for key in keys if key not in known]
        await store.delete(orphans)
        removed += len(orphans)
    if removed:
        log.info("orphans_removed", files=removed)
    return removed


async def _every(period_s: float, action: Callable[[], Awaitable[object]]) -> None:
    while True:
        begun = time.monotonic()
        try:
            await action()
        except Exception:
            log.exception("sweep_failed")
        await asyncio.sleep(max(0.05, period_s - (time.monotonic() - begun)))

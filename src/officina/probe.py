"""A look at a stranger's file before a run: fetched by the same rules, measured, kept for an hour to show.

Nothing is decoded here: the header of a picture tells its size, and the browser that shows it decodes it. It
shows what was fetched, as one of our own files, so that it need not ask the stranger's host.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from officina.errors import TooManyProbes
from officina.fetch.admit import Fetched, Wanted, broken_rules
from officina.fetch.fetcher import Fetcher
from officina.job import StoredFile, new_secret
from officina.link import FetchPolicy
from officina.model import MediaField, MediaRule
from officina.queue.protocol import Queue
from officina.store import Store
from officina.store.protocol import CHUNK_BYTES

MOST = 30
"""Looks that one key has in `MOST_S`."""
MOST_S = 60.0
AT_ONCE = 4
"""Looks that one key has under way; all together have no more connections than that either."""
PATIENCE_S = 20.0
KEPT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: the kept file, its size in pixels if it has any, and the rules that it breaks."""

    file: StoredFile
    width: int | None
    height: int | None
    broken: tuple[MediaRule, ...]


class Probes:
    """Looks at files for callers, within bounds for each key and for all; an async context manager."""

    def __init__(
        self, queue: Queue, store: Store, policy: FetchPolicy, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue = queue
        self._store = store
        self._clock = clock
        self._looks: dict[str, deque[float]] = defaultdict(deque)
        self._under_way: Counter[str] = Counter()
        patience_s = min(PATIENCE_S, policy.total_timeout_s)
        bounds = msgspec.structs.replace(policy, total_timeout_s=patience_s, max_parallel=AT_ONCE)
        self._fetcher = Fetcher(bounds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._fetcher.__aexit__(kind, error, trace)

    async def look(self, key_id: str, url: str, field: MediaField, accepts: tuple[str, ...]) -> Look:
        """Fetch what a run would fetch for this field, and keep it for an hour as a file of the key.

        Raises:
            TooManyProbes: the key looks too often, or at too much at once.
            RunError: why a run would fail on this file, but for the rules of the field.
        """
        self._count(key_id)
        self._under_way[key_id] += 1
        try:
            with tempfile.TemporaryDirectory(prefix="officina-probe-") as folder:
                unruled = msgspec.structs.replace(field, rules=())
                wanted = Wanted(unruled, 0, url, accepts, "0")
                fetched = await self._fetcher.fetch(wanted, Path(folder))
                file = await self._keep(fetched, key_id)
        finally:
            self._under_way[key_id] -= 1
        broken = tuple(broken_rules(field.rules, fetched.measures()))
        return Look(file, fetched.width, fetched.height, broken)

    def _count(self, key_id: str) -> None:
        now = self._clock()
        for name in [name for name, times in self._looks.items() if times[-1] <= now - MOST_S]:
            del self._looks[name]
        times = self._looks.get(key_id, deque())
        while times and times[0] <= now - MOST_S:
            times.popleft()
        if self._under_way[key_id] >= AT_ONCE:
            raise TooManyProbes(retry_after=1)
        if len(times) >= MOST:
            raise TooManyProbes(retry_after=int(times[0] + MOST_S - now) + 1)
        self._looks[key_id].append(now)

    async def _keep(self, fetched: Fetched, key_id: str) -> StoredFile:
        name, now = new_secret(), time.time()
        put = await self._store.put(f"uploads/{name}", _read(fetched.path), fetched.size_bytes)
        file = StoredFile(
            name=name,
            suffix=fetched.path.suffix,
            store_key=f"uploads/{name}",
            key_id=key_id,
            content_type=fetched.mime,
            size_bytes=put.size_bytes,
            sha256=put.sha256,
            created_at=now,
            expires_at=now + KEPT_S,
        )
        await self._queue.add_file(file)
        return file


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk

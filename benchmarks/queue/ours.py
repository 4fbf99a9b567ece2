"""Our queue under load: `python -m benchmarks.queue.ours PLACE`, a folder or the URL of a database."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import uvloop

from benchmarks.queue.load import PAYLOAD, REST_S, fill, key_of, shares, speak
from officina.job import Lease, LeaseRef, NewJob, Outcome, new_id, new_secret
from officina.queue.postgres import open_postgres
from officina.queue.protocol import Queue, Taker, Terms, Want
from officina.queue.sqlite import open_sqlite

MODEL = "bench/model"
WANTS = (Want(MODEL, "bench"),)
DONE = Outcome("succeeded")
PLENTY = 10_000_000
LISTEN_S = 5.0
TEN = 10


class OurSubject:
    """A gateway's queue, and the one whose workers wait: another gateway's where several can be."""

    def __init__(self, queue: Queue, other: Queue) -> None:
        self._queue = queue
        self._other = other
        self._last = ""

    async def submit(self, n: int) -> None:
        """One call; what arrives during a commit shares the next one."""
        await self._submit(key_of(n))

    async def _submit(self, key_id: str) -> str:
        self._last = new_id()
        return (await self._queue.submit(NewJob(self._last, MODEL, key_id, PAYLOAD), PLENTY)).id

    async def read(self) -> object:
        """The job by id."""
        return await self._queue.get(self._last, None)

    async def work(self, jobs: int, workers: int, batch: int) -> None:
        """So many workers, each of which claims a batch and finishes each of it."""
        left = jobs

        async def worker(name: str) -> None:
            nonlocal left
            while left > 0:
                leases = await claim(self._queue, batch, name)
                left -= len(leases)
                await asyncio.gather(*(finish(self._queue, lease) for lease in leases))

        await asyncio.gather(*(worker(f"worker-{n}") for n in range(max(1, workers))))

    async def starts(self, count: int, *, other: bool = False) -> Sequence[float]:
        """A worker that listens and claims as its link does."""
        began: asyncio.Queue[float] = asyncio.Queue()
        at = self._other if other else self._queue
        waiting = asyncio.create_task(_take_all(at, began))
        took = []
        for n in range(count):
            await asyncio.sleep(REST_S)
            sent = time.perf_counter()
            await self.submit(n)
            took.append(await began.get() - sent)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return took

    async def starts_elsewhere(self, count: int) -> dict[str, float]:
        """The same with a worker of another gateway."""
        return shares(await self.starts(count, other=True))

    async def claims(self, turns: int) -> dict[str, float]:
        """How long a claim of ten takes; each is finished before the next."""
        took = []
        for _ in range(turns):
            began = time.perf_counter()
            leases = await claim(self._queue, TEN)
            took.append(time.perf_counter() - began)
            await asyncio.gather(*(finish(self._queue, lease) for lease in leases))
        return shares(took)

    async def fair(self, heavy: int) -> dict[str, float]:
        """How many jobs of a busy key start before one that comes behind them, while some of those run."""
        await fill(lambda _: self._submit("heavy"), heavy)
        for _ in range(TEN):
            await claim(self._queue, TEN)
        light = await self._submit("light")
        ahead = 0
        while [lease.job_id for lease in await claim(self._queue, 1)] != [light]:
            ahead += 1
        return {"place": ahead}


async def claim(queue: Queue, n: int, worker: str = "worker") -> Sequence[Lease]:
    """Claim up to `n` jobs that start at once."""
    return await queue.claim(Taker(worker, new_secret(), n, n), WANTS)


async def finish(queue: Queue, lease: Lease) -> None:
    """End a run that had nothing to do."""
    await queue.finish(LeaseRef(lease.job_id, lease.token), DONE)


async def _take_all(queue: Queue, began: asyncio.Queue[float]) -> None:
    with queue.wakes.listen(f"model:{MODEL}") as listener:
        while True:
            for lease in await claim(queue, 1):
                began.put_nowait(time.perf_counter())
                await finish(queue, lease)
            await listener.wait(LISTEN_S)


@contextlib.asynccontextmanager
async def opened(place: str) -> AsyncIterator[OurSubject]:
    """The queue at a place, opened twice where it is PostgreSQL's."""
    async with contextlib.AsyncExitStack() as stack:
        first = await open_queue(place)
        stack.push_async_callback(first.close)
        other = first
        if "://" in place:
            other = await open_queue(place)
            stack.push_async_callback(other.close)
        yield OurSubject(first, other)


async def open_queue(place: str) -> Queue:
    """The queue of a folder or of a database."""
    if "://" in place:
        return await open_postgres(place, Terms())
    return open_sqlite(Path(place) / "officina.db", Terms())


if __name__ == "__main__":
    further = {
        "starts_elsewhere": OurSubject.starts_elsewhere,
        "claims": OurSubject.claims,
        "fair": OurSubject.fair,
    }
    uvloop.run(speak(opened(sys.argv[1]), further))

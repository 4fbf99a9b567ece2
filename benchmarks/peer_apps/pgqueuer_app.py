"""pgqueuer under load: `python pgqueuer_app.py URL`; durable tables, its own autovacuum settings."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator

import asyncpg
import uvloop
from benchmarks.queue.load import PAYLOAD, REST_S, speak
from pgqueuer import AsyncpgPoolDriver, Job, PgQueuer, Queries
from pgqueuer.types import QueueExecutionMode

TASK = "task"


class PgQueuerSubject:
    """Submits one by one through a pool, since each caller waits for its own answer."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._queries = Queries(AsyncpgPoolDriver(pool))
        self._last: list = []

    async def prepare(self) -> None:
        """Make its tables."""
        await self._queries.install()
        await self._queries.optimize_autovacuum()

    async def submit(self, _n: int) -> None:
        """One call, one commit."""
        self._last = await self._queries.enqueue(TASK, PAYLOAD)

    async def read(self) -> object:
        """The state by id."""
        return await self._queries.job_status(self._last)

    async def work(self, jobs: int, workers: int, batch: int) -> None:
        """Its drain mode; the limit is what so many workers hold at once, 0 workers are no limit."""
        done = 0
        worker = PgQueuer(AsyncpgPoolDriver(self._pool))

        @worker.entrypoint(TASK)
        async def task(_job: Job) -> None:
            nonlocal done
            done += 1

        most = workers * batch or None
        await worker.run(batch_size=batch, mode=QueueExecutionMode.drain, max_concurrent_tasks=most)
        assert done >= jobs, (done, jobs)

    async def starts(self, count: int) -> list[float]:
        """A worker that waits for the database's notification."""
        began: asyncio.Queue[float] = asyncio.Queue()
        worker = PgQueuer(AsyncpgPoolDriver(self._pool))

        @worker.entrypoint(TASK)
        async def task(_job: Job) -> None:
            began.put_nowait(time.perf_counter())

        running = asyncio.create_task(worker.run())
        await self.submit(0)
        await began.get()
        took = []
        for n in range(count):
            await asyncio.sleep(REST_S)
            sent = time.perf_counter()
            await self.submit(n)
            took.append(await began.get() - sent)
        worker.shutdown.set()
        await running
        return took


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[PgQueuerSubject]:
    """The library on an empty database."""
    async with asyncpg.create_pool(url) as pool:
        subject = PgQueuerSubject(pool)
        await subject.prepare()
        yield subject


uvloop.run(speak(opened(sys.argv[1])))

"""procrastinate under load: `python procrastinate_app.py URL`."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator

import procrastinate
import uvloop
from benchmarks.queue.load import PAYLOAD, REST_S, speak

CONNECTIONS = 10


class ProcrastinateSubject:
    """Defers one by one through a pool, since each caller waits for its own answer."""

    def __init__(self, app: procrastinate.App) -> None:
        self._app = app
        self._arguments = json.loads(PAYLOAD)
        self._last = 0
        self._done = 0
        self._began: asyncio.Queue[float] = asyncio.Queue()

        @app.task(name="task")
        async def task(**_arguments: object) -> None:
            self._done += 1
            self._began.put_nowait(time.perf_counter())

        self._task = task

    async def submit(self, _n: int) -> None:
        """One call, one commit."""
        self._last = await self._task.defer_async(**self._arguments)

    async def read(self) -> object:
        """The state by id."""
        return await self._app.job_manager.get_job_status_async(self._last)

    async def work(self, jobs: int, workers: int, batch: int) -> None:
        """Its worker claims one at a time by design; so many run at once."""
        self._done = 0
        concurrency = max(1, workers) * batch
        await self._app.run_worker_async(wait=False, concurrency=concurrency, install_signal_handlers=False)
        assert self._done >= jobs, (self._done, jobs)
        self._began = asyncio.Queue()

    async def starts(self, count: int) -> list[float]:
        """A worker that waits for the database's notification."""
        running = asyncio.create_task(self._app.run_worker_async(install_signal_handlers=False))
        await self.submit(0)
        await self._began.get()
        took = []
        for n in range(count):
            await asyncio.sleep(REST_S)
            sent = time.perf_counter()
            await self.submit(n)
            took.append(await self._began.get() - sent)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return took


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[ProcrastinateSubject]:
    """The library on an empty database."""
    pool = {"conninfo": url, "min_size": CONNECTIONS, "max_size": CONNECTIONS}
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(**pool))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        yield ProcrastinateSubject(app)


uvloop.run(speak(opened(sys.argv[1])))

"""Wake-ups between gateways: a LISTEN connection each, one NOTIFY in a moment, a poll as the truth."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

from officina.job import new_secret
from officina.queue.postgres_batch import SQL, Connection
from officina.queue.postgres_server import CONNECT_S, SETUP, Reads, Server
from officina.wake import Wakes

CHANNEL = "officina"
GATHER_S = 0.02
POLL_S = 1.0
PAYLOAD = 7900
"""Most bytes of one notification; PostgreSQL takes fewer than 8000."""

# A transaction that notifies holds a lock of the whole server until it has committed. It is therefore one of
# its own that does not wait for the disk: a wake-up that is lost costs a poll.
BUS_SETUP = SETUP + "SET synchronous_commit = off;"


class Bus:
    """Tells the other gateways what happened here, and this one what happened there."""

    def __init__(self, server: Server, wakes: Wakes, reads: Reads) -> None:
        self._server = server
        self._wakes = wakes
        self._reads = reads
        self._versions: dict[str, str | None] = {}
        self._origin = new_secret()[:16]
        self._topics: set[str] = set()
        self._some = asyncio.Event()
        self._listening = asyncio.Event()
        self._tasks = [asyncio.create_task(each) for each in (self._keep_connected(), self._poll())]

    def tell(self, topics: Iterable[str]) -> None:
        """Wake who listens here at once, and soon who listens elsewhere."""
        topics = set(topics)
        if topics:
            self._wakes.notify(topics)
            self._topics |= topics
            self._some.set()

    async def ready(self) -> None:
        """Wait until what happens elsewhere is heard, or the database does not answer soon."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await self._listening.wait()

    async def close(self) -> None:
        """Stop telling and listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                self._wakes.notify(await self._reasons())
            except Exception:  # noqa: BLE001 - whoever waits finds out what is wrong
                self._wakes.notify_all()

    async def _reasons(self) -> set[str]:
        """The topics with a reason to wake: what waits, what is wished, jobs that are not as last seen."""
        topics = [topic.partition(":") for topic in self._wakes.topics()]
        models, workers, ids = (
            [name for kind, _, name in topics if kind == wanted] for wanted in ("model", "worker", "job")
        )
        if not (models or workers or ids):
            self._versions = {}
            return set()
        waiting, wished, versions = await self._reads.row(SQL["reasons"], models, workers, ids)
        before, now = self._versions, dict(versions)
        self._versions = {id_: now.get(id_) for id_ in ids}
        changed = [id_ for id_ in ids if id_ not in before or before[id_] != now.get(id_)]
        return {
            *(f"model:{model}" for model in waiting),
            *(f"worker:{worker}" for worker in wished),
            *(f"job:{id_}" for id_ in changed),
        }

    async def _keep_connected(self) -> None:
        while True:
            with contextlib.suppress(Exception):  # a wake-up is a hint; whatever failed is tried again
                await self._listen()
            await asyncio.sleep(POLL_S / 4)

    async def _listen(self) -> None:
        db = await self._server.connect(setup=BUS_SETUP)
        try:
            await db.add_listener(CHANNEL, self._heard)
            self._wakes.notify_all()  # what was told meanwhile was not heard
            self._listening.set()
            while True:
                await self._send(db)
        finally:
            db.terminate()

    async def _send(self, db: Connection) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._some.wait()
        except TimeoutError:
            await db.execute("SELECT 1")  # is the connection still there?
            return
        topics, self._topics = self._topics, set()
        self._some.clear()
        for payload in _payloads(self._origin, sorted(topics)):
            await db.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
        await asyncio.sleep(GATHER_S)  # after it: the first of many is heard at once, the others go together

    def _heard(self, _db: object, _pid: int, _channel: str, payload: object) -> None:
        origin, *topics = str(payload).split(" ")
        if origin != self._origin:
            self._wakes.notify(topics)


def _payloads(origin: str, topics: Iterable[str]) -> Iterator[str]:
    payload = origin
    for topic in topics:
        if len(payload) + 1 + len(topic) > PAYLOAD:
            yield payload
            payload = origin
        payload += f" {topic}"
    yield payload

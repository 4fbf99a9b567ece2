"""The crew: the workers of all gateways, as this one knows them; a second old at most.

Rows in the database are the truth, so a worker may talk to any gateway. Nothing that must be right depends
on them: they say who is listed, which engines seem to be there, and who is wished to end.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import msgspec

from officina.errors import UnknownWorker
from officina.queue.protocol import Queue, Worker

HEARD_S = 60.0
"""A worker that was silent for longer does not count as being there."""
FRESH_S = 1.0
"""How often the crew is read again."""
NOTED_S = 10.0
"""A worker that is heard of all the time is noted so often in the database."""


class Crew:
    """Who works, kept in memory; `refresh` keeps it true."""

    def __init__(self, queue: Queue, gateway: str, terms: str) -> None:
        self._queue = queue
        self._gateway = gateway
        self._terms = terms
        self._known: dict[str, Worker] = {}
        self._noted: dict[str, float] = {}
        self._unnoted: set[str] = set()
        self._engines: Mapping[frozenset[tuple[str, str]], set[str]] = {}
        self.idle_warm: Counter[str] = Counter()
        """By model, how many workers wait here for work with it loaded."""

    def __iter__(self) -> Iterator[Worker]:
        return iter(tuple(self._known.values()))

    async def greet(self, worker: Worker) -> None:
        """Record a worker that says hello."""
        worker = msgspec.structs.replace(
            worker, gateway=self._gateway, terms=self._terms, registered_at=time.time(), seen_at=time.time()
        )
        await self._queue.add_worker(worker)
        self._noted[worker.id] = time.monotonic()
        self._know({**self._known, worker.id: worker})

    async def hear(self, worker_id: str, *, claiming: bool = False) -> Worker:
        """Note that a worker was heard of.

        Raises:
            UnknownWorker: it is not recorded, or was told other terms than hold now: it says hello again.
        """
        if worker_id not in self._known:
            await self.refresh()
        worker = self._known.get(worker_id)
        if worker is None or worker.terms != self._terms:
            raise UnknownWorker
        return self.saw(worker, claiming=claiming)

    def saw(self, worker: Worker, *, claiming: bool = False) -> Worker:
        """Note that a worker that is known was heard of; the database is told now and then."""
        began = claiming and not worker.is_claiming
        seen = msgspec.structs.replace(
            worker,
            seen_at=time.time(),
            gateway=self._gateway,
            is_claiming=worker.is_claiming or claiming,
        )
        self._known[worker.id] = seen
        if began or time.monotonic() - self._noted.get(worker.id, float("-inf")) > NOTED_S:
            self._unnoted.add(worker.id)
        if began:
            self._know(self._known)
        return seen

    def get(self, worker_id: str) -> Worker | None:
        """A worker, if it is known here."""
        return self._known.get(worker_id)

    async def refresh(self) -> None:
        """Tell the database who was heard of here, and read who was heard of elsewhere."""
        heard = [self._known[each] for each in self._unnoted if each in self._known]
        self._unnoted = set()
        if heard:
            await self._queue.workers_seen(heard)
            self._noted |= dict.fromkeys((each.id for each in heard), time.monotonic())
        self._know({each.id: self._newer(each) for each in await self._queue.workers()})
        self._noted = {each: at for each, at in self._noted.items() if each in self._known}

    async def lose(self, worker_id: str) -> None:
        """Give up a worker that is known to be dead, and its leases."""
        await self._queue.lose(worker_id)
        self._know({each: worker for each, worker in self._known.items() if each != worker_id})

    async def drain(self, worker_id: str) -> Worker:
        """Wish that a worker finishes what it runs, and ends. Raises UnknownRequest."""
        worker = await self._queue.wish_drain(worker_id)
        self._know({**self._known, worker_id: self._newer(worker)})
        return worker

    def drains(self, worker_id: str) -> bool:
        """Whether this worker is wished to end."""
        worker = self._known.get(worker_id)
        return worker is not None and worker.drain_wish

    def there(self) -> list[Worker]:
        """The workers that were heard of lately and are not wished to end."""
        now = time.time()
        return [each for each in self if now - each.seen_at < HEARD_S and not each.drain_wish]

    def engines(self, requires: Collection[tuple[str, str]] = ()) -> set[str]:
        """The engines of workers that are there, take jobs, and have these labels."""
        kinds = [engines for labels, engines in self._engines.items() if labels.issuperset(requires)]
        return set().union(*kinds)

    def _newer(self, read: Worker) -> Worker:
        """What was read of a worker, unless it was heard of here since; a wish to drain always counts."""
        kept = self._known.get(read.id)
        if kept is None or kept.seen_at <= read.seen_at:
            return read
        return msgspec.structs.replace(kept, drain_wish=read.drain_wish)

    def _know(self, workers: Mapping[str, Worker]) -> None:
        self._known = dict(workers)
        engines: dict[frozenset[tuple[str, str]], set[str]] = {}
        for each in self.there():
            if each.is_claiming:
                engines.setdefault(frozenset(each.said.labels.items()), set()).update(each.said.engines)
        self._engines = engines

"""The queue on PostgreSQL, for any number of gateways: a lane for each kind of write, and a few readers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from officina.errors import IdempotencyConflict, LeaseLost, OperatorError
from officina.job import (
    CancelAnswer,
    Depth,
    Event,
    Filter,
    Job,
    Lease,
    LeaseRef,
    NewJob,
    News,
    Outcome,
    Position,
    Record,
    Renewal,
    Running,
    Storage,
    StoredFile,
    Submitted,
)
from officina.keys import Key, KeyChange, Session
from officina.queue import postgres_claim as claims
from officina.queue import postgres_jobs as jobs
from officina.queue import postgres_library as library
from officina.queue import postgres_limits as limits
from officina.queue import postgres_records as records
from officina.queue import postgres_sweep as sweeps
from officina.queue import postgres_workers as crew
from officina.queue.attempt import decode
from officina.queue.postgres_batch import SQL, Batch, Row
from officina.queue.postgres_bus import Bus
from officina.queue.postgres_jobs import Move, Renew
from officina.queue.postgres_lane import Lane, Surroundings, Work, one_by_one
from officina.queue.postgres_schema import prepare
from officina.queue.postgres_server import NO_SNAPSHOT, Reads, Server, now_of
from officina.queue.postgres_submit import Submit, submit
from officina.queue.protocol import Swept, Taker, Terms, Usage, Use, Want, Worker
from officina.queue.rows import key_of, worker_of
from officina.wake import Wakes

P = ParamSpec("P")
R = TypeVar("R")


class PostgresQueue:
    """The queue of one gateway on a database that others share. Open it with `open_postgres`."""

    def __init__(
        self, server: Server, terms: Terms, clock: Callable[[], float] | None, opened_at: float
    ) -> None:
        self.wakes = Wakes()
        self._terms = terms
        self._clock = clock
        self._no_expiry_before = opened_at + terms.lease_s
        self._hold_off = False
        self._tidy_at = 0.0
        self._reads = Reads(server)
        self._positions = library.Positions(self._reads)
        self._bus = Bus(server, self.wakes, self._reads)
        around = Surroundings(server, terms, clock, self._bus.tell, self._regained)
        self._submits = Lane("submit", Work(submit, at_once=True), around)
        self._claims = Lane("claim", Work(claims.claim, lock=claims.lock), around)
        self._moves = Lane("move", Work(jobs.move, at_once=True), around)
        self._others = Lane("other", Work(one_by_one), around)

    def _regained(self, away_s: float) -> None:
        """After a long absence of the database leases have run out through no fault of their workers."""
        if away_s > self._terms.lease_s / 3:
            self._hold_off = True

    @property
    def _now(self) -> float | None:
        return self._clock() if self._clock else None

    async def submit(self, job: NewJob, max_waiting: int) -> Submitted:
        """See Queue.submit."""
        answer: Submitted = await self._submits.do(Submit(job, max_waiting))
        return answer

    async def replay(self, key_id: str, idempotency_key: str, digest: bytes) -> Submitted | None:
        """See Queue.replay."""
        asked = (key_id, idempotency_key, self._terms.idempotency_s, self._now)
        row = await self._reads.row(SQL["replay"], *asked)
        if row is None:
            return None
        if row[0] != digest:
            raise IdempotencyConflict
        return Submitted(row[1], replayed=True)

    async def claim(self, taker: Taker, wants: Sequence[Want]) -> Sequence[Lease]:
        """See Queue.claim. Nothing is written when nothing waits."""
        leases: list[Lease] = await self._claims.do(claims.Claim(taker, wants))
        return leases

    async def renew(self, worker: str, news: Sequence[News]) -> Renewal:
        """See Queue.renew."""
        if not news:
            stop = await self._reads.rows(SQL["stop_wishes"], worker)
            return Renewal(stop=tuple(row[0] for row in stop))
        renewal: Renewal = await self._moves.do(Renew(worker, news))
        return renewal

    async def finish(self, ref: LeaseRef, outcome: Outcome) -> Job:
        """See Queue.finish."""
        return await self._move([ref.job_id], jobs.finish, ref, outcome)

    async def hand_back(self, refs: Sequence[LeaseRef]) -> int:
        """See Queue.hand_back."""
        return await self._move([ref.job_id for ref in refs], jobs.hand_back, refs)

    async def leased(self, ref: LeaseRef) -> Lease:
        """See Queue.leased."""
        row = await self._reads.row(SQL["held"], ref.job_id, ref.token)
        if row is None:
            raise LeaseLost
        return jobs.lease_of(Row(*row))

    async def cancel(self, job_id: str, owner: str | None, *, force: bool = False) -> CancelAnswer:
        """See Queue.cancel."""
        return await self._move([job_id], jobs.cancel, job_id, owner, force=force)

    async def get(self, job_id: str, owner: str | None) -> Job:
        """See Queue.get."""
        return await library.job(self._reads, job_id, owner)

    async def list(self, where: Filter) -> Sequence[Job]:
        """See Queue.list."""
        text, params = library.listing(where)
        return [Job(*row) for row in await self._reads.rows(text, *params)]

    async def record(self, job_id: str, owner: str | None) -> Record:
        """See Queue.record."""
        return await library.record(self._reads, job_id, owner)

    async def inputs(self, job_ids: Collection[str]) -> Mapping[str, bytes]:
        """See Queue.inputs."""
        return {row[0]: row[1] for row in await self._reads.rows(SQL["inputs"], [*job_ids])}

    async def share(self, job_id: str, owner: str | None) -> str:
        """See Queue.share."""
        return await self._other(records.share, job_id, owner)

    async def unshare(self, job_id: str, owner: str | None) -> bool:
        """See Queue.unshare."""
        return await self._other(records.unshare, job_id, owner)

    async def shared(self, token: str) -> Record:
        """See Queue.shared."""
        return await library.shared(self._reads, token)

    async def position(self, job: Job) -> Position:
        """See Queue.position."""
        return await self._positions.of(job)

    async def events(self, job_id: str, after: int = 0) -> Sequence[Event]:
        """See Queue.events. The first event is the row itself."""
        rows = await self._reads.rows(SQL["events"], job_id, after)
        found = [Event(n, kind, at, decode(data)) for n, kind, at, data in rows]
        if after < 1:
            found.insert(0, Event(1, "queued", (await library.job(self._reads, job_id)).created_at))
        return found

    async def delete(self, job_id: str, owner: str | None) -> tuple[str, ...]:
        """See Queue.delete."""
        return await self._other(sweeps.delete, job_id, owner)

    async def depth(self) -> Mapping[str, Depth]:
        """See Queue.depth: from counts and one probe per model, never a count of the backlog."""
        return {
            row[0]: Depth(*row[1:]) for row in map(tuple, await self._reads.rows(SQL["depth"], self._now))
        }

    async def depth_by_key(self) -> Mapping[str, Depth]:
        """See Queue.depth_by_key: found like `depth`."""
        rows = await self._reads.rows(SQL["depth_by_key"], self._now)
        return {row[0]: Depth(*row[1:]) for row in map(tuple, rows)}

    async def running(self) -> Sequence[Running]:
        """See Queue.running."""
        return [Running(*row) for row in await self._reads.rows(SQL["running"])]

    async def storage(self) -> Storage:
        """See Queue.storage."""
        return await library.storage(self._reads)

    async def sweep(self, models: Collection[str] | None = None) -> Swept:
        """See Queue.sweep. One gateway sweeps at a time; the others find nothing to do.

        It expires no lease in the first lease time after its start, nor after it found the database again.
        """
        swept = await self._other(self._expire_leases)
        if swept is None:
            return Swept()
        due = await self._other(sweeps.due_retries)
        gone = await self._other(sweeps.fail_orphans, models) if models is not None else 0
        removed, keys = await self._other(self._remove_expired)
        return Swept(swept.retried, swept.failed + gone, swept.cancelled, due, removed, keys)

    async def _expire_leases(self, batch: Batch) -> Swept | None:
        if self._hold_off:
            self._hold_off = False
            self._no_expiry_before = max(self._no_expiry_before, batch.now + self._terms.lease_s)
        if batch.now < self._no_expiry_before:
            return Swept() if await sweeps.may_sweep(batch) else None
        return await sweeps.expire_leases(batch)

    async def _remove_expired(self, batch: Batch) -> tuple[int, tuple[str, ...]]:
        if not await sweeps.may_sweep(batch):
            return 0, ()
        if batch.now >= self._tidy_at:
            self._tidy_at = batch.now + sweeps.TIDY_S
            await sweeps.tidy(batch)
        return await sweeps.remove_expired(batch)

    async def lose(self, workers: str) -> Swept:
        """See Queue.lose."""
        return await self._other(sweeps.lose_workers, workers)

    async def usage(
        self, since: str, until: str, key_id: str | None = None, *, weekly: bool = False
    ) -> Sequence[Usage]:
        """See Queue.usage."""
        statement = SQL["usage_by_week" if weekly else "usage"]
        return [Usage(*row) for row in await self._reads.rows(statement, since, until, key_id)]

    async def add_file(self, file: StoredFile) -> None:
        """See Queue.add_file."""
        await self._other(records.add_file, file)

    async def file(self, name: str) -> StoredFile:
        """See Queue.file."""
        return await library.file(self._reads, name)

    async def known_store_keys(self, keys: Collection[str]) -> set[str]:
        """See Queue.known_store_keys."""
        return {row[0] for row in await self._reads.rows(SQL["store_keys"], [*keys])}

    async def add_key(self, key: Key) -> None:
        """See Queue.add_key."""
        await self._other(records.add_key, key)

    async def add_first_key(self, key: Key) -> bool:
        """See Queue.add_first_key."""
        return await self._other(records.add_first_key, key)

    async def key_by_hash(self, digest: bytes) -> Key | None:
        """See Queue.key_by_hash."""
        row = await self._reads.row(SQL["key_by_hash"], digest)
        return key_of(tuple(row)) if row else None

    async def keys(self) -> Sequence[Key]:
        """See Queue.keys."""
        return [key_of(tuple(row)) for row in await self._reads.rows(SQL["keys"])]

    async def change_key(self, key_id: str, change: KeyChange) -> Key:
        """See Queue.change_key."""
        return await self._other(records.change_key, key_id, change)

    async def use(self, key_ids: Collection[str]) -> Mapping[str, Use]:
        """See Queue.use."""
        return await self._other(limits.use, key_ids)

    async def revoke_key(self, key_id: str, *, cancel_waiting: bool = False) -> Key:
        """See Queue.revoke_key."""
        return await self._other(records.revoke_key, key_id, cancel_waiting=cancel_waiting)

    async def key_used(self, used: Mapping[str, float]) -> None:
        """See Queue.key_used."""
        await self._other(records.key_used, used)

    async def add_session(self, session: Session) -> None:
        """See Queue.add_session."""
        await self._other(records.add_session, session)

    async def key_by_session(self, digest: bytes) -> Key | None:
        """See Queue.key_by_session."""
        row = await self._reads.row(SQL["key_by_session"], digest, self._now)
        return key_of(tuple(row)) if row else None

    async def end_session(self, digest: bytes) -> None:
        """See Queue.end_session."""
        await self._other(records.end_session, digest)

    async def end_sessions(self, key_id: str) -> int:
        """See Queue.end_sessions."""
        return await self._other(records.end_sessions, key_id)

    async def add_worker(self, worker: Worker) -> None:
        """See Queue.add_worker."""
        await self._other(crew.add_worker, worker)

    async def workers(self) -> Sequence[Worker]:
        """See Queue.workers."""
        return [worker_of(tuple(row)) for row in await self._reads.rows(SQL["workers"])]

    async def workers_seen(self, workers: Sequence[Worker]) -> None:
        """See Queue.workers_seen."""
        await self._other(crew.workers_seen, workers)

    async def wish_drain(self, worker_id: str) -> Worker:
        """See Queue.wish_drain."""
        return await self._other(crew.wish_drain, worker_id)

    async def snapshot(self, into: Path) -> None:  # noqa: ARG002
        """Refuse: PostgreSQL has its own tools for that. Raises OperatorError, Unavailable."""
        await self._reads.value("SELECT 1")  # raises when the queue is closed
        raise OperatorError(NO_SNAPSHOT)

    async def ready(self) -> None:
        """Wait until what other gateways tell is heard."""
        await self._bus.ready()

    async def close(self) -> None:
        """See Queue.close."""
        for lane in (self._submits, self._claims, self._moves, self._others):
            await lane.close()
        await self._bus.close()
        await self._reads.close()

    async def _move(
        self,
        job_ids: Collection[str],
        decide: Callable[Concatenate[Batch, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        answer: R = await self._moves.do(Move(job_ids, lambda batch: decide(batch, *args, **kwargs)))
        return answer

    async def _other(
        self, operation: Callable[Concatenate[Batch, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        answer: R = await self._others.do(lambda batch: operation(batch, *args, **kwargs))
        return answer


async def open_postgres(url: str, terms: Terms, clock: Callable[[], float] | None = None) -> PostgresQueue:
    """Open the queue of a PostgreSQL database, and bring its schema up to date. `clock` is for tests.

    Raises:
        OperatorError: the database cannot be used; the message says why and what to do.
    """
    server = Server(url)
    await prepare(server)
    connection = await server.first()
    try:
        opened_at = await now_of(connection, clock)
    finally:
        await connection.close()
    queue = PostgresQueue(server, terms, clock, opened_at)
    await queue.ready()
    return queue

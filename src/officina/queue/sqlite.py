"""The queue on SQLite: one writer thread, one reader on the event loop, one scanner for longer reads."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw

from officina.errors import DatabaseDamaged, DatabaseNewer, Unavailable
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
    searchable,
)
from officina.keys import Key, KeyChange, Session
from officina.queue import (
    sql,
    sqlite_jobs,
    sqlite_library,
    sqlite_limits,
    sqlite_records,
    sqlite_sweep,
    sqlite_workers,
)
from officina.queue.attempt import decode
from officina.queue.order import POSITIONS
from officina.queue.protocol import Swept, Taker, Terms, Usage, Use, Want, Worker
from officina.queue.rows import key_of, worker_of
from officina.queue.sqlite_jobs import SQL
from officina.queue.writer import Transaction, Writer
from officina.wake import Wakes

VERSION = 5
CLOSED = "The server is stopping; try again when it is back."
OLDEST_SQLITE = (3, 51, 3)
"""Older ones can corrupt a WAL database when two connections checkpoint at the same instant."""
POSITIONS_FRESH_S = 0.25


class Reader:
    """A read-only connection with the same way to ask as a Transaction."""

    def __init__(self, path: Path) -> None:
        self.db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        self.db.set_busy_timeout(5000)

    def rows(self, text: str, params: Any = ()) -> list[tuple[Any, ...]]:
        """Every row of a statement. Raises Unavailable once the queue is closed."""
        try:
            return self.db.execute(text, params).fetchall()
        except apsw.ConnectionClosedError:
            raise Unavailable(CLOSED) from None

    def row(self, text: str, params: Any = ()) -> tuple[Any, ...] | None:
        """The first row of a statement."""
        rows = self.rows(text, params)
        return rows[0] if rows else None


class SqliteQueue:
    """The queue of one data folder. Open it with `open_sqlite`; one process only may."""

    def __init__(self, path: Path, tx: Transaction, terms: Terms, clock: Callable[[], float]) -> None:
        self.wakes = Wakes()
        self._path = path
        self._terms = terms
        self._clock = clock
        self._no_expiry_before = clock() + terms.lease_s
        self._tx = tx
        self._writer = Writer(tx, self.wakes.notify)
        self._reader = Reader(path)
        self._scanner = Reader(path)
        self._scanning = asyncio.Lock()
        self._positions: dict[str, tuple[float, list[tuple[float, int]]]] = {}

    async def submit(self, job: NewJob, max_waiting: int) -> Submitted:
        """See Queue.submit."""
        return await self._writer.do(sqlite_jobs.submit, job, max_waiting, self._terms)

    async def replay(self, key_id: str, idempotency_key: str, digest: bytes) -> Submitted | None:
        """See Queue.replay."""
        since = self._clock() - self._terms.idempotency_s
        return sqlite_jobs.replay(self._reader, key_id, idempotency_key, digest, since)

    async def claim(self, taker: Taker, wants: Sequence[Want]) -> Sequence[Lease]:
        """See Queue.claim. Nothing is written when nothing waits and the claim is new."""
        return await self._writer.do(sqlite_jobs.claim, taker, wants, self._terms)

    async def renew(self, worker: str, news: Sequence[News]) -> Renewal:
        """See Queue.renew."""
        if not news:
            stop = self._reader.rows(SQL["stop_wishes"], (worker,))
            return Renewal(stop=tuple(row[0] for row in stop))
        return await self._writer.do(sqlite_jobs.renew, worker, news, self._terms)

    async def finish(self, ref: LeaseRef, outcome: Outcome) -> Job:
        """See Queue.finish."""
        return await self._writer.do(sqlite_jobs.finish, ref, outcome, self._terms)

    async def hand_back(self, refs: Sequence[LeaseRef]) -> int:
        """See Queue.hand_back."""
        return await self._writer.do(sqlite_jobs.hand_back, refs, self._terms)

    async def leased(self, ref: LeaseRef) -> Lease:
        """See Queue.leased."""
        return sqlite_jobs.leased(self._reader, ref)

    async def cancel(self, job_id: str, owner: str | None, *, force: bool = False) -> CancelAnswer:
        """See Queue.cancel."""
        return await self._writer.do(sqlite_jobs.cancel, job_id, owner, self._terms, force=force)

    async def get(self, job_id: str, owner: str | None) -> Job:
        """See Queue.get. One probe of an index, on the event loop: quicker than a thread."""
        return sqlite_jobs.job(self._reader, job_id, owner)

    async def list(self, where: Filter) -> Sequence[Job]:
        """See Queue.list."""
        text, params = sqlite_library.listing(where)
        return [Job(*row) for row in await self._scan(text, params)]

    async def record(self, job_id: str, owner: str | None) -> Record:
        """See Queue.record."""
        return sqlite_library.record(self._reader, job_id, owner)

    async def inputs(self, job_ids: Collection[str]) -> Mapping[str, bytes]:
        """See Queue.inputs."""
        rows = {job_id: self._reader.row(SQL["input"], (job_id,)) for job_id in job_ids}
        return {job_id: row[0] for job_id, row in rows.items() if row}

    async def share(self, job_id: str, owner: str | None) -> str:
        """See Queue.share."""
        return await self._writer.do(sqlite_library.share, job_id, owner)

    async def unshare(self, job_id: str, owner: str | None) -> bool:
        """See Queue.unshare."""
        return await self._writer.do(sqlite_library.unshare, job_id, owner)

    async def shared(self, token: str) -> Record:
        """See Queue.shared."""
        return sqlite_library.shared(self._reader, token)

    async def position(self, job: Job) -> Position:
        """See Queue.position: exact among the first thousand, from a snapshot a quarter second old."""
        if job.state != "queued":
            return Position(1)
        read_at, tags = self._positions.get(job.model, (float("-inf"), []))
        now = time.monotonic()
        if now - read_at > POSITIONS_FRESH_S:
            tags = [(row[0], row[1]) for row in self._reader.rows(SQL["positions"], (job.model,))]
            self._positions[job.model] = (now, tags)
        place = bisect.bisect_left(tags, (job.tag, job.seq)) + 1
        if place <= POSITIONS or len(tags) < POSITIONS:
            return Position(place)
        return Position(max(place, int(self._tx.waiting[("model", job.model)])), estimate=True)

    async def events(self, job_id: str, after: int = 0) -> Sequence[Event]:
        """See Queue.events. The first event is the row itself."""
        rows = self._reader.rows(SQL["events"], (job_id, after))
        found = [Event(n, kind, at, decode(data)) for n, kind, at, data in rows]
        if after < 1:
            found.insert(0, Event(1, "queued", sqlite_jobs.job(self._reader, job_id).created_at))
        return found

    async def delete(self, job_id: str, owner: str | None) -> tuple[str, ...]:
        """See Queue.delete."""
        return await self._writer.do(sqlite_sweep.delete, job_id, owner)

    async def depth(self) -> Mapping[str, Depth]:
        """See Queue.depth: from counts in memory and one probe per model, never a count of the backlog."""
        running = dict(await self._scan(SQL["running_counts"], ()))
        return self._depths("model", running, SQL["oldest"])

    async def depth_by_key(self) -> Mapping[str, Depth]:
        """See Queue.depth_by_key: found like `depth`."""
        running = Counter(each.key_id for each in await self.running())
        return self._depths("key", running, SQL["oldest_of_key"])

    def _depths(self, kind: str, running: Mapping[str, int], oldest: str) -> dict[str, Depth]:
        waiting = {name: int(count) for (of, name), count in self._tx.waiting.items() if of == kind}
        now = self._clock()

        def age_s(name: str) -> float:
            row = self._reader.row(oldest, (name,))
            return max(0.0, now - row[0]) if row else 0.0

        return {
            name: Depth(waiting.get(name, 0), running.get(name, 0), age_s(name))
            for name in sorted({*running, *waiting})
        }

    async def running(self) -> Sequence[Running]:
        """See Queue.running."""
        return [Running(*row) for row in await self._scan(SQL["running"], ())]

    async def storage(self) -> Storage:
        """See Queue.storage."""
        async with self._scanning:
            return await asyncio.to_thread(sqlite_library.storage, self._scanner)

    async def sweep(self, models: Collection[str] | None = None) -> Swept:
        """See Queue.sweep. No lease is swept in the first lease time after a start."""
        swept = Swept()
        if self._clock() >= self._no_expiry_before:
            swept = await self._writer.do(sqlite_sweep.expire_leases, self._terms)
        due = await self._writer.do(sqlite_sweep.due_retries)
        gone = 0
        if models is not None:
            gone = await self._writer.do(sqlite_sweep.fail_orphans, models, self._terms)
        removed, keys = await self._writer.do(sqlite_sweep.remove_expired, self._terms)
        await self._writer.do(sqlite_sweep.forget_clocks)
        return Swept(swept.retried, swept.failed + gone, swept.cancelled, due, removed, keys)

    async def lose(self, workers: str) -> Swept:
        """See Queue.lose."""
        return await self._writer.do(sqlite_sweep.lose_workers, workers, self._terms)

    async def usage(
        self, since: str, until: str, key_id: str | None = None, *, weekly: bool = False
    ) -> Sequence[Usage]:
        """See Queue.usage."""
        statement = SQL["usage_by_week" if weekly else "usage"]
        return [Usage(*row) for row in await self._scan(statement, (since, until, key_id))]

    async def add_file(self, file: StoredFile) -> None:
        """See Queue.add_file."""
        await self._writer.do(sqlite_records.add_file, file)

    async def file(self, name: str) -> StoredFile:
        """See Queue.file."""
        return sqlite_records.file(self._reader, name)

    async def known_store_keys(self, keys: Collection[str]) -> set[str]:
        """See Queue.known_store_keys."""
        return {key for key in keys if self._reader.row(SQL["store_key"], (key,))}

    async def add_key(self, key: Key) -> None:
        """See Queue.add_key."""
        await self._writer.do(sqlite_records.add_key, key)

    async def add_first_key(self, key: Key) -> bool:
        """See Queue.add_first_key."""
        return await self._writer.do(sqlite_records.add_first_key, key)

    async def key_by_hash(self, digest: bytes) -> Key | None:
        """See Queue.key_by_hash."""
        row = self._reader.row(SQL["key_by_hash"], (digest,))
        return key_of(row) if row else None

    async def keys(self) -> Sequence[Key]:
        """See Queue.keys."""
        return [key_of(row) for row in self._reader.rows(SQL["keys"])]

    async def change_key(self, key_id: str, change: KeyChange) -> Key:
        """See Queue.change_key."""
        return await self._writer.do(sqlite_records.change_key, key_id, change)

    async def use(self, key_ids: Collection[str]) -> Mapping[str, Use]:
        """See Queue.use."""
        return await self._writer.do(sqlite_limits.use, key_ids, self._terms)

    async def revoke_key(self, key_id: str, *, cancel_waiting: bool = False) -> Key:
        """See Queue.revoke_key."""
        return await self._writer.do(
            sqlite_records.revoke_key, key_id, self._terms, cancel_waiting=cancel_waiting
        )

    async def key_used(self, used: Mapping[str, float]) -> None:
        """See Queue.key_used."""
        await self._writer.do(sqlite_records.key_used, used)

    async def add_session(self, session: Session) -> None:
        """See Queue.add_session."""
        await self._writer.do(sqlite_records.add_session, session)

    async def key_by_session(self, digest: bytes) -> Key | None:
        """See Queue.key_by_session."""
        row = self._reader.row(SQL["key_by_session"], (digest, self._clock()))
        return key_of(row) if row else None

    async def end_session(self, digest: bytes) -> None:
        """See Queue.end_session."""
        await self._writer.do(sqlite_records.end_session, digest)

    async def end_sessions(self, key_id: str) -> int:
        """See Queue.end_sessions."""
        return await self._writer.do(sqlite_records.end_sessions, key_id)

    async def add_worker(self, worker: Worker) -> None:
        """See Queue.add_worker."""
        await self._writer.do(sqlite_workers.add_worker, worker)

    async def workers(self) -> Sequence[Worker]:
        """See Queue.workers."""
        return [worker_of(row) for row in self._reader.rows(SQL["workers"])]

    async def workers_seen(self, workers: Sequence[Worker]) -> None:
        """See Queue.workers_seen."""
        await self._writer.do(sqlite_workers.workers_seen, workers)

    async def wish_drain(self, worker_id: str) -> Worker:
        """See Queue.wish_drain."""
        return await self._writer.do(sqlite_workers.wish_drain, worker_id)

    async def snapshot(self, into: Path) -> None:
        """See Queue.snapshot: a database file like this one."""
        self._reader.row("PRAGMA user_version")  # raises when the queue is closed
        await asyncio.to_thread(_copy, self._path, into)

    async def close(self) -> None:
        """See Queue.close."""
        await self._writer.close()
        async with self._scanning:
            for db in (self._reader.db, self._scanner.db, self._tx.db):
                db.close()

    async def _scan(self, text: str, params: Any) -> Sequence[tuple[Any, ...]]:
        async with self._scanning:
            return await asyncio.to_thread(self._scanner.rows, text, params)


def open_sqlite(path: Path, terms: Terms, clock: Callable[[], float] = time.time) -> SqliteQueue:
    """Open or make the database file; call it inside a running event loop.

    Raises:
        DatabaseDamaged: it is not a database, or a damaged one.
        DatabaseNewer: a newer officina wrote it.
    """
    try:
        db = apsw.Connection(str(path))
        with contextlib.suppress(OSError):
            path.chmod(0o600)
        db.set_busy_timeout(5000)
        db.transaction_mode = "IMMEDIATE"
        db.execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"
        ).fetchall()
        migrate(db)
        tx = Transaction(db, clock)
        for model, key_id, count in tx.rows(SQL["waiting_counts"]):
            sqlite_jobs.count_waiting(tx, model, key_id, count)
        for model, key_id, count in tx.rows(SQL["running_by_key"]):
            sqlite_limits.count_running(tx, model, key_id, count)
        tx.waiting.commit()
        tx.running.commit()
    except (apsw.NotADBError, apsw.CorruptError):
        raise DatabaseDamaged(
            f"The database {path.name} is damaged or not a database; move it away and restore a backup "
            "(`officina restore FILE --data DIR`)."
        ) from None
    return SqliteQueue(path, tx, terms, clock)


def migrate(db: apsw.Connection) -> None:
    """Bring a database to the present schema, one numbered step after the other. Raises DatabaseNewer."""
    if tuple(int(part) for part in apsw.sqlitelibversion().split(".")) < OLDEST_SQLITE:
        raise DatabaseNewer(f"SQLite {apsw.sqlitelibversion()} is too old; install a current `apsw`.")
    version = db.pragma("user_version")
    if version > VERSION:
        raise DatabaseNewer(
            f"The database has schema version {version} and this officina knows {VERSION}; upgrade officina."
        )
    db.create_scalar_function("searchable", _searchable, 1, deterministic=True)
    for step in range(version + 1, VERSION + 1):
        with db:
            db.execute(sql.script(f"sqlite-{step}"))
            db.pragma("user_version", step)


def _searchable(*given: Any) -> str:
    return searchable(str(given[0] or ""))


def _copy(path: Path, copy: Path) -> None:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        db.execute("VACUUM INTO ?", (str(copy),))
    finally:
        db.close()

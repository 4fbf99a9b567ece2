"""One thread that writes to SQLite and gathers what arrives during a commit into the next one.

The commit is the timer: an operation never waits for others to come, and under load many share one fsync.
An operation is a function of a Transaction that checks before it writes: a CallerError it raises concerns it
alone; anything else rolls the group back, and each operation is tried again by itself.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import apsw

from officina.errors import CallerError, DatabaseDamaged, DiskFull, Unavailable
from officina.keys import KeyLimits

GROUP = 256
"""Most operations in one commit."""

P = ParamSpec("P")
R = TypeVar("R")
K = TypeVar("K")


class Overlay(MutableMapping[K, float]):
    """Numbers kept in memory, whose changes count only once the transaction has been committed."""

    def __init__(self, load: Callable[[K], float] | None = None) -> None:
        self._kept: dict[K, float] = {}
        self._staged: dict[K, float] = {}
        self._load = load

    def __getitem__(self, key: K) -> float:
        if key in self._staged:
            return self._staged[key]
        if key not in self._kept:
            self._kept[key] = self._load(key) if self._load else 0.0
        return self._kept[key]

    def __setitem__(self, key: K, value: float) -> None:
        self._staged[key] = value

    def __delitem__(self, key: K) -> None:
        self._staged.pop(key, None)
        self._kept.pop(key, None)

    def __iter__(self) -> Iterator[K]:
        return iter({**self._kept, **self._staged})

    def __len__(self) -> int:
        return len({**self._kept, **self._staged})

    def get(self, key: K, default: Any = None) -> Any:  # noqa: ARG002
        """The number of `key`, loaded or 0 when it is new; the default is never needed."""
        return self[key]

    @property
    def staged(self) -> Mapping[K, float]:
        """What this transaction changed so far."""
        return self._staged

    def commit(self) -> None:
        """Keep what was staged; what became zero is forgotten."""
        for key, value in self._staged.items():
            if value:
                self._kept[key] = value
            else:
                self._kept.pop(key, None)
        self._staged = {}

    def forget(self) -> None:
        """Drop what is kept, to be loaded again; what this transaction changed stays."""
        self._kept = {}

    def rollback(self) -> None:
        """Forget what was staged."""
        self._staged = {}


class Transaction:
    """What an operation may use: the connection, the time, the overlays, and whom to wake afterwards."""

    def __init__(self, db: apsw.Connection, clock: Callable[[], float]) -> None:
        self.db = db
        self.now = 0.0
        self.topics: set[str] = set()
        self.clocks: Overlay[Any] = Overlay(self._load_clock)
        self.waiting: Overlay[tuple[str, str]] = Overlay()
        self.running: Overlay[tuple[str, str]] = Overlay()
        self.rates: Overlay[str] = Overlay(self._load_rate)
        self.held: Overlay[tuple[str, str]] = Overlay(self._load_held)
        self.limits: dict[str, KeyLimits] = {}
        """The limits of keys as they were read; whoever changes a key takes its out."""
        self._clock = clock

    def begin(self) -> None:
        """Start a group; IMMEDIATE, so that nothing fails later for want of the lock."""
        self.now = self._clock()
        self.topics = set()
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Store the clocks that moved, and make everything durable."""
        if self.clocks.staged:
            self.db.executemany(
                "INSERT INTO clocks VALUES (?, ?, ?, ?)"
                " ON CONFLICT (model, key_id, level) DO UPDATE SET tag = excluded.tag",
                [(*clock, tag) for clock, tag in self.clocks.staged.items()],
            )
        if self.rates.staged:
            self.db.executemany(
                "INSERT INTO rates VALUES (?, ?) ON CONFLICT (key_id) DO UPDATE SET due_at = excluded.due_at",
                list(self.rates.staged.items()),
            )
        self.db.execute("COMMIT")
        for each in self._overlays:
            each.commit()

    def rollback(self) -> None:
        """Undo the group."""
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        for each in self._overlays:
            each.rollback()
        self.held.forget()  # it is added up from rows, which may have been among those undone
        self.limits.clear()
        self.topics = set()

    def rows(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        """Run a statement to its end and return its rows."""
        return self.db.execute(sql, params).fetchall()

    def row(self, sql: str, params: Any = ()) -> tuple[Any, ...] | None:
        """Run a statement to its end and return its first row."""
        rows = self.db.execute(sql, params).fetchall()
        return rows[0] if rows else None

    def _load_clock(self, clock: tuple[str, str, int]) -> float:
        row = self.row("SELECT tag FROM clocks WHERE model = ? AND key_id = ? AND level = ?", clock)
        return row[0] if row else 0.0

    def _load_rate(self, key_id: str) -> float:
        row = self.row("SELECT due_at FROM rates WHERE key_id = ?", (key_id,))
        return row[0] if row else 0.0

    def _load_held(self, held: tuple[str, str]) -> float:
        key_id, what = held
        column = {"outputs": "most_outputs", "usd": "most_usd"}[what]
        rows = self.rows(
            f"SELECT total({column}) FROM jobs WHERE key_id = ?1 AND state = 'queued'"  # noqa: S608 - ours
            f" UNION ALL SELECT total({column}) FROM jobs INDEXED BY jobs_running"
            " WHERE state = 'running' AND key_id = ?1",
            (key_id,),
        )
        return float(sum(row[0] for row in rows))

    @property
    def _overlays(self) -> tuple[Overlay[Any], ...]:
        return (self.clocks, self.waiting, self.running, self.rates, self.held)


class _Asked(NamedTuple):
    call: Callable[[Transaction], Any]
    answer: asyncio.Future[Any]


class _Done(NamedTuple):
    answer: asyncio.Future[Any]
    value: Any
    error: BaseException | None


class Writer:
    """The thread, and the way to it from the event loop."""

    def __init__(self, tx: Transaction, wake: Callable[[set[str]], None]) -> None:
        self._tx = tx
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="officina-writer", daemon=True)
        self._thread.start()

    def do(
        self, operation: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[R]:
        """Run an operation in the next group; the future resolves when it is on disk."""
        if self._closed:
            raise Unavailable("The server is stopping; try again when it is back.")
        answer: asyncio.Future[R] = self._loop.create_future()
        self._asked.put(_Asked(lambda tx: operation(tx, *args, **kwargs), answer))
        return answer

    async def close(self) -> None:
        """Finish what was asked before, then end the thread."""
        if not self._closed:
            self._closed = True
            self._asked.put(None)
            await asyncio.to_thread(self._thread.join)

    def _write(self) -> None:
        stopping = False
        while not stopping:
            group, stopping = self._gather()
            if group:
                done, topics = self._run(group)
                if not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(self._settle, done, topics)

    def _gather(self) -> tuple[list[_Asked], bool]:
        asked: _Asked | None = self._asked.get()
        group: list[_Asked] = []
        while asked is not None:
            group.append(asked)
            if len(group) == GROUP:
                return group, False
            try:
                asked = self._asked.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _run(self, group: list[_Asked]) -> tuple[list[_Done], set[str]]:
        try:
            return self._commit(group)
        except Exception as error:  # noqa: BLE001 - whatever it was, only its own caller may suffer
            self._tx.rollback()
            if len(group) == 1:
                return [_Done(group[0].answer, None, _translated(error))], set()
        done: list[_Done] = []
        topics: set[str] = set()
        for asked in group:
            settled, told = self._run([asked])
            done += settled
            topics |= told
        return done, topics

    def _commit(self, group: list[_Asked]) -> tuple[list[_Done], set[str]]:
        tx = self._tx
        done: list[_Done] = []
        tx.begin()
        for call, answer in group:
            try:
                done.append(_Done(answer, call(tx), None))
            except CallerError as error:
                done.append(_Done(answer, None, error))
        tx.commit()
        return done, tx.topics

    def _settle(self, done: list[_Done], topics: set[str]) -> None:
        for answer, value, error in done:
            if answer.done():
                continue
            if error is None:
                answer.set_result(value)
            else:
                answer.set_exception(error)
        self._wake(topics)


def _translated(error: Exception) -> BaseException:
    if isinstance(error, apsw.FullError):
        return DiskFull()
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return DatabaseDamaged()
    if isinstance(error, apsw.IOError):
        return Unavailable("The server cannot write to its disk; the operator must look at it.")
    return error

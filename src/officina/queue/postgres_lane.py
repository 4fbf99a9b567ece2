"""A lane: one connection that writes, and gathers what arrives during a commit into the next group.

The commit is the timer, as in `writer`. A group is tried at once where its work can be: one statement reads
and one writes. When others got in the way, or have to be kept out, it runs in a transaction.

A connection that breaks before the commit was sent lost nothing: the group runs again. When it breaks while
that is under way, the lane's row in `lanes` is closed, and tells whether the commit took place; what comes
later than that writes nothing, however long it was on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import asyncpg

from officina.errors import CallerError, Unavailable
from officina.job import new_secret
from officina.queue.postgres_batch import SQL, Batch, Connection, LocksNeeded
from officina.queue.postgres_server import (
    AWAY,
    CLOSED,
    PATIENCE_S,
    PAUSE_S,
    WRITER_SETUP,
    Server,
    is_lost,
    translated,
)
from officina.queue.protocol import Terms

GROUP = 256
"""Most operations in one commit."""

TRIES = 3
"""How often one operation is tried that others got in the way of."""

CROWDED_S = 1.0
"""How long a lane does without tries at once after others got in the way of one."""

UNUSED_S = 3600.0
"""A row of `lanes` that was not used for so long may have been swept away."""


class Work(NamedTuple):
    """What a lane does with a group."""

    do: Callable[[Batch, Sequence[Any]], Awaitable[Sequence[Any]]]
    """Its answers in order, a CallerError among them where one is refused."""
    lock: Callable[[Sequence[Any]], str] | None = None
    """A statement without parameters that a transaction begins with."""
    at_once: bool = False
    """Whether it can do without a transaction. It may raise LocksNeeded then."""


class Surroundings(NamedTuple):
    """What every lane of a queue shares."""

    server: Server
    terms: Terms
    clock: Callable[[], float] | None
    told: Callable[[set[str]], None]
    """Takes the topics of a group that was committed."""
    regained: Callable[[float], None]
    """Is told for how long the database was away, in seconds, when it is back."""


class _Asked(NamedTuple):
    request: Any
    answer: asyncio.Future[Any]
    until: float


class _Unsure(NamedTuple):
    """A group whose COMMIT was sent and not answered."""

    n: int
    answers: Sequence[Any]
    batch: Batch


class Lane:
    """One kind of writing operation, in groups."""

    def __init__(self, name: str, work: Work, around: Surroundings) -> None:
        self._name = name
        self._id = ""
        self._work = work
        self._around = around
        self._asked: deque[_Asked] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self._db: Connection | None = None
        self._n = 0
        self._used_at = float("-inf")
        self._crowded_until = 0.0
        self._away_since = 0.0
        self._task = asyncio.create_task(self._write(), name=f"officina-{name}")

    def do(self, request: Any) -> asyncio.Future[Any]:
        """Run an operation in the next group; the future resolves when it is on disk."""
        if self._closed:
            raise Unavailable(CLOSED)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(request, answer, time.monotonic() + PATIENCE_S))
        self._arrived.set()
        return answer

    async def close(self) -> None:
        """Finish what was asked before, then let go of the connection."""
        self._closed = True
        self._arrived.set()
        await self._task
        self._drop()

    async def _write(self) -> None:
        while not (self._closed and not self._asked):
            await self._arrived.wait()
            self._arrived.clear()
            while self._asked:
                group = [self._asked.popleft() for _ in range(min(GROUP, len(self._asked)))]
                await self._answer(group)

    async def _answer(self, group: list[_Asked]) -> None:
        for tries_left in reversed(range(TRIES)):
            try:
                await self._commit(group)
            except Exception as error:  # noqa: BLE001 - whatever it was, only its own caller may suffer
                if len(group) > 1:
                    break
                if not isinstance(error, _IN_THE_WAY) or not tries_left:
                    _settle(group, [translated(error)])
                    return
            else:
                return
        for asked in group:
            if asked.until < time.monotonic():
                _settle([asked], [Unavailable(AWAY, retry_after=1)])
            else:
                await self._answer([asked])

    async def _commit(self, group: list[_Asked]) -> None:
        """Run a group until its outcome is known, or its callers have waited long enough."""
        unsure: list[_Unsure] = []
        while group:
            try:
                db = await self._connection()
                done = await self._resolved(db, unsure) or await self._once(db, group, unsure)
            except Exception as error:
                if not is_lost(error, self._db):
                    raise
                self._drop()
            else:
                _settle(group, done[0])
                self._around.told(done[1])
                return
            now = time.monotonic()
            self._away_since = self._away_since or now
            late = [each for each in group if each.until < now]
            if len(late) == len(group) or not unsure:  # the answers of a commit in doubt are for all of them
                _settle(late, [Unavailable(AWAY, retry_after=1)] * len(late))
                group = [each for each in group if each.until >= now]
            await asyncio.sleep(PAUSE_S)

    async def _connection(self) -> Connection:
        if self._db is None or self._db.is_closed():
            self._db = await self._around.server.connect(setup=WRITER_SETUP)
            if self._away_since:
                self._around.regained(time.monotonic() - self._away_since)
                self._away_since = 0.0
        return self._db

    async def _resolved(self, db: Connection, unsure: list[_Unsure]) -> tuple[Sequence[Any], set[str]] | None:
        """What was answered and told if the commit in doubt took place, else None."""
        if not unsure:
            return None
        last = await db.fetchval(SQL["close_lane"], self._id)
        self._id = ""
        before = unsure.pop()
        return (before.answers, before.batch.hints) if last == before.n else None

    async def _once(
        self, db: Connection, group: Sequence[_Asked], unsure: list[_Unsure]
    ) -> tuple[Sequence[Any], set[str]]:
        await self._open(db)
        requests = [each.request for each in group]
        if self._work.at_once and time.monotonic() > self._crowded_until:
            with contextlib.suppress(LocksNeeded):
                try:
                    return await self._at_once(db, requests, unsure)
                except asyncpg.DivisionByZeroError:
                    self._crowded_until = time.monotonic() + CROWDED_S
        return await self._in_transaction(db, requests, unsure)

    async def _open(self, db: Connection) -> None:
        """Make sure that there is a row that the next group can be noted in."""
        now = time.monotonic()
        if not self._id or now - self._used_at > UNUSED_S:
            self._id, self._n = f"{self._name}-{new_secret()}", 1
            await db.execute(SQL["open_lane"], self._id)
        self._used_at = now
        self._n += 1

    def _batch(self, db: Connection, *, at_once: bool) -> Batch:
        clock = self._around.clock
        return Batch(db, self._name, self._around.terms, clock() if clock else None, at_once=at_once)

    async def _at_once(
        self, db: Connection, requests: Sequence[Any], unsure: list[_Unsure]
    ) -> tuple[Sequence[Any], set[str]]:
        batch = self._batch(db, at_once=True)
        answers = await self._work.do(batch, requests)
        if batch.has_news:
            unsure.append(_Unsure(self._n, answers, batch))
            try:
                await batch.commit(self._id, self._n)
            except asyncpg.PostgresError as error:
                if not is_lost(error, db):
                    unsure.clear()
                raise
        return answers, batch.hints

    async def _in_transaction(
        self, db: Connection, requests: Sequence[Any], unsure: list[_Unsure]
    ) -> tuple[Sequence[Any], set[str]]:
        batch = self._batch(db, at_once=False)
        try:
            await db.execute(f"BEGIN; {self._work.lock(requests)}" if self._work.lock else "BEGIN")
            answers = await self._work.do(batch, requests)
            await batch.flush()
            if batch.wrote:
                unsure.append(_Unsure(self._n, answers, batch))
            await db.execute(self._last_words(batch))
        except BaseException as error:
            if isinstance(error, asyncpg.DivisionByZeroError):  # the lane's row is gone
                self._id = ""
            if not is_lost(error, db):
                unsure.clear()
                with contextlib.suppress(Exception):
                    await db.execute("ROLLBACK")
            raise
        return answers, batch.hints

    def _last_words(self, batch: Batch) -> str:
        """What ends a group, in one message to the server: note which one it was, and commit."""
        return SQL["last_words"] % (self._n, batch.now, self._id, self._n) if batch.wrote else "COMMIT"

    def _drop(self) -> None:
        if self._db is not None:
            self._db.terminate()
            self._db = None


_IN_THE_WAY = (
    *(asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.UniqueViolationError),
    asyncpg.DivisionByZeroError,
)
"""Errors by which another transaction got in the way of one that may well succeed next time."""


def _settle(group: Sequence[_Asked], answers: Sequence[Any]) -> None:
    for asked, answer in zip(group, answers, strict=True):
        if asked.answer.done():
            continue
        if isinstance(answer, BaseException):
            asked.answer.set_exception(answer)
        else:
            asked.answer.set_result(answer)


async def one_by_one(batch: Batch, group: Sequence[Callable[[Batch], Awaitable[Any]]]) -> list[Any]:
    """Run operations that stand by themselves one after the other, in one transaction."""
    answers: list[Any] = []
    batch.now = await batch.db.fetchval(SQL["now"], batch.clock)
    for operation in group:
        try:
            answers.append(await operation(batch))
        except CallerError as error:
            answers.append(error)
        await batch.flush()
    return answers

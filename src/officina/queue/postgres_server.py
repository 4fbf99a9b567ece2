"""The way to a PostgreSQL server: connections as the queue needs them, and what their failures mean."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from officina.errors import (
    CallerError,
    DatabaseAway,
    DatabaseDamaged,
    DiskFull,
    OperatorError,
    SettingsError,
    Unavailable,
)
from officina.queue.postgres_batch import SQL, Connection

OLDEST = 150000
CONNECT_S = 3.0
STATEMENT_S = 4.0
"""A statement without an answer for so long counts as a broken connection."""
PATIENCE_S = 4.0
"""How long an operation waits for a database that is away, before it answers Unavailable."""
PAUSE_S = 0.05
READERS = 4
CONNECTIONS = 10
"""The most that a gateway has: its lanes, its readers, the one that listens, and one for its start."""
AWAY = "The database cannot be reached; try again shortly."
CLOSED = "The server is stopping; try again when it is back."
NO_SNAPSHOT = (
    "The database is in PostgreSQL: back it up with `pg_dump` or the server's own archive, and then the "
    "files with the means of their store."
)

# The statements are written for their indexes, whatever the statistics say of a queue that was just empty.
SETUP = """
SET jit = off; SET enable_seqscan = off; SET enable_sort = off; SET enable_hashjoin = off;
SET enable_mergejoin = off; SET idle_in_transaction_session_timeout = '30s'; SET lock_timeout = '3500ms';
"""

# Writers say the same few long statements over and over; some of them the server would else plan each time.
WRITER_SETUP = SETUP + "SET plan_cache_mode = force_generic_plan;"

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,  # a primary that has become a standby
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,  # and the password is being changed
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    EOFError,
)


class Server:
    """Where the database is. Never shows the password."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            parts = urlsplit(url)
            self.place = f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
        except ValueError:
            raise SettingsError(_UNREADABLE) from None
        if parts.scheme not in {"postgres", "postgresql"}:
            raise SettingsError(_UNREADABLE)
        self.database = parts.path.lstrip("/")
        self.user = parts.username or ""

    async def connect(self, *, setup: str = SETUP, statement_s: float | None = STATEMENT_S) -> Connection:
        """A new connection. Raises what asyncpg raises."""
        connection = await asyncpg.connect(self.url, timeout=CONNECT_S, command_timeout=statement_s)
        try:
            await connection.execute(setup)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def first(self) -> Connection:
        """The first connection of a start.

        Raises:
            OperatorError: with a sentence for every usual cause; DatabaseAway when it may be there later.
        """
        try:
            return await self._when_it_has_started()
        except (ValueError, asyncpg.ClientConfigurationError):
            raise SettingsError(_UNREADABLE) from None
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidPasswordError):
            raise OperatorError(
                f"PostgreSQL at {self.place} refuses the user {self.user!r} or its password; "
                "correct them in `database`, or the server's pg_hba.conf."
            ) from None
        except asyncpg.InvalidCatalogNameError:
            raise OperatorError(
                f"PostgreSQL at {self.place} has no database {self.database!r}; make it with "
                f"`createdb --encoding=UTF8 {self.database}`."
            ) from None
        except asyncpg.InsufficientPrivilegeError:
            raise OperatorError(self.no_privilege()) from None
        except (*LOST, asyncpg.InterfaceError) as error:
            raise DatabaseAway(
                f"PostgreSQL at {self.place} cannot be reached ({_reason(error)}); "
                "check `database`, and that the server runs and listens there."
            ) from None

    async def _when_it_has_started(self) -> Connection:
        until = time.monotonic() + 2 * PATIENCE_S
        while True:
            try:
                return await self.connect(statement_s=None)
            except asyncpg.CannotConnectNowError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(PAUSE_S)

    def no_privilege(self) -> str:
        """The sentence for a user who may not do what is needed."""
        return (
            f"The user {self.user!r} may not make tables in the database {self.database!r}; give it the "
            f'database (`ALTER DATABASE {self.database} OWNER TO "{self.user}"`) or the schema.'
        )


_UNREADABLE = (
    "database must be a URL like postgresql://user:password@host:5432/name; "
    "letters with a meaning in URLs are written as %XX."
)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError):
        return (error.strerror or "the connection failed").lower().rstrip(".")
    return str(error).strip().rstrip(".") or type(error).__name__


def is_lost(error: BaseException, connection: Connection | None) -> bool:
    """Whether an error means that the connection, not the statement, failed."""
    if isinstance(error, LOST):
        return True
    return isinstance(error, asyncpg.InterfaceError) and (connection is None or connection.is_closed())


def translated(error: BaseException) -> BaseException:
    """What an operation raises instead of an error of the database."""
    if isinstance(error, asyncpg.DiskFullError):
        return DiskFull("The disk of the database is full, so nothing new is accepted.")
    if isinstance(error, (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError)):
        return DatabaseDamaged("The database says that it is damaged; the operator must look at it.")
    if isinstance(error, asyncpg.CharacterNotInRepertoireError):
        return CallerError("A text holds the character NUL, which cannot be kept; leave it out.")
    if isinstance(error, (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)):
        return Unavailable("The database is too busy; try again shortly.", retry_after=1)
    return error


class Reads:
    """Reading statements, on a few connections that replace themselves."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._free: list[Connection] = []
        self._slots = asyncio.Semaphore(READERS)
        self._open: set[Connection] = set()
        self._closed = False
        self._is_away = False

    async def rows(self, text: str, *params: Any) -> list[Any]:
        """Every row of a statement.

        Raises:
            Unavailable: the database is away, or the queue closed.
            CallerError: a parameter holds what no text here can.
        """
        until = time.monotonic() + PATIENCE_S
        async with self._slots:
            while not (self._is_away and time.monotonic() > until):
                connection: Connection | None = None
                try:
                    connection = await self._take()
                    found = await connection.fetch(text, *params)
                except asyncpg.CharacterNotInRepertoireError as error:
                    self._drop(connection)
                    raise translated(error) from None
                except BaseException as error:
                    self._drop(connection)
                    if not is_lost(error, connection):
                        raise
                    self._is_away = True
                else:
                    self._is_away = False
                    self._free.append(connection)
                    return list(found)
                await asyncio.sleep(PAUSE_S)
        raise Unavailable(AWAY, retry_after=1)

    async def row(self, text: str, *params: Any) -> Any:
        """The first row of a statement, or None."""
        rows = await self.rows(text, *params)
        return rows[0] if rows else None

    async def value(self, text: str, *params: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self.row(text, *params)
        return row[0] if row else None

    async def _take(self) -> Connection:
        if self._closed:
            raise Unavailable(CLOSED)
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self._open.discard(connection)
        connection = await self._server.connect()
        self._open.add(connection)
        return connection

    def _drop(self, connection: Connection | None) -> None:
        if connection is not None:
            self._open.discard(connection)
            connection.terminate()

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        for connection in self._open:
            connection.terminate()
        self._open, self._free = set(), []


async def now_of(connection: Connection, clock: Callable[[], float] | None) -> float:
    """The database's time, or that of a test."""
    return float(await connection.fetchval(SQL["now"], clock() if clock else None))

"""The way from SQLite to PostgreSQL: every row of a data folder, in one transaction, or none."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import asyncpg

from officina.errors import DatabaseAway, DatabaseDamaged, DatabaseNewer, OperatorError
from officina.queue.postgres_batch import SQL, Connection
from officina.queue.postgres_schema import prepare
from officina.queue.postgres_server import Server, is_lost
from officina.queue.sqlite import VERSION

TABLES = (
    *("keys", "sessions", "rates", "usage", "workers"),
    *("clocks", "jobs", "events", "idempotency", "files", "pins", "shares"),
)
"""Every table of SQLite. Those that PostgreSQL has beside them follow from these, or start empty."""

TOLD_EVERY = 500
"""Rows between two words about the progress."""

NOTHING = "nothing was moved"

Told = Callable[[str, int, int], None]
"""Is told of a table, of how many rows, how many there are to move."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What the database holds now, in rows by table; `before`: an earlier migration had brought it there."""

    rows: Mapping[str, int]
    before: bool = False


async def move(path: Path, server: Server, told: Told) -> Moved:
    """Copy the database file at `path` into an empty PostgreSQL database. The file is only read.

    Nobody else may use the file meanwhile. Called again after it was done, it finds all there and says so.

    Raises:
        OperatorError: the file or the database is not one to move from or to, or moving failed. Nothing
            was moved then, unless the connection broke at the very end; the message says what to do.
    """
    with _source(path) as source:
        await prepare(server)
        db = await server.first()
        try:
            return await _move(source, db, server, told)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise _explained(error, db, server) from None
        finally:
            db.terminate()


@contextmanager
def _source(path: Path) -> Iterator[apsw.Connection]:
    """The database file, to be read as it is at this moment."""
    db = None
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        _check_version(db.pragma("user_version"))
        db.execute("BEGIN")
        yield db
    except (apsw.NotADBError, apsw.CorruptError):
        raise DatabaseDamaged(
            f"The database {path.name} is damaged or not a database, so {NOTHING}; restore a backup "
            "(`officina restore FILE --data DIR`) and migrate that."
        ) from None
    finally:
        if db is not None:
            db.close()


def set_aside(path: Path, name: str) -> None:
    """Give the database file another name, with all that still lies beside it in its journal."""
    db = apsw.Connection(str(path))
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        db.close()
    path.rename(path.with_name(name))
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_version(version: int) -> None:
    if version > VERSION:
        raise DatabaseNewer(
            f"The folder's database has schema version {version} and this officina knows {VERSION}; "
            "migrate with the officina that wrote it, or a newer one."
        )
    if version < VERSION:
        raise OperatorError(
            f"The folder's database has schema version {version}, and {VERSION} is what can be moved; start "
            "`officina serve` on the folder once, without `database`, which brings it up to date."
        )


async def _move(source: apsw.Connection, db: Connection, server: Server, told: Told) -> Moved:
    rows = {table: _value(source, f"SELECT count(*) FROM {table}") for table in TABLES}  # noqa: S608 - ours
    async with db.transaction():
        await db.execute(SQL["alone"])
        if any((found := await _count(db)).values()):
            if found == rows and await _keys(db) == _own_keys(source):
                return Moved(rows, before=True)
            raise OperatorError(_occupied(server, found))
        for table in TABLES:
            await _copy(source, db, table, rows[table], told)
        await db.execute(SQL["count_moved"])
        await db.execute(SQL["number_on"] % (1 + _value(source, "SELECT ifnull(max(seq), 0) FROM jobs")))
        if (found := await _count(db)) != rows:
            raise OperatorError(f"Of the rows {rows} only {found} arrived, so {NOTHING}.")
    return Moved(rows)


async def _copy(source: apsw.Connection, db: Connection, table: str, count: int, told: Told) -> None:
    """Stream a table; neither side ever holds more of it than a buffer."""
    columns = [name for _, name, *_ in source.execute(f"PRAGMA table_info({table})")]
    order = "ORDER BY seq" if table == "jobs" else ""

    async def rows() -> AsyncIterator[tuple[Any, ...]]:
        text = f"SELECT {', '.join(columns)} FROM {table} {order}"  # noqa: S608 - ours
        for n, row in enumerate(source.execute(text)):
            if n % TOLD_EVERY == 0:
                told(table, n, count)
                await asyncio.sleep(0)  # so that it can be interrupted
            yield tuple(map(_taken, row))

    await db.copy_records_to_table(table, records=rows(), columns=columns)
    told(table, count, count)


def _taken(value: Any) -> Any:
    """A value as PostgreSQL takes it: its texts hold every character but NUL."""
    return value.replace("\0", " ") if isinstance(value, str) else value


def _value(source: apsw.Connection, text: str) -> int:
    row = source.execute(text).fetchone()
    return int(row[0]) if row else 0


async def _count(db: Connection) -> dict[str, int]:
    return {table: await db.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}  # noqa: S608


async def _keys(db: Connection) -> set[str]:
    return {row[0] for row in await db.fetch(SQL["keys"])}


def _own_keys(source: apsw.Connection) -> set[str]:
    return {str(row[0]) for row in source.execute("SELECT id FROM keys")}


def _occupied(server: Server, found: Mapping[str, int]) -> str:
    told = ", ".join(f"{table}: {rows:,}" for table, rows in found.items() if rows)
    return (
        f"The database {server.database!r} at {server.place} has rows already ({told}), so {NOTHING}; make "
        f"another one with `createdb --encoding=UTF8`. A gateway that starts on a database makes a key in it."
    )


def _explained(error: Exception, db: Connection, server: Server) -> OperatorError:
    if is_lost(error, db):
        return DatabaseAway(
            f"The connection to PostgreSQL at {server.place} broke, so all was moved or nothing; migrate "
            "again, which finds out and goes on from there."
        )
    if isinstance(error, asyncpg.LockNotAvailableError):
        return OperatorError(
            f"Somebody else is at work in the database {server.database!r}, so {NOTHING}; stop every gateway "
            "that uses it."
        )
    said = str(getattr(error, "message", None) or error).rstrip(".")
    return OperatorError(f"PostgreSQL at {server.place} refused the rows ({said}), so {NOTHING}.")

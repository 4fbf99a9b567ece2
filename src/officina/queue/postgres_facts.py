"""What a PostgreSQL server says of itself, as far as the queue's promise and its pace hang on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from officina.errors import DatabaseAway, OperatorError
from officina.job import new_secret
from officina.queue.postgres_batch import SQL, Connection
from officina.queue.postgres_schema import stored_version
from officina.queue.postgres_server import Server, is_lost

LOOK_S = 15.0
HEAR_S = 2.0
"""A notification that has not come by then does not come."""

SETTINGS = (
    *("autovacuum", "fsync", "full_page_writes", "max_connections", "synchronous_commit"),
    *("synchronous_standby_names", "track_counts", "wal_level"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """A server and a database of it, as our user may see them."""

    number: int
    """The version, as 150004 for 15.4."""
    version: str
    encoding: str
    is_standby: bool
    size_bytes: int
    may_make: bool
    """Whether our user may make tables."""
    standbys: int
    """How many are attached to it."""
    free_connections: int
    """How many more our user can open, by the limits of the server, the database and the user."""
    idle_s: float
    """For how long the most forgotten of our user's open transactions in the database has done nothing."""
    settings: Mapping[str, str]
    """By name, as a new session of our user has them."""
    schema: int
    """The schema version of the queue; 0: none yet."""
    ahead_s: float
    """The server's clock less this machine's."""
    is_heard: bool
    """Whether what one session notifies comes to another that listens."""


async def look(server: Server) -> Facts:
    """Ask a server. Nothing is written.

    Raises:
        OperatorError: it cannot be asked; the message says why and what to do.
    """
    db = await server.first()
    try:
        async with asyncio.timeout(LOOK_S):
            found = await db.fetchrow(SQL["facts"])
            assert found is not None, "a SELECT without FROM has one row"  # noqa: S101
            is_standby = bool(found["is_standby"])
            return Facts(
                **found,
                settings=dict(map(tuple, await db.fetch(SQL["settings"], SETTINGS))),
                schema=await stored_version(db),
                ahead_s=await _ahead_s(db),
                is_heard=is_standby or await _is_heard(db, server),
            )
    except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError):
        raise OperatorError(f"What answers at {server.place} mixes sessions up. {POOLER}") from None
    except asyncpg.InsufficientPrivilegeError:
        raise OperatorError(server.no_privilege()) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        if not is_lost(error, db):
            raise
        raise DatabaseAway(f"PostgreSQL at {server.place} stopped answering; look at its log.") from None
    finally:
        db.terminate()


POOLER = (
    "A pooler that shares sessions between transactions (PgBouncer in transaction mode) does not work here: "
    "name the server itself in `database`."
)


async def _ahead_s(db: Connection) -> float:
    """The server's clock less this machine's, good to half the time that the question takes."""
    before = time.time()
    there = float(await db.fetchval(SQL["now"], None))
    return there - (before + time.time()) / 2


async def _is_heard(db: Connection, server: Server) -> bool:
    """Whether a notification comes to a session that listens and does nothing else."""
    heard, channel = asyncio.Event(), f"officina_{new_secret()}"
    listener = await server.connect()
    try:
        await listener.add_listener(channel, lambda *_: heard.set())
        await db.execute("SET synchronous_commit = off")  # or a standby that is not there is waited for
        await db.execute("SELECT pg_notify($1, '')", channel)
        async with asyncio.timeout(HEAR_S):
            await heard.wait()
    except TimeoutError:
        return False
    finally:
        listener.terminate()
    return True

"""The schema of the PostgreSQL queue: numbered steps forward, by one gateway at a time."""

from __future__ import annotations

import asyncpg

from officina.errors import DatabaseNewer, OperatorError
from officina.queue import sql
from officina.queue.postgres_batch import Connection
from officina.queue.postgres_server import OLDEST, Server

VERSION = 1

_LOCK = "SELECT pg_advisory_xact_lock(1869440361, 1)"
_VERSION = "SELECT version FROM officina_schema"
_MAKE = "CREATE TABLE IF NOT EXISTS officina_schema (version integer NOT NULL)"


async def prepare(server: Server) -> None:
    """Bring the database to the present schema; safe to do from several gateways at once.

    Raises:
        OperatorError: the server cannot be used; the message says why and what to do.
        DatabaseNewer: a newer officina made the schema.
    """
    db = await server.first()
    try:
        await _check(db)
        if await version_of(db) != VERSION:
            await _migrate(db)
    except asyncpg.InsufficientPrivilegeError:
        raise OperatorError(server.no_privilege()) from None
    finally:
        await db.close()


async def stored_version(db: Connection) -> int:
    """The schema that the database has, whatever we know; 0 when it has none."""
    if await db.fetchval("SELECT to_regclass('officina_schema')") is None:
        return 0
    return int(await db.fetchval(_VERSION) or 0)


async def version_of(db: Connection) -> int:
    """The schema that the database has; 0 when it has none. Raises DatabaseNewer."""
    version = await stored_version(db)
    if version > VERSION:
        raise DatabaseNewer(
            f"The database has schema version {version} and this officina knows {VERSION}; upgrade officina."
        )
    return version


async def _check(db: Connection) -> None:
    number, name = await db.fetchval("SHOW server_version_num"), await db.fetchval("SHOW server_version")
    if int(number) < OLDEST:
        raise OperatorError(f"PostgreSQL {name} is too old; officina needs version 15 or newer.")
    encoding = await db.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise OperatorError(
            f"The database has the encoding {encoding}; make one with `createdb --encoding=UTF8`."
        )
    if await db.fetchval("SELECT pg_is_in_recovery()"):
        raise OperatorError(
            "The server is a standby, which cannot be written to; name the primary in `database`, or both "
            "hosts with ?target_session_attrs=read-write."
        )


async def _migrate(db: Connection) -> None:
    async with db.transaction():
        await db.execute("SET LOCAL lock_timeout = '60s'")
        await db.execute(_LOCK)
        await db.execute(_MAKE)
        version = await version_of(db)  # another gateway may have been quicker
        for step in range(version + 1, VERSION + 1):
            await db.execute(sql.script(f"postgres-{step}"))
        await db.execute("DELETE FROM officina_schema")
        await db.execute("INSERT INTO officina_schema VALUES ($1)", VERSION)

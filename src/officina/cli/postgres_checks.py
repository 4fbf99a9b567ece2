"""What `officina doctor` looks at when `database` names PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from officina.cli.checks import MIB, Finding, Findings
from officina.errors import OperatorError
from officina.settings import Settings

if TYPE_CHECKING:
    from officina.queue.postgres_facts import Facts
    from officina.queue.postgres_server import Server

CLOCK_S = 1.0
IDLE_S = 300.0

_RELOAD = "in postgresql.conf, then have it read: SELECT pg_reload_conf();"
_RESTART = "in postgresql.conf, then restart the server."
_COMMITS = {
    "off": "a crash of the server loses the last acknowledged jobs",
    "local": "a COMMIT waits for no standby, so a failover loses the last acknowledged jobs",
    "remote_write": "a standby that crashes at a failover loses the last acknowledged jobs",
}


def database(settings: Settings) -> Findings:
    """The server, whether it keeps the promise, and whether gateways find room on it."""
    if not settings.database:
        return
    from officina.queue.postgres_facts import look
    from officina.queue.postgres_server import Server

    try:
        server = Server(settings.database)
        facts = asyncio.run(look(server))
    except OperatorError as error:
        yield Finding("PostgreSQL", "fail", error.message)
        return
    yield from about(facts, server)


def about(facts: Facts, server: Server) -> Findings:
    """The findings that follow from what a server said."""
    yield _server(facts, server)
    yield _schema(facts, server)
    lacking = [*_durable(facts), *_standbys(facts)]
    yield from lacking or [Finding("Promise", "ok", "what is committed is on the disk before it is answered")]
    yield from _tidy(facts)
    yield _clock(facts)
    yield _connections(facts)
    yield _notifications(facts)


def _server(facts: Facts, server: Server) -> Finding:
    from officina.queue.postgres_server import OLDEST

    text = f"{facts.version} at {server.place}"
    if facts.number < OLDEST:
        return Finding("PostgreSQL", "fail", f"{text} is too old", "Officina needs version 15 or newer.")
    if facts.is_standby:
        hint = "Name the primary in `database`, or both hosts with ?target_session_attrs=read-write."
        return Finding("PostgreSQL", "fail", f"{text} is a standby, which cannot be written to", hint)
    return Finding("PostgreSQL", "ok", text)


def _schema(facts: Facts, server: Server) -> Finding:
    from officina.queue.postgres_schema import VERSION

    name = server.database or server.user
    if facts.encoding != "UTF8":
        hint = f"Make another one: createdb --encoding=UTF8 --template=template0 {name}"
        return Finding("Database", "fail", f"{name!r} has the encoding {facts.encoding}", hint)
    if facts.schema > VERSION:
        text = f"{name!r} has schema version {facts.schema}; this officina knows {VERSION}"
        return Finding("Database", "fail", text, "Upgrade officina.")
    if facts.schema < VERSION and not facts.may_make:
        return Finding("Database", "fail", f"{name!r} lacks our tables", server.no_privilege())
    if facts.schema < VERSION:
        hint = "`officina serve` makes them; `officina migrate` does, too, and moves a data folder there."
        return Finding("Database", "ok", f"{name!r} lacks our tables", hint)
    size = f"{facts.size_bytes / MIB:,.1f} MiB"
    return Finding("Database", "ok", f"{name!r}, schema version {facts.schema}, {size}")


def _durable(facts: Facts) -> Findings:
    for name in ("fsync", "full_page_writes"):
        if facts.settings[name] == "off":
            text = "off: a power failure can damage the database"
            yield Finding(name, "warn", text, f"Set {name} = on {_RELOAD}")
    commit = facts.settings["synchronous_commit"]
    if commit in _COMMITS:
        yield Finding(
            "synchronous_commit", "warn", f"{commit}: {_COMMITS[commit]}", f"Set it to on {_RELOAD}"
        )


def _standbys(facts: Facts) -> Findings:
    names = facts.settings["synchronous_standby_names"]
    if names and not facts.standbys and not facts.is_standby:
        text = f"{names!r}, and no standby is attached: no COMMIT is answered until one comes"
        hint = f"Attach one, or set it to '' {_RELOAD}"
        yield Finding("synchronous_standby_names", "fail", text, hint)
    if not names and facts.standbys:
        text = f"empty, with {facts.standbys} attached: a failover loses what had not arrived there yet"
        hint = f"Name the standbys, as in ANY 1 (one, two), {_RELOAD}"
        yield Finding("synchronous_standby_names", "warn", text, hint)


def _tidy(facts: Facts) -> Findings:
    for name in ("autovacuum", "track_counts"):
        if facts.settings[name] == "off":
            text = "off: rows that were replaced are never removed, and the queue grows slow"
            yield Finding(name, "warn", text, f"Set {name} = on {_RELOAD}")
    if facts.settings["wal_level"] == "minimal":
        text = "minimal: there can be neither a standby nor a base backup, only pg_dump"
        yield Finding("wal_level", "warn", text, f"Set it to replica {_RESTART}")
    if facts.idle_s > IDLE_S:
        text = f"one has been idle for {facts.idle_s / 60:,.0f} minutes: vacuum removes nothing meanwhile"
        hint = "End its session (pg_stat_activity tells which), and set idle_in_transaction_session_timeout."
        yield Finding("Transactions", "warn", text, hint)


def _clock(facts: Facts) -> Finding:
    off_s = abs(facts.ahead_s)
    if off_s <= CLOCK_S:
        return Finding("Clock", "ok", "the server's agrees with this machine's")
    way = "ahead of" if facts.ahead_s > 0 else "behind"
    text = f"the server's is {off_s:,.1f} s {way} this machine's: ages and times of requests are wrong"
    return Finding("Clock", "warn", text, "Let both keep time by NTP.")


def _connections(facts: Facts) -> Finding:
    from officina.queue.postgres_server import CONNECTIONS

    free, most = facts.free_connections, facts.settings["max_connections"]
    text = f"{free} more can be opened, and a gateway takes up to {CONNECTIONS}"
    if free >= CONNECTIONS:
        return Finding("Connections", "ok", text)
    hint = (
        f"Raise max_connections ({most}) to {CONNECTIONS} for each gateway and some to spare {_RESTART} "
        "Limits of the user and the database count, too."
    )
    return Finding("Connections", "warn", text, hint)


def _notifications(facts: Facts) -> Finding:
    from officina.queue.postgres_facts import POOLER

    if facts.is_heard:
        return Finding("Notifications", "ok", "arrive")
    return Finding("Notifications", "warn", "do not arrive: other gateways learn of news late", POOLER)

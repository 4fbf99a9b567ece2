"""`officina doctor` on PostgreSQL: real servers that are set up well and badly, and what is said of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cli_scene import Shell, until

from officina.cli import postgres_checks
from officina.cli.checks import Finding
from officina.queue.postgres_facts import Facts, look
from officina.queue.postgres_schema import VERSION, prepare
from officina.queue.postgres_server import Server
from officina.settings import Settings
from postgres_server import PostgresServer, apart, databases

FEW = 14


@contextlib.contextmanager
def running(*options: str) -> Iterator[PostgresServer]:
    """A server of its own, with such settings."""
    server = PostgresServer([word for each in options for word in ("-c", each)])
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def sound() -> Iterator[PostgresServer]:
    """A server as it comes, which keeps the promise."""
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def careless() -> Iterator[PostgresServer]:
    """A server that keeps nothing."""
    lax = (
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "autovacuum=off",
        "track_counts=off",
    )
    with running(*lax, "wal_level=minimal", "max_wal_senders=0", f"max_connections={FEW}") as server:
        yield server


def found(url: str) -> dict[str, Finding]:
    """What the doctor finds, by what it is about."""
    findings = list(postgres_checks.database(Settings(database=url)))
    by_name = {each.about: each for each in findings}
    assert len(by_name) == len(findings)
    assert all("s3cret" not in each.text + each.hint for each in findings)
    assert all(each.hint for each in findings if each.grade != "ok" and each.about != "PostgreSQL")
    return by_name


def grades(findings: dict[str, Finding]) -> dict[str, str]:
    return {name: each.grade for name, each in findings.items() if each.grade != "ok"}


def seen(server: PostgresServer, **otherwise: Any) -> dict[str, Finding]:
    """What the doctor would find on a server about which some facts are others."""
    asked = Server(server.url("postgres"))
    facts: Facts = dataclasses.replace(apart(look(asked)), **otherwise)
    return {each.about: each for each in postgres_checks.about(facts, asked)}


def test_a_server_as_it_comes_is_well(sound: PostgresServer) -> None:
    apart(prepare(Server(sound.url("postgres"))))
    findings = found(sound.url("postgres").replace("officina@", "officina:s3cret@"))
    assert grades(findings) == {}
    assert f"schema version {VERSION}" in findings["Database"].text
    assert findings["Promise"].text.startswith("what is committed is on the disk")
    assert str(sound.port) in findings["PostgreSQL"].text


def test_every_setting_that_breaks_the_promise_or_the_pace_is_told(careless: PostgresServer) -> None:
    findings = found(careless.url("postgres"))
    warned = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "track_counts", "wal_level")
    assert grades(findings) == dict.fromkeys(warned, "warn")
    for name in ("fsync", "full_page_writes", "autovacuum", "track_counts"):
        assert f"Set {name} = on in postgresql.conf" in findings[name].hint
    assert "loses the last acknowledged jobs" in findings["synchronous_commit"].text
    assert "Promise" not in findings


def test_a_setting_of_our_user_counts_and_not_only_the_file(sound: PostgresServer) -> None:
    sound.execute("CREATE ROLE hasty LOGIN; ALTER ROLE hasty SET synchronous_commit = local")
    findings = found(sound.url("template1").replace("officina@", "hasty@"))
    assert "a failover loses" in findings["synchronous_commit"].text


def test_too_few_connections_are_told_while_some_are_taken(careless: PostgresServer) -> None:
    assert found(careless.url("postgres"))["Connections"].grade == "ok"

    async def crowded() -> dict[str, Finding]:
        others = [await asyncpg.connect(careless.url("postgres")) for _ in range(3)]
        try:
            return await asyncio.to_thread(found, careless.url("postgres"))
        finally:
            for each in others:
                await each.close()

    finding = apart(crowded())["Connections"]
    assert finding.grade == "warn"
    assert finding.text.startswith("8 more can be opened")
    assert f"Raise max_connections ({FEW})" in finding.hint


def test_a_limit_of_the_user_or_of_the_database_is_a_limit(sound: PostgresServer) -> None:
    sound.execute("CREATE ROLE frugal LOGIN CONNECTION LIMIT 6")
    sound.execute("CREATE DATABASE narrow CONNECTION LIMIT 5")
    for url, free in (
        (sound.url("template1").replace("officina@", "frugal@"), 6),
        (sound.url("narrow"), 5),
    ):
        assert found(url)["Connections"].text.startswith(f"{free} more")


def test_a_standby_that_is_named_and_not_there_is_a_failure_which_the_doctor_does_not_wait_for() -> None:
    with running("synchronous_standby_names=ANY 1 (two)") as server:
        finding = found(server.url("postgres"))["synchronous_standby_names"]
    assert finding.grade == "fail"
    assert "no COMMIT is answered" in finding.text


def test_a_standby_that_is_there_and_not_named_is_told(sound: PostgresServer) -> None:
    with _standby(sound):
        findings = found(sound.url("template1"))
    assert "empty, with 1 attached: a failover loses" in findings["synchronous_standby_names"].text
    settings = apart(look(Server(sound.url("template1")))).settings
    named = {**settings, "synchronous_standby_names": "ANY 1 (one, two)"}
    assert "synchronous_standby_names" not in seen(sound, standbys=2, settings=named)


@contextlib.contextmanager
def _standby(server: PostgresServer) -> Iterator[None]:
    """What a standby is to its primary: it receives the write-ahead log."""
    archive = server.folder / "archive"
    words = [str(server._bin / "pg_receivewal"), "-D", str(archive), "-d", server.url("postgres")]
    archive.mkdir()
    archive.chmod(0o777)
    with subprocess.Popen(words, cwd="/", stderr=subprocess.DEVNULL, **server._as) as process:
        try:
            until(lambda: apart(look(Server(server.url("template1")))).standbys == 1)
            yield
        finally:
            process.terminate()


def test_a_standby_cannot_be_the_database() -> None:
    with running() as server:
        server.stop()
        (server.data / "standby.signal").touch()
        (server.data / "standby.signal").chmod(0o644)
        server.start()
        finding = found(server.url("postgres"))["PostgreSQL"]
    assert finding.grade == "fail"
    assert "is a standby" in finding.text
    assert "target_session_attrs=read-write" in finding.hint


def test_a_database_of_another_encoding_is_a_failure(sound: PostgresServer) -> None:
    sound.execute("CREATE DATABASE plain ENCODING 'SQL_ASCII' TEMPLATE template0")
    finding = found(sound.url("plain"))["Database"]
    assert (finding.grade, finding.text) == ("fail", "'plain' has the encoding SQL_ASCII")
    assert "createdb --encoding=UTF8" in finding.hint


def test_a_database_without_our_tables_is_well_if_they_can_be_made(sound: PostgresServer) -> None:
    sound.execute("CREATE DATABASE fresh")
    sound.execute("CREATE ROLE guest LOGIN")
    assert "lacks our tables" in found(sound.url("fresh"))["Database"].text
    assert grades(found(sound.url("fresh"))) == {}
    refused = found(sound.url("fresh").replace("officina@", "guest@"))["Database"]
    assert refused.grade == "fail"
    assert "may not make tables" in refused.hint


def test_a_schema_of_a_newer_officina_is_a_failure(sound: PostgresServer) -> None:
    sound.execute("CREATE DATABASE newer")
    apart(prepare(Server(sound.url("newer"))))
    sound.execute("UPDATE officina_schema SET version = version + 1", "newer")
    finding = found(sound.url("newer"))["Database"]
    assert (finding.grade, finding.hint) == ("fail", "Upgrade officina.")


def test_a_server_too_old_is_a_failure(sound: PostgresServer) -> None:
    finding = seen(sound, number=140011, version="14.11")["PostgreSQL"]
    assert finding.grade == "fail"
    assert "15 or newer" in finding.hint


@pytest.mark.parametrize(("ahead_s", "way"), [(90.0, "90.0 s ahead of"), (-3.25, "3.2 s behind")])
def test_a_clock_that_is_off_is_told(ahead_s: float, way: str, sound: PostgresServer) -> None:
    assert way in seen(sound, ahead_s=ahead_s)["Clock"].text
    assert abs(apart(look(Server(sound.url("postgres")))).ahead_s) < 1


def test_a_forgotten_transaction_is_told_by_its_minutes(sound: PostgresServer) -> None:
    assert "12 minutes" in seen(sound, idle_s=725.0)["Transactions"].text

    async def left_open() -> float:
        other = await asyncpg.connect(sound.url("postgres"))
        try:
            await other.execute("BEGIN")
            until = time.monotonic() + 20
            while not (idle_s := (await look(Server(sound.url("postgres")))).idle_s):
                assert time.monotonic() < until
            return idle_s
        finally:
            await other.close()

    assert apart(left_open()) > 0
    assert "Transactions" not in found(sound.url("postgres"))


def test_a_pooler_that_loses_notifications_is_told(sound: PostgresServer) -> None:
    async def behind_a_pooler() -> dict[str, Finding]:
        async with _deaf_proxy(sound.port) as port:
            url = f"postgresql://officina@127.0.0.1:{port}/postgres?sslmode=disable"
            return await asyncio.to_thread(found, url)

    finding = apart(behind_a_pooler())["Notifications"]
    assert finding.grade == "warn"
    assert "PgBouncer" in finding.hint


def test_a_server_that_is_away_or_refuses_is_one_failure_among_the_others(
    shell: Shell, tmp_path: Path
) -> None:
    url = apart(databases().of(tmp_path)).replace("officina@", "nobody-known:s3cret@")
    for database, sentence in (
        ("postgresql://officina:s3cret@127.0.0.1:1/officina", "cannot be reached"),
        (url, "refuses the user 'nobody-known'"),
    ):
        shell.environment["OFFICINA_DATABASE"] = database
        done = shell("doctor", "--json", code=1)
        finding = next(each for each in done.json["findings"] if each["about"] == "PostgreSQL")
        assert finding["grade"] == "fail"
        assert sentence in finding["text"]
        assert "s3cret" not in done.out + done.err
    databases().give_back(tmp_path)


def test_a_file_of_sqlite_that_nobody_looks_at_any_more_is_told(shell: Shell, tmp_path: Path) -> None:
    with shell.serving():
        pass
    shell.environment["OFFICINA_DATABASE"] = apart(databases().of(tmp_path))
    told = {each["about"]: each for each in shell("doctor", "--json").json["findings"]}
    assert "`officina migrate`" in told["Old database"]["hint"]
    assert told["PostgreSQL"]["grade"] == "ok"
    shell("migrate")
    del shell.environment["OFFICINA_DATABASE"]
    moved = {each["about"]: each for each in shell("doctor", "--json", code=1).json["findings"]}["Database"]
    assert "was moved to PostgreSQL" in moved["text"]
    databases().give_back(tmp_path)


@contextlib.asynccontextmanager
async def _deaf_proxy(to_port: int) -> AsyncIterator[int]:
    """Passes everything on but notifications, as a pooler does for sessions that it shares."""
    passing: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", to_port)
        for work in (_pass(reader, up_writer), _pass_but_news(up_reader, writer)):
            passing.add(asyncio.create_task(work))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.gather(*passing)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _pass_but_news(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Messages are a letter, their length with itself, and the rest; `A` is a notification."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readexactly(5)
            rest = await reader.readexactly(struct.unpack("!xI", head)[0] - 4)
            if head[:1] != b"A":
                writer.write(head + rest)
                await writer.drain()
    writer.close()

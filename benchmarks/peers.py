"""`python -m benchmarks.peers`: the whole way of a trivial job beside six other servers, in one run."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.folder import flush_s
from benchmarks.peer_kill import Kept, trial
from benchmarks.peer_load import Jobs, Road, Told
from benchmarks.peer_servers import PEERS, PEERS_AND_US, Peer, Up, up
from benchmarks.report import Verdict, table
from benchmarks.servers import ROOT

CONNECTIONS = (1, 64)
WARMUP_S = 1.0
US = PEERS_AND_US[0].name


class Sample(msgspec.Struct, frozen=True):
    """One server under one load in one round; CPU is of all its processes."""

    name: str
    round: int
    connections: int
    cpu_ms: float
    idle_mb: float
    told: Told


class Found(msgspec.Struct, frozen=True):
    """Everything that was measured."""

    environment: dict[str, str]
    samples: list[Sample]
    kept: dict[str, Kept]


def main() -> None:
    """Measure and print."""
    asked = _arguments()
    peers = [each for each in PEERS_AND_US if not asked.only or asked.only in each.name]
    samples, kept = [], {}
    with tempfile.TemporaryDirectory(prefix="officina-bench-") as name:
        folder = Path(name)
        environment = _environment(peers, flush_s(folder))
        for number in range(1, asked.rounds + 1):
            for peer in peers:
                _say(f"round {number} of {asked.rounds}: {peer.name}")
                samples += _measured(peer, number, asked.seconds, _scratch(folder))
        for peer in peers if asked.kill else []:
            _say(f"killing {peer.name}")
            kept[peer.name] = trial(peer, _scratch(folder))
    found = Found(environment, samples, kept)
    print(_json(found).decode() if asked.json else _text(found, peers))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure a trivial job's whole way beside other servers.")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="interleaved rounds")
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="how long each load lasts")
    parser.add_argument("--only", default="", metavar="NAME", help="only servers whose name has this in it")
    parser.add_argument(
        "--kill", action=argparse.BooleanOptionalAction, default=True, help="also kill each server"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _scratch(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


def _measured(peer: Peer, number: int, seconds: float, scratch: Path) -> list[Sample]:
    with up(peer, scratch) as (found, road):
        idle_mb = found.pss_mb()
        return [_load(peer, number, seconds, each, found, road, idle_mb) for each in CONNECTIONS]


def _load(
    peer: Peer, number: int, seconds: float, connections: int, found: Up, road: Road, idle_mb: float
) -> Sample:
    order = Jobs(found.port, road, connections, WARMUP_S, seconds)
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "benchmarks.peer_load"]
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as generator:
        assert generator.stdin is not None
        assert generator.stdout is not None
        generator.stdin.write(msgspec.json.encode(order) + b"\n")
        generator.stdin.flush()
        generator.stdout.readline()
        before_s = found.cpu_s()
        generator.stdin.write(b"go\n")
        generator.stdin.flush()
        said = generator.stdout.readline()
        cpu_s = found.cpu_s() - before_s
    if not said:
        raise SystemExit(f"The load on {peer.name} failed; it said:\n{found.said()}")
    told = msgspec.json.decode(said, type=Told)
    return Sample(peer.name, number, connections, 1000 * cpu_s / told.done, idle_mb, told)


def _text(found: Found, peers: list[Peer]) -> str:
    parts = [_figures(found, peers), _promises(found, peers), _targets(found)]
    return "\n\n".join(["\n".join(f"{name}: {value}" for name, value in found.environment.items()), *parts])


def _figures(found: Found, peers: list[Peer]) -> str:
    rows = []
    for peer in peers:
        one, many = ([e for e in _of(found, peer.name) if e.connections == n] for n in CONNECTIONS)
        rows.append(
            [
                peer.name,
                *(f"{_middle(each, lambda e: e.cpu_ms):.2f}" for each in (one, many)),
                *(f"{_middle(each, lambda e: e.told.done / e.told.took_s):,.0f}" for each in (one, many)),
                *(_latency(each) for each in (one, many)),
                f"{_middle(one, lambda e: e.idle_mb):.0f}",
                f"{_middle(many, lambda e: e.told.refused / e.told.done):.1f}",
            ]
        )
    head = ["server", "CPU ms, 1", "CPU ms, 64", "jobs/s, 1", "jobs/s, 64"]
    return table([*head, "p50/p99 ms, 1", "p50/p99 ms, 64", "idle MB", "refused a job"], rows)


def _promises(found: Found, peers: list[Peer]) -> str:
    rows = [[peer.name, *peer.promise, _kept(found.kept.get(peer.name))] for peer in peers]
    head = ["server", "durable", "queue bound", "cancel", "status", "fair between callers"]
    return table([*head, "after SIGKILL and a new start"], rows)


def _targets(found: Found) -> str:
    verdicts = [
        Verdict(f"CPU of a job, {n} connections", ratio, most, f"of {name}'s")
        for name, most in (("LitServe", 1.0), ("BentoML task", 0.5), ("Ray Serve", 0.5))
        for n in CONNECTIONS
        if (ratio := _ratio(found, name, n)) is not None
    ]
    rows = [
        [each.what, f"{each.measured:.2f}", f"{each.target:g} {each.unit}", "met" if each.met else "MISSED"]
        for each in verdicts
    ]
    return table(["target", "measured", "at most", ""], rows)


def _ratio(found: Found, name: str, connections: int) -> float | None:
    """How our CPU for a job compares, round by round; the median."""
    theirs = {e.round: e.cpu_ms for e in _of(found, name) if e.connections == connections}
    ours = [e for e in _of(found, US) if e.connections == connections and e.round in theirs]
    return median(each.cpu_ms / theirs[each.round] for each in ours) if ours else None


def _of(found: Found, name: str) -> list[Sample]:
    return [each for each in found.samples if each.name == name]


def _middle(samples: list[Sample], take: Callable[[Sample], float]) -> float:
    return median(take(each) for each in samples)


def _latency(samples: list[Sample]) -> str:
    p50, p99 = (_middle(samples, lambda e: e.told.p50_s), _middle(samples, lambda e: e.told.p99_s))
    return f"{1000 * p50:.1f} / {1000 * p99:.1f}"


def _kept(kept: Kept | None) -> str:
    if kept is None:
        return "not tried"
    if kept.before:
        return f"{kept.taken - kept.before} of {kept.taken} lost, nothing to ask for"
    return f"{kept.after} of {kept.taken} results"


def _environment(peers: list[Peer], flush: float) -> dict[str, str]:
    names = list(dict.fromkeys(each.package for each in peers if each.package != "officina"))
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "flush": f"{1000 * flush:.2f} ms",
        "versions": ", ".join(f"{name} {_version(name)}" for name in names),
    }


def _version(package: str) -> str:
    ask = f"import importlib.metadata as m; print(m.version({package!r}))"
    said = subprocess.run([PEERS / "bin/python", "-c", ask], capture_output=True, check=True, text=True)
    return said.stdout.strip()


def _json(found: Found) -> bytes:
    return msgspec.json.format(msgspec.json.encode(found), indent=2)


if __name__ == "__main__":
    main()

"""`python -m benchmarks.scaling`: how 1 to 8 workers of a sleeping engine add up."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from benchmarks import servers, starts
from benchmarks.folder import prepare
from benchmarks.peer_servers import ENGINE, TEXT
from benchmarks.report import Verdict, table
from benchmarks.wire import Link

SLEEP_S = 0.5
LEAST = 0.95
WAIT = "/v1/requests/{}/result?wait=30"


class Scaled(msgspec.Struct, frozen=True):
    """What so many workers did: jobs a second, and as a share of what sleeping alone would allow."""

    workers: int
    rate: float

    @property
    def of_line(self) -> float:
        """1 when no time passes between two jobs of a worker."""
        return self.rate * SLEEP_S / self.workers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure how workers of a sleeping engine add up.")
    parser.add_argument("--workers", type=int, nargs="+", default=(1, 2, 4, 8), metavar="N")
    parser.add_argument("--turns", type=int, default=16, metavar="N", help="jobs of each worker")
    asked = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="officina-bench-") as name:
        for workers in asked.workers:
            print(f"{workers} workers", file=sys.stderr, flush=True)
            found.append(Scaled(workers, _rate(Path(name) / str(workers), workers, asked.turns)))
    print(_text(found))


def _rate(path: Path, workers: int, turns: int) -> float:
    """Jobs a second while every worker is busy: the first and the last turn of each are left out."""
    folder = prepare(path, 0)
    with ExitStack() as stack:
        server = stack.enter_context(servers.gateway(folder))
        for _ in range(workers):
            stack.enter_context(servers.worker(server, folder, ENGINE))
        starts.wait_for_worker(server.port)
        with closing(Link(server.port, folder.keys.quiet)) as link:
            _finish(link, _submitted(link, 4 * workers))  # so that every engine is loaded
            names = _submitted(link, (turns + 3) * workers)
            began = sorted(_finish(link, names))
    return workers * turns / (began[workers * (turns + 1)] - began[workers])


def _submitted(link: Link, count: int) -> list[str]:
    body = msgspec.json.encode({"text": TEXT, "seconds": SLEEP_S})
    return [link.call("POST", "/v1/models/bench/repeat", body)["request_id"] for _ in range(count)]


def _finish(link: Link, names: list[str]) -> list[float]:
    """When the engine was called for each of these, once all have ended."""
    return [_called_at(link, name) for name in names]


def _called_at(link: Link, name: str) -> float:
    while (result := link.call("GET", WAIT.format(name)))["status"] != "succeeded":
        if result["status"] not in {"in_queue", "in_progress"}:
            raise SystemExit(f"A run did not succeed: {result}")
    return float(result["notes"]["called_at"])


def _text(found: list[Scaled]) -> str:
    one = found[0]
    rows = [
        [
            f"{e.workers}",
            f"{e.rate:.2f}",
            f"{e.of_line:.3f}",
            f"{e.rate * one.workers / one.rate / e.workers:.3f}",
        ]
        for e in found
    ]
    late = [Verdict(f"short of linear, {e.workers} workers", 1 - e.of_line, 1 - LEAST, "") for e in found]
    verdicts = [
        [each.what, f"{each.measured:.3f}", f"{each.target:.2f}", "met" if each.met else "MISSED"]
        for each in late
    ]
    head = ["workers", "jobs/s", "of sleeping alone", f"of {one.workers} worker's"]
    return f"{table(head, rows)}\n\n{table(['target', 'measured', 'at most', ''], verdicts)}"


if __name__ == "__main__":
    main()

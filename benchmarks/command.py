"""The command line: reads how much to measure, measures, reports."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import report, rounds
from benchmarks.folder import flush_s
from benchmarks.rounds import Plan

QUICK = Plan(rounds=3, seconds=2.0, warmup_s=0.5, waiting=50_000, starts=50)
FULL = Plan(rounds=7, seconds=4.0, warmup_s=1.0, waiting=1_000_000, starts=500)


def main() -> None:
    """Measure and print."""
    asked = _arguments()
    usual = QUICK if asked.quick else FULL
    plan = Plan(
        rounds=asked.rounds or usual.rounds,
        seconds=asked.seconds or usual.seconds,
        warmup_s=usual.warmup_s,
        waiting=usual.waiting if asked.waiting is None else asked.waiting,
        starts=asked.starts or usual.starts,
    )
    with tempfile.TemporaryDirectory(prefix="officina-bench-", dir=asked.folder) as name:
        folder = Path(name)
        environment = report.environment(flush_s(folder))
        results = rounds.measure(plan, folder, lambda line: print(line, file=sys.stderr, flush=True))
    found = report.Report(plan, results, environment)
    print(found.json().decode() if asked.json else found.text())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the gateway against FastAPI's echo, in one run.")
    parser.add_argument("--quick", action="store_true", help="about a minute, with a shorter queue")
    parser.add_argument("--waiting", type=int, metavar="N", help="jobs in the long queue; 0 leaves it out")
    parser.add_argument("--rounds", type=int, metavar="N", help="interleaved rounds")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long each load lasts in a round")
    parser.add_argument("--starts", type=int, metavar="N", help="runs from submit to engine")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the data folders lie meanwhile")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser.parse_args()

"""`python -m benchmarks.queue`: reads how much to measure, measures, reports."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import msgspec

from benchmarks.queue import report
from benchmarks.queue.measure import Plan, measure

QUICK = Plan(rounds=1, seconds=1.0, jobs=1000, starts=50, backlogs=(10_000, 50_000), turns=100)
FULL = Plan(rounds=5, seconds=4.0, jobs=10_000, starts=300, backlogs=(10_000, 100_000, 1_000_000), turns=300)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the queue beside pgqueuer and procrastinate.")
    parser.add_argument("--quick", action="store_true", help="about a minute, with shorter backlogs")
    parser.add_argument("--rounds", type=int, metavar="N", help="interleaved rounds")
    parser.add_argument("--only", default="", metavar="NAME", help="only queues whose name has this in it")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    asked = parser.parse_args()
    plan = QUICK if asked.quick else FULL
    if asked.rounds:
        plan = msgspec.structs.replace(plan, rounds=asked.rounds)
    environment = report.environment()
    with tempfile.TemporaryDirectory(prefix="officina-bench-") as name:
        found = report.Report(environment, plan, measure(plan, Path(name), asked.only))
    print(found.json().decode() if asked.json else found.text())


if __name__ == "__main__":
    main()

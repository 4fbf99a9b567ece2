"""What came of the measurements: tables for people, one JSON object for programs, and the targets."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from statistics import median
from typing import Any, NamedTuple

import msgspec

from benchmarks.rounds import Idle, Plan, Results, Sample, waiting

LIBRARIES = ("uvicorn", "uvloop", "httptools", "starlette", "msgspec", "apsw", "fastapi", "pydantic")


class Verdict(msgspec.Struct, frozen=True):
    """A target of the design, and what was measured; smaller is better everywhere."""

    what: str
    measured: float
    target: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.measured <= self.target


class Report(NamedTuple):
    """The measurements with what they were made on."""

    plan: Plan
    results: Results
    environment: dict[str, Any]

    def json(self) -> bytes:
        """Everything, every sample included."""
        results = self.results
        return msgspec.json.format(
            msgspec.json.encode(
                {
                    "environment": self.environment,
                    "plan": self.plan,
                    "targets": [
                        {**msgspec.structs.asdict(each), "met": each.met} for each in self.verdicts()
                    ],
                    "samples": results.samples,
                    "started": results.started,
                    "idle": results.idle,
                }
            ),
            indent=2,
        )

    def text(self) -> str:
        """The tables, in Markdown."""
        parts = [self._loads(), self._starts(), self._idle(), self._targets()]
        return "\n\n".join(part for part in parts if part)

    def verdicts(self) -> list[Verdict]:
        """Every target that this plan measured."""
        found: list[Verdict] = []
        suffixes = ["", *([waiting(self.plan)] if self.plan.waiting else [])]
        for suffix in suffixes:
            found += self._cpu_verdicts(suffix)
            for name, share, target in (("p50", 0.5, 5.0), ("p99", 0.99, 25.0)):
                starts = self.results.started.get(f"start{suffix}")
                if starts:
                    took_ms = 1000 * _share([each.called_s for each in starts], share)
                    found.append(Verdict(f"submit to engine, {name}{suffix}", took_ms, target, "ms"))
        return found + self._idle_verdicts()

    def _cpu_verdicts(self, suffix: str) -> list[Verdict]:
        found = [
            Verdict(
                f"{name}{suffix}, CPU", self._ratio(f"{name}{suffix}", "echo"), target, "of FastAPI's echo"
            )
            for name, target in (("submit", 1.0), ("status", 0.5))
        ]
        if suffix:
            found += [
                Verdict(f"{name}{suffix}, CPU", self._ratio(f"{name}{suffix}", name), 1.2, "of none waiting")
                for name in ("submit", "status")
            ]
        return found

    def _idle_verdicts(self) -> list[Verdict]:
        memory = [("gateway", 80.0), ("worker", 50.0)]
        found = [
            Verdict(
                f"{name}, idle memory (PSS)",
                median(each.pss_mb for each in self._idle_of(name)),
                target,
                "MB",
            )
            for name, target in memory
            if self._idle_of(name)
        ]
        ready = [each.ready_s for each in self._idle_of("gateway") if each.ready_s is not None]
        return [*found, Verdict("gateway, start to ready", median(ready), 1.0, "s")]

    def _ratio(self, name: str, base: str) -> float:
        """How CPU for each answer compares, round by round; the median."""
        bases = {each.round: each.cpu_ms for each in self._samples_of(base)}
        return median(each.cpu_ms / bases[each.round] for each in self._samples_of(name))

    def _samples_of(self, name: str) -> list[Sample]:
        return [each for each in self.results.samples if each.name == name]

    def _idle_of(self, name: str) -> list[Idle]:
        return [each for each in self.results.idle if each.name == name]

    def _loads(self) -> str:
        rows = []
        for name in dict.fromkeys(each.name for each in self.results.samples):
            samples = self._samples_of(name)

            def middle(take: Callable[[Sample], float], samples: list[Sample] = samples) -> float:
                return median(take(each) for each in samples)

            rows.append(
                [
                    name if name != "echo" else "FastAPI's echo",
                    f"{middle(lambda each: each.cpu_ms):.3f}",
                    f"{self._ratio(name, 'echo'):.2f}",
                    f"{middle(lambda each: each.rate):,.0f}",
                    f"{middle(lambda each: each.p50_ms):.1f}",
                    f"{middle(lambda each: each.p99_ms):.1f}",
                    f"{middle(lambda each: each.generator_cpu_ms):.3f}",
                ]
            )
        head = ["64 connections", "CPU ms", "of echo", "answers/s", "p50 ms", "p99 ms", "generator CPU ms"]
        return table(head, rows)

    def _starts(self) -> str:
        rows = []
        for name, starts in self.results.started.items():
            called = [each.called_s for each in starts]
            result = [each.result_s for each in starts]
            shares = [_share(took, share) for took in (called, result) for share in (0.5, 0.99)]
            rows.append([name, str(len(starts)), *(f"{1000 * each:.1f}" for each in shares)])
        head = ["uploaded input", "runs", "engine p50 ms", "engine p99 ms", "result p50 ms", "result p99 ms"]
        return table(head, rows)

    def _idle(self) -> str:
        rows = []
        for name in dict.fromkeys(each.name for each in self.results.idle):
            found = self._idle_of(name)
            ready = [each.ready_s for each in found if each.ready_s is not None]
            rows.append(
                [
                    name,
                    f"{median(each.pss_mb for each in found):.1f}",
                    f"{median(each.rss_mb for each in found):.1f}",
                    f"{median(ready):.2f}" if ready else "",
                ]
            )
        return table(["idle", "PSS MB", "RSS MB", "ready s"], rows)

    def _targets(self) -> str:
        rows = [
            [
                each.what,
                f"{each.measured:.2f}",
                f"{each.target:g} {each.unit}",
                "met" if each.met else "MISSED",
            ]
            for each in self.verdicts()
        ]
        return table(["target", "measured", "at most", ""], rows)


def environment(flush_s: float) -> dict[str, Any]:
    """The machine and the libraries, as far as they matter for the numbers."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "flush_ms": 1000 * flush_s,
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _share(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, the first column to the left."""
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (f"{cell:{'<' if n == 0 else '>'}{widths[n]}}" for n, cell in enumerate(cells))
        return f"| {' | '.join((first, *rest))} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(line(each) for each in (head, rule, *rows))

"""What came of it: tables in Markdown, and the aims."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from benchmarks.peer_servers import PEERS
from benchmarks.queue.measure import CONNECTIONS, HEAVY, NO_LIMIT, ONE_EACH, TENS, Plan, Sample
from benchmarks.queue.subjects import SUBJECTS
from benchmarks.report import Verdict, table

OURS = SUBJECTS[0].name
RIVAL = "pgqueuer"
PEER_NAMES = tuple(each.name for each in SUBJECTS if not each.ours)
SUBMITS = tuple(f"submit, {n}" for n in CONNECTIONS)


class Report(msgspec.Struct, frozen=True):
    """The measurements with what they were made on."""

    environment: dict[str, str]
    plan: Plan
    samples: list[Sample]

    def json(self) -> bytes:
        """Everything, every sample included."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    def text(self) -> str:
        """The tables."""
        parts = [
            "\n".join(f"{name}: {value}" for name, value in self.environment.items()),
            self._bare(),
            self._rates("durable submits/s", SUBMITS),
            self._rates("claim and finish/s", (ONE_EACH.load, TENS.load, NO_LIMIT.load)),
            self._rates("status reads/s", ("status",)),
            self._cpu(),
            self._latencies(),
            self._backlogs(),
            self._aims(),
        ]
        return "\n\n".join(part for part in parts if part)

    def _of(self, name: str, load: str) -> list[Sample]:
        return [each for each in self.samples if (each.name, each.load) == (name, load)]

    def _middle(self, name: str, load: str, take: Callable[[Sample], float]) -> float | None:
        found = self._of(name, load)
        return median(take(each) for each in found) if found else None

    def _bare(self) -> str:
        names = dict.fromkeys(each.name for each in self.samples if each.load == "bare")
        rows = [[name, f"{self._middle(name, 'bare', lambda e: e.told.rate):,.0f}"] for name in names]
        return table(["one after the other", "a second"], rows)

    def _rates(self, head: str, loads: Sequence[str]) -> str:
        return self._table(head, loads, self._rate)

    def _rate(self, name: str, load: str) -> str:
        rate = self._middle(name, load, lambda e: e.told.rate)
        ratio = self._middle(name, load, lambda e: e.of_bare)
        return "" if rate is None or ratio is None else f"{rate:,.0f} ({ratio:.2f} bare)"

    def _cpu(self) -> str:
        loads = (*SUBMITS, TENS.load, "status")
        return self._table("CPU of caller and database, µs", loads, self._cpu_us)

    def _cpu_us(self, name: str, load: str) -> str:
        cost = self._middle(name, load, lambda e: e.cpu_us)
        return f"{cost:,.0f}" if cost else ""

    def _latencies(self) -> str:
        loads = (*SUBMITS, "status", "start", "start, other gateway")
        return self._table("p50 / p99, ms", loads, self._latency)

    def _latency(self, name: str, load: str) -> str:
        p50, p99 = (
            self._middle(name, load, take) for take in (lambda e: e.told.p50_s, lambda e: e.told.p99_s)
        )
        return "" if p50 is None or p99 is None else f"{1000 * p50:.1f} / {1000 * p99:.1f}"

    def _table(self, head: str, loads: Sequence[str], cell: Callable[[str, str], str]) -> str:
        names = [each.name for each in SUBJECTS if any(self._of(each.name, load) for load in loads)]
        return table([head, *loads], [[name, *(cell(name, load) for load in loads)] for name in names])

    def _backlogs(self) -> str:
        rows = []
        for subject in SUBJECTS:
            if subject.ours and self._of(subject.name, f"{self.plan.backlogs[0]}"):
                claims = [self._claim(subject.name, backlog) for backlog in self.plan.backlogs]
                place = self._middle(subject.name, "fair", lambda e: e.told.place)
                rows.append([subject.name, *claims, f"{place:.0f}"])
        heads = [f"claim of ten at {each:,}, ms" for each in self.plan.backlogs]
        return (
            table(["backlog", *heads, f"starts ahead of a light key, behind {HEAVY:,}"], rows) if rows else ""
        )

    def _claim(self, name: str, backlog: int) -> str:
        return f"{1000 * self._claim_s(name, backlog):.2f} ({self._flatness(name, backlog):.2f})"

    def _claim_s(self, name: str, backlog: int) -> float:
        return self._of(name, f"{backlog}")[0].told.p50_s

    def _flatness(self, name: str, backlog: int) -> float:
        return self._claim_s(name, backlog) / self._claim_s(name, self.plan.backlogs[0])

    def _aims(self) -> str:
        rows = [
            [e.what, f"{e.measured:,.2f}", f"{e.target:g} {e.unit}", "met" if e.met else "MISSED"]
            for e in self._verdicts()
        ]
        return table(["aim", "measured", "at most", ""], rows) if rows else ""

    def _verdicts(self) -> list[Verdict]:
        if not self._of(OURS, SUBMITS[-1]):
            return []
        best = max(self._rate_of(OURS, load) for load in SUBMITS)
        work = max(self._rate_of(OURS, load) for load in (ONE_EACH.load, TENS.load))
        found = [
            Verdict("durable submit, µs each", 1e6 / best, 1e6 / 5000, "(5,000/s)"),
            Verdict("claim and finish, µs each", 1e6 / work, 1e6 / 3000, "(3,000/s)"),
            Verdict("submit to start, p50", 1000 * self._start_s("start"), 5.0, "ms"),
            Verdict("the same, other gateway", 1000 * self._start_s("start, other gateway"), 5.0, "ms"),
        ]
        if self._of(RIVAL, SUBMITS[-1]):
            theirs = max(self._rate_of(RIVAL, load) for load in SUBMITS)
            their_work = max(self._rate_of(RIVAL, load) for load in (TENS.load, NO_LIMIT.load))
            found += [
                Verdict("durable submit", theirs / best, 1.0, f"of {RIVAL}'s time"),
                Verdict("claim and finish", their_work / work, 1.0, f"of {RIVAL}'s time"),
            ]
        if self._of(OURS, f"{self.plan.backlogs[-1]}"):
            last = self.plan.backlogs[-1]
            found.append(Verdict(f"claim at {last:,}", self._flatness(OURS, last), 1.25, "of the first"))
        return found

    def _rate_of(self, name: str, load: str) -> float:
        return self._middle(name, load, lambda e: e.told.rate) or 0.0

    def _start_s(self, load: str) -> float:
        return self._middle(OURS, load, lambda e: e.told.p50_s) or 0.0


def environment() -> dict[str, str]:
    """The machine, and the versions of what is compared."""
    ask = "from importlib.metadata import version; print(*(f'{n} {version(n)}' for n in NAMES))"
    ask = ask.replace("NAMES", repr(PEER_NAMES))
    said = subprocess.run([PEERS / "bin/python", "-c", ask], capture_output=True, check=True, text=True)
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "versions": said.stdout.strip(),
    }

"""What is counted when all has come to rest, and the table of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callers import Asked, Line, Told, read_files
from latecomer import Late
from stage import Kind, Stage

REST_S = 600.0
"""How long all may take to end afterwards: a request that was hit many times waits minutes for its next try."""
AT_ONCE = 8
ENDED = {"succeeded", "failed", "cancelled"}


@dataclass
class Report:
    """The counts of one run. Everything in `violations` must be 0."""

    kind: Kind
    acknowledged: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    violations: dict[str, int] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    """What was wrong, in words."""
    again: int = 0
    """Requests that were run more than once."""
    repeated: int = 0
    files_read: int = 0
    refused_on_wires: int = 0
    mishaps: Counter[str] = field(default_factory=Counter)
    late: Late = field(default_factory=Late)
    seconds: float = 0.0
    seed: int = 0

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return not any(self.violations.values())

    def rows(self) -> list[tuple[str, str]]:
        """The table of the run: what, and how many."""
        kills = sum(count for what, count in self.mishaps.items() if what.startswith("kill"))
        return [
            ("seed", str(self.seed)),
            ("seconds of trouble", f"{self.seconds:.0f}"),
            ("processes killed", str(kills)),
            *(("  " + what, str(self.mishaps[what])) for what in sorted(self.mishaps) if "kill" in what),
            *((what, str(self.mishaps[what])) for what in sorted(self.mishaps) if "kill" not in what),
            ("acknowledged requests", str(self.acknowledged)),
            *(("  " + word, str(count)) for word, count in sorted(self.outcomes.items())),
            ("  run more than once", str(self.again)),
            ("submits repeated with their Idempotency-Key", str(self.repeated)),
            ("files read and compared", str(self.files_read)),
            ("late writes refused", str(self.late.refused)),
            ("  and of workers that were stopped or cut off", str(self.refused_on_wires)),
            *((what, str(count)) for what, count in self.violations.items()),
        ]


def table(reports: Sequence[Report]) -> str:
    """The reports side by side."""
    columns = [dict(each.rows()) for each in reports]
    names = list(dict.fromkeys(name for column in sorted(columns, key=len, reverse=True) for name in column))
    width = max(map(len, names))
    lines = [f"{'':{width}}" + "".join(f"{each.kind:>12}" for each in reports)]
    lines += [f"{name:{width}}" + "".join(f"{each.get(name, '-'):>12}" for each in columns) for name in names]
    return "\n".join(lines)


@dataclass
class _Found:
    """What the server says of one request at the end."""

    record: dict[str, Any]
    result: dict[str, Any]
    events: list[dict[str, Any]]


class Count:
    """Looks at every request of a stage that has come to rest."""

    def __init__(self, stage: Stage, told: Told, line: Line) -> None:
        self._told = told
        self._line = line
        self._seats = asyncio.Semaphore(AT_ONCE)
        self.report = Report(stage.kind)
        self._wrong: Counter[str] = Counter()

    async def look(self) -> Report:
        """Wait until all has ended, and count."""
        rows = await self._rested()
        asked = list(self._told.asked.values())
        await asyncio.gather(*(self._look_at(each, rows) for each in asked))
        report = self.report
        report.acknowledged = len(asked)
        report.repeated, report.files_read = self._told.repeated, self._told.files_read
        self._wrong["stuck"] = sum(row["status"] not in ENDED for row in rows.values())
        self._wrong["made twice under one Idempotency-Key"] = self._twins(rows)
        self._wrong["results, events or files that contradict"] = len(self._told.broken)
        self._wrong["answers that no kill explains"] = len(self._told.strange)
        report.violations = {name: self._wrong[name] for name in VIOLATIONS}
        report.words += [*self._told.broken, *self._told.strange]
        return report

    async def _rested(self) -> dict[str, dict[str, Any]]:
        """Every row of the queue, by id, once all have ended or the time is over."""
        end = time.monotonic() + REST_S
        while True:
            rows = await self._rows()
            if all(row["status"] in ENDED for row in rows.values()) or time.monotonic() > end:
                return rows
            await asyncio.sleep(0.5)

    async def _rows(self) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        params = {"all": "true", "limit": "500", "include_input": "true"}
        while True:
            page = (await self._line.insist("GET", "/v1/requests", params=params)).json()
            rows |= {row["request_id"]: row for row in page["requests"]}
            if not page["next_cursor"]:
                return rows
            params["cursor"] = page["next_cursor"]

    def _twins(self, rows: Mapping[str, Mapping[str, Any]]) -> int:
        """Requests beyond the first that were made under one idempotency key, which is in their prompts."""
        words = [row["input"]["prompt"].split() for row in rows.values()]
        times = Counter(each[1] for each in words if len(each) > 1)
        named = {name: times[name] for name in self._told.names}
        return sum(count - 1 for count in times.values()) + sum(not count for count in named.values())

    async def _look_at(self, asked: Asked, rows: Mapping[str, Any]) -> None:
        async with self._seats:
            if asked.request_id not in rows:
                self._blame("lost", f"{asked.request_id} is lost")
                return
            found = await self._found(asked.request_id)
            self._judge(asked, found)
            if found.result["status"] == "succeeded":
                await read_files(self._line, self._told, asked, found.result)

    async def _found(self, request_id: str) -> _Found:
        path = f"/v1/requests/{request_id}"
        record = await self._line.insist("GET", path)
        result = await self._line.insist("GET", f"{path}/result")
        events = await self._line.insist("GET", f"{path}/events")
        found = result.json()
        if "finished_at" in found:
            self._told.result(found)
        return _Found(record.json(), found, _events(events.body.decode()))

    def _judge(self, asked: Asked, found: _Found) -> None:
        status, record = found.result["status"], found.record
        self.report.outcomes[status] += 1
        self.report.again += record["attempts"] > 1
        kinds = [each["kind"] for each in found.events]
        if kinds.count("ended") != 1 or kinds[-1] != "ended":
            self._blame("ended more or less than once", f"{asked.request_id} told {kinds}")
        for each in found.events:
            self._told.event(asked, each["n"], each["kind"], each["data"])
        if status not in asked.wish.ends:
            self._blame("ended otherwise than it may", f"{asked.wish} ended as {found.result}")
        if asked.was_cancelled and (status != "cancelled" or "output" in found.result):
            self._blame("cancelled, and yet a result", f"{asked.request_id} shows {found.result}")
        by = (record["notes"] or {}).get("attempt", record["attempts"])
        if by != record["attempts"]:
            self._blame("late writes accepted", f"{asked.request_id} shows attempt {by} of {record}")

    def _blame(self, name: str, words: str) -> None:
        self._wrong[name] += 1
        self.report.words.append(words)


VIOLATIONS = (
    "lost",
    "stuck",
    "ended more or less than once",
    "ended otherwise than it may",
    "cancelled, and yet a result",
    "late writes accepted",
    "made twice under one Idempotency-Key",
    "results, events or files that contradict",
    "answers that no kill explains",
)


async def count(stage: Stage, told: Told, line: Line) -> Report:
    """Count what became of everything on a stage where nothing is broken any more."""
    async with line.http:
        report = await Count(stage, told, line).look()
    report.refused_on_wires = sum(each.refusals for each in stage.to_workers)
    return report


def _events(text: str) -> list[dict[str, Any]]:
    blocks = [dict(line.split(": ", 1) for line in b.splitlines()) for b in text.split("\n\n") if "id: " in b]
    return [{"n": int(b["id"]), "kind": b["event"], "data": b["data"]} for b in blocks]

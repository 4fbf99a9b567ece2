"""What was used: runs, outputs, engine time and cost by day, model and key, as JSON or CSV."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from officina.errors import InvalidInput, Problem, WrongScope
from officina.keys import Key
from officina.queue.protocol import Usage
from officina.web.call import Call
from officina.web.render import Answer, json

GROUPS = {"day": "day", "model": "model_id", "key": "key_id"}
"""The words of `group`, and the member of a row that each adds."""
FIGURES = ("runs", "succeeded", "failed", "cancelled", "outputs", "run_s", "cost_usd")
USUAL_DAYS = 30
MOST_DAYS = 366
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run."""


class Figures(msgspec.Struct):
    """Sums over some rows of the daily roll-up."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    outputs: int = 0
    run_s: float = 0.0
    cost_usd: float = 0.0

    @property
    def runs(self) -> int:
        """All that ended."""
        return self.succeeded + self.failed + self.cancelled

    def add(self, row: Usage) -> None:
        """Count a row in."""
        self.succeeded += row.succeeded
        self.failed += row.failed
        self.cancelled += row.cancelled
        self.outputs += row.outputs
        self.run_s += row.run_s
        self.cost_usd += row.cost_usd

    def shown(self) -> dict[str, Any]:
        """As the API tells them: with the number of all runs, without the noise of adding floats."""
        sums = msgspec.structs.asdict(self)
        return {"runs": self.runs, **sums, "run_s": round(self.run_s, 3), "cost_usd": round(self.cost_usd, 6)}


async def usage(call: Call) -> Answer:
    """The caller's own usage, or for an admin everybody's, between two days."""
    key = await call.key()
    since, until = span(call)
    group = _group(call)
    is_csv = _wants_csv(call)
    rows = await call.gateway.queue.usage(since.isoformat(), until.isoformat(), whose(call, key))
    names = {each.id: each.name for each in await call.gateway.queue.keys()} if "key" in group else {}
    shown = _grouped(rows, group, names)
    if is_csv:
        return _csv(shown, group, f"usage-{since}-{until}.csv")
    total = Figures()
    for row in rows:
        total.add(row)
    return json({"from": since, "to": until, "group": group, "rows": shown, "total": total.shown()})


def _grouped(rows: Iterable[Usage], group: Sequence[str], names: Mapping[str, str]) -> list[dict[str, Any]]:
    sums: dict[tuple[str, ...], Figures] = defaultdict(Figures)
    for row in rows:
        full = {"day": row.day, "model": row.model, "key": row.key_id}
        sums[tuple(full[word] for word in group)].add(row)
    shown = []
    for place, figures in sorted(sums.items()):
        labels = {GROUPS[word]: value for word, value in zip(group, place, strict=True)}
        if "key_id" in labels:
            labels["key_name"] = names.get(labels["key_id"], "")
        shown.append({**labels, **figures.shown()})
    return shown


def _csv(rows: Sequence[Mapping[str, Any]], group: Sequence[str], filename: str) -> Answer:
    columns = [GROUPS[word] for word in group] + (["key_name"] if "key" in group else []) + list(FIGURES)
    text = io.StringIO()
    sheet = csv.writer(text)
    sheet.writerow(columns)
    sheet.writerows([_inert(row[name]) for name in columns] for row in rows)
    headers = [
        (b"content-type", b"text/csv; charset=utf-8"),
        (b"content-disposition", f'attachment; filename="{filename}"'.encode()),
        (b"vary", b"accept"),
    ]
    return Answer(200, text.getvalue().encode(), headers)


def _inert(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: names of keys are chosen by people."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def whose(call: Call, key: Key) -> str | None:
    """Whose usage is asked for: a key id, or None for everybody's. Raises WrongScope."""
    wanted = call.query.get("key_id") or key.owner
    if key.owner is not None and wanted != key.owner:
        raise WrongScope("The usage of other keys needs a key with the scope 'admin'.")
    return wanted


def span(call: Call) -> tuple[date, date]:
    """The first and the last day that are asked for. Raises InvalidInput."""
    until = _day(call, "to") or datetime.now(UTC).date()
    since = _day(call, "from") or max(date.min + timedelta(USUAL_DAYS), until) - timedelta(USUAL_DAYS - 1)
    if not 0 <= (until - since).days < MOST_DAYS:
        sentence = f"must be at or before `to`, and at most {MOST_DAYS} days are told at once"
        raise InvalidInput(detail=[Problem(("query", "from"), sentence, "range")])
    return since, until


def _day(call: Call, name: str) -> date | None:
    text = call.query.get(name)
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    sentence = f"must be a day such as 2026-11-22, got {text[:40]!r}"
    raise InvalidInput(detail=[Problem(("query", name), sentence, "time")])


def _group(call: Call) -> tuple[str, ...]:
    text = call.query.get("group")
    words = tuple(GROUPS) if text is None else tuple(dict.fromkeys(text.split(","))) if text else ()
    if any(word not in GROUPS for word in words):
        sentence = f"must be some of: {', '.join(GROUPS)}, with commas between; got {str(text)[:40]!r}"
        raise InvalidInput(detail=[Problem(("query", "group"), sentence, "enum")])
    return words


def _wants_csv(call: Call) -> bool:
    word = call.query.get("format")
    if word is None:
        return "text/csv" in call.header(b"accept")
    if word not in {"json", "csv"}:
        sentence = f"must be json or csv, got {word[:40]!r}"
        raise InvalidInput(detail=[Problem(("query", "format"), sentence, "enum")])
    return word == "csv"

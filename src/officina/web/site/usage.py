"""Usage: runs, pictures, seconds and cost by day, model and key; a plot, and the same as CSV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from markupsafe import Markup, escape

from officina.keys import Key
from officina.queue.protocol import Usage
from officina.service import usual_limits
from officina.web.render import Answer
from officina.web.site.locale import Locale
from officina.web.site.page import Page
from officina.web.usage import Figures, span, whose

SPANS = (7, 30, 90, 365)
SHOWN = ("runs", "outputs", "run_s", "cost_usd")
"""What the plot can show."""
MOST_BARS = 60
"""Days that are told one by one; a longer span is told by weeks, which are read and rendered sooner."""
HEIGHT = 100.0


@dataclass(frozen=True, slots=True)
class Periods:
    """The days or the calendar weeks, from Monday on, of a span; the first and last are cut to it."""

    since: date
    until: date

    @property
    def weekly(self) -> bool:
        """Whether a period is a week."""
        return (self.until - self.since).days >= MOST_BARS

    @property
    def count(self) -> int:
        """How many periods the span has."""
        return self.place(self.until) + 1

    def place(self, day: date) -> int:
        """Which period a day falls into, from 0."""
        days = (day - self.since).days
        return (days + self.since.weekday()) // 7 if self.weekly else days

    def words(self, place: int, t: Locale) -> str:
        """What a period is called."""
        if not self.weekly:
            return t.day(self.since + timedelta(place))
        monday = self.since + timedelta(7 * place - self.since.weekday())
        first, last = max(monday, self.since), min(monday + timedelta(6), self.until)
        return t.days(first, last)


@dataclass(frozen=True, slots=True)
class Bar:
    """One period of the plot: what it says, and its parts from the bottom up, in hundredths of the height."""

    words: str
    parts: Markup


async def show(page: Page) -> Answer:
    """The usage of the reader's key, an admin's of all keys, between `from` and `to`."""
    key = page.require("caller")
    since, until = span(page.call)
    periods = Periods(since, until)
    queue = page.call.gateway.queue
    rows = await queue.usage(
        since.isoformat(), until.isoformat(), whose(page.call, key), weekly=periods.weekly
    )
    names = {each.id: each.name for each in await queue.keys()} if key.owner is None else {}
    shown = page.call.query.get("show", "")
    shown = shown if shown in SHOWN else "runs"
    sums = _by_period(rows, periods)
    words = {place: periods.words(place, page.locale) for place in sums}
    bars, top = _bars(sums, words, shown, page.locale)
    return page.html(
        "usage.html",
        since=since,
        until=until,
        spans=_spans(since, until, shown),
        shown=shown,
        choices=[(name, _query(since, until, name)) for name in SHOWN],
        csv=f"/v1/usage?{urlencode({'from': since, 'to': until, 'format': 'csv'})}",
        total=_total(rows),
        bars=bars,
        width=periods.count,
        weekly=periods.weekly,
        top=_shown_as(top, shown, page.locale),
        periods=[(words[place], _cells(sums[place], page.locale)) for place in sorted(sums, reverse=True)],
        models=_largest(_sums(rows, lambda row: row.model), page.locale),
        keys=_largest(_sums(rows, lambda row: row.key_id), page.locale) if key.owner is None else (),
        names=names,
        left=await _left(page, key),
    )


async def _left(page: Page, key: Key) -> list[tuple[str, str]]:
    """What the reader's budgets leave for today: the name of each and what is left, as it is shown."""
    gateway = page.call.gateway
    limits = key.limits.over(usual_limits(gateway.settings))
    left: list[tuple[str, str]] = []
    if limits.daily_outputs is None and limits.daily_usd is None:
        return left
    use = (await gateway.queue.use([key.id]))[key.id]
    if limits.daily_outputs is not None:
        outputs = max(0, limits.daily_outputs - use.outputs - use.held_outputs)
        left.append(("left_outputs", page.locale.number(outputs)))
    if limits.daily_usd is not None:
        left.append(("left_usd", page.locale.money(max(0.0, limits.daily_usd - use.cost_usd - use.held_usd))))
    return left


def _sums(rows: Sequence[Usage], place: Callable[[Usage], str]) -> dict[str, Figures]:
    sums: dict[str, Figures] = defaultdict(Figures)
    for row in rows:
        sums[place(row)].add(row)
    return sums


def _by_period(rows: Sequence[Usage], periods: Periods) -> dict[int, Figures]:
    places: dict[str, int] = {}
    sums: dict[int, Figures] = defaultdict(Figures)
    for row in rows:
        if row.day not in places:
            places[row.day] = periods.place(date.fromisoformat(row.day))
        sums[places[row.day]].add(row)
    return sums


def _total(rows: Sequence[Usage]) -> Figures:
    total = Figures()
    for row in rows:
        total.add(row)
    return total


def _largest(sums: Mapping[str, Figures], t: Locale) -> list[tuple[str, Markup]]:
    found = sorted(sums.items(), key=lambda each: (-each[1].runs, each[0]))
    return [(name, _cells(figures, t)) for name, figures in found]


def _cells(figures: Figures, t: Locale) -> Markup:
    """The cells of a row, as the columns follow each other, in one piece: a span has hundreds of them."""
    counts = (figures.runs, figures.failed, figures.outputs)
    said = (*map(t.number, counts), t.duration(figures.run_s), t.money(figures.cost_usd))
    cells = str(escape("\n".join(said))).replace("\n", '</td><td class="number">')
    return Markup(f'<td class="number">{cells}</td>')  # noqa: S704 - escaped as one, since that is quicker


def _shown_as(value: float, shown: str, t: Locale) -> str:
    if shown == "run_s":
        return t.duration(value)
    return t.money(value) if shown == "cost_usd" else t.number(int(value))


def _bars(
    sums: Mapping[int, Figures], words: Mapping[int, str], shown: str, t: Locale
) -> tuple[list[Bar], float]:
    """A bar for each period that has something to show, and the value of a full one."""
    top = max((_figure(figures, shown) for figures in sums.values()), default=0.0)
    bars = []
    for place, figures in sorted(sums.items()):
        if value := _figure(figures, shown):
            said = f"{words[place]}: {_shown_as(value, shown, t)}"
            bars.append(Bar(said, _parts(figures, shown, top, place + 0.12)))
    return bars, top


def _parts(figures: Figures, shown: str, top: float, x: float) -> Markup:
    names = ("succeeded", "failed", "cancelled") if shown == "runs" else (shown,)
    parts, below = "", 0.0
    for name in names:
        height = getattr(figures, name) / top * HEIGHT
        below += height
        if height:
            place = f'x="{x:g}" y="{HEIGHT - below:.3f}" width="0.76" height="{height:.3f}"'
            parts += f'<rect class="{name}" {place}/>'
    return Markup(parts)  # noqa: S704 - names of ours, and numbers


def _figure(figures: Figures, shown: str) -> float:
    return float(getattr(figures, shown))


def _spans(since: date, until: date, shown: str) -> list[tuple[int, str, bool]]:
    """The usual spans: how many days, the query that shows them, and whether it is the present one."""
    today = datetime.now(UTC).date()
    spans = [(days, today - timedelta(days - 1)) for days in SPANS]
    return [(days, _query(first, today, shown), (since, until) == (first, today)) for days, first in spans]


def _query(since: date, until: date, shown: str) -> str:
    return "?" + urlencode({"from": since, "to": until, "show": shown})

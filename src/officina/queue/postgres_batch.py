"""What one group of operations reads, locks and writes on PostgreSQL: all of it or nothing.

Operations decide in Python about rows that the batch has locked; what they change is written at the end, in
a few statements for the whole group whatever its size.
"""

from __future__ import annotations

import functools
import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from officina.job import EventKind, Job, NewJob, State, StoredFile
from officina.queue import sql
from officina.queue.attempt import Again, End, Held, encode
from officina.queue.order import Clock
from officina.queue.protocol import Terms

if TYPE_CHECKING:
    import asyncpg

Connection: TypeAlias = "asyncpg.Connection[Any]"
SQL = sql.statements("postgres")


class Row(msgspec.Struct):
    """A job's row while a batch holds its lock. Its order is that of the columns read."""

    id: str
    model: str
    key_id: str
    state: State
    created_at: float
    tag: float
    seq: int
    attempts: int
    run_at: float | None
    started_at: float | None
    finished_at: float | None
    engine: str | None
    output: bytes | None
    error: bytes | None
    notes: bytes | None
    cost_usd: float
    max_attempts: int
    history: bytes | None
    events: int
    worker: str | None
    nonce: str | None
    token: str | None
    lease_until: float | None
    stop_wish: int
    memo: str
    most_outputs: int
    most_usd: float
    input: bytes = b""
    version: str | None = None
    """Which version of the row was read, where it was read without a lock."""

    def job(self) -> Job:
        """The job as its caller may read it."""
        return Job(
            *(self.id, self.model, self.key_id, self.state, self.created_at, self.tag, self.seq),
            *(self.attempts, self.run_at, self.started_at, self.finished_at, self.engine),
            *(self.output, self.error, self.notes, self.cost_usd),
        )

    def held(self) -> Held:
        """The columns that decide how its attempt may end."""
        return Held(
            *(self.id, self.state, self.token, self.attempts, self.max_attempts, self.stop_wish),
            *(self.model, self.key_id, self.history, self.notes, self.most_outputs, self.most_usd),
        )

    def written(self) -> tuple[Any, ...]:
        """What `write_jobs` takes of it."""
        return (
            *(self.id, self.state, self.attempts, self.run_at, self.started_at, self.finished_at),
            *(self.engine, self.output, self.error, self.notes, self.cost_usd, self.history),
            *(self.events, self.worker, self.nonce, self.token, self.lease_until, self.stop_wish, self.memo),
            self.version,
        )


class LocksNeeded(Exception):
    """A group cannot be done at once: others have to be kept out while it is decided."""


class Batch:
    """One group: the time, the rows it has read, what will be written, and whom to wake.

    In a transaction what is read is locked. `at_once` there is none: one statement reads all, and one writes
    all, which fails when something has changed in between.
    """

    def __init__(
        self, db: Connection, lane: str, terms: Terms, clock: float | None, *, at_once: bool = False
    ) -> None:
        self.db = db
        self.clock = clock
        """The time of a test; None: the database's."""
        self.now = 0.0
        """The time of the group, as its first statement has read it."""
        self.terms = terms
        self.at_once = at_once
        self.topics: set[str] = set()
        self.rows: dict[str, Row] = {}
        self.wrote = False
        """Whether anything was written, by the batch or by an operation itself."""
        self._lane = lane
        self._changed: dict[str, Row] = {}
        self._extended: dict[str, Row] = {}
        self._events: list[tuple[str, int, str, bytes]] = []
        self._files: list[StoredFile] = []
        self._ended: list[str] = []
        self._usage: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0] * 6)
        self._waiting: dict[tuple[str, str], int] = defaultdict(int)
        self._clocks: dict[Clock, float] = {}
        self._stamped: dict[Clock, tuple[float | None, float]] = {}
        self._jobs: list[tuple[Any, ...]] = []
        self._pins: list[tuple[str, str]] = []
        self._names: list[tuple[str, str, bytes, str]] = []
        self._freed: set[tuple[str, str]] = set()
        self._rates: dict[str, float] = {}

    async def lock(self, job_ids: Iterable[str], *, only_free: bool = False) -> None:
        """Lock these jobs, in the order of their ids; with `only_free`, those that nobody else has locked."""
        missing = sorted(set(job_ids) - self.rows.keys())
        if missing:
            text = SQL["free_rows" if only_free else "rows"]
            for found in await self.db.fetch(text, missing):
                self.keep(Row(*found))

    def keep(self, row: Row) -> Row:
        """Note a row that was locked; the one that is known already counts."""
        return self.rows.setdefault(row.id, row)

    def changed(self, row: Row) -> None:
        """The row will be written."""
        self._changed[row.id] = row

    def extend(self, row: Row) -> None:
        """The lease goes on; nothing else of the row need be written for that."""
        row.lease_until = self.now + self.terms.lease_s
        self._extended[row.id] = row

    def tell(self, row: Row, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Add the next event of a job."""
        row.events += 1
        self._events.append((row.id, row.events, kind, encode(data)))
        self.changed(row)
        self.topics.add(f"job:{row.id}")

    def settle(self, row: Row, how: End | Again) -> None:
        """What the end of an attempt means: the job has ended, or waits for another try."""
        if isinstance(how, End):
            self.end(row, how)
            return
        row.run_at, row.history = how.run_at, how.history
        self.requeue(row)
        self.tell(row, "queued", how.event)

    def requeue(self, row: Row) -> None:
        """A running job waits again."""
        row.state, row.stop_wish = "queued", 0
        row.worker = row.lease_until = row.started_at = None
        self.count_waiting(row.model, row.key_id, 1)
        self._freed.add((row.model, row.key_id))
        if row.run_at is None:
            self.topics.add(f"model:{row.model}")
        self.changed(row)

    def end(self, row: Row, how: End) -> None:
        """Move a job to an ended state, count it, release its files, and say so."""
        if row.state == "queued":
            self.count_waiting(row.model, row.key_id, -1)
        else:
            self._freed.add((row.model, row.key_id))
        row.state, row.finished_at = how.state, self.now
        row.output, row.error, row.cost_usd = how.output, how.error, how.cost_usd
        row.notes, row.history = how.notes or row.notes, how.history or row.history
        row.worker = row.lease_until = row.run_at = None
        self._files += how.files
        self._ended.append(row.id)
        day = time.strftime("%Y-%m-%d", time.gmtime(self.now))
        ends = [int(how.state == each) for each in ("succeeded", "failed", "cancelled")]
        sums = self._usage[day, row.model, row.key_id]
        for place, more in enumerate((*ends, len(how.files), how.run_s, how.cost_usd)):
            sums[place] += more
        self.tell(row, "ended", {"status": how.state})

    def count_waiting(self, model: str, key_id: str, change: int) -> None:
        """Keep the counts of waiting jobs."""
        self._waiting[model, key_id] += change

    def advance(self, clock: Clock, tag: float) -> None:
        """Move a clock on to `tag`, unless it is further."""
        self._clocks[clock] = max(self._clocks.get(clock, tag), tag)

    def stamped(self, clock: Clock, before: float | None, tag: float) -> None:
        """Move a clock on to `tag`; it stood at `before`, or was not there."""
        if self.at_once:
            self._stamped[clock] = (before, tag)
        else:
            self.advance(clock, tag)

    def insert(self, job: NewJob, row: tuple[Any, ...]) -> None:
        """A job that was accepted, and its row."""
        self._jobs.append(row)
        self._pins += [(job.id, name) for name in job.pins]
        self.add_files(job.own)
        self.count_waiting(job.model, job.key_id, 1)
        self.topics.add(f"model:{job.model}")

    def remember(self, key_id: str, name: str, digest: bytes, job_id: str) -> None:
        """An idempotency key that was not there."""
        self._names.append((key_id, name, digest, job_id))

    def pace(self, key_id: str, due_at: float) -> None:
        """Note when a key that submits evenly would submit next."""
        self._rates[key_id] = due_at

    def add_files(self, files: Collection[StoredFile]) -> None:
        """Record stored files."""
        self._files += files

    @property
    def has_news(self) -> bool:
        """Whether there is anything to write."""
        return any(self._pending())

    @property
    def hints(self) -> set[str]:
        """The topics to tell; where it is not known who else may begin, of every lease that has ended."""
        return self.topics | {f"model:{model}" for model, _ in self._freed}

    async def flush(self) -> None:
        """Write what has changed since the last time."""
        if self.has_news:
            await self._write([*self._steps()])

    async def commit(self, lane_id: str, n: int) -> None:
        """Write everything at once, as the n-th group of a lane. Raises as `_together` says."""
        await self._write([*self._steps(), Step("committed", (lane_id, n, self.now), 1)])

    async def _write(self, steps: Sequence[Step]) -> None:
        self.wrote = True
        params = [value for step in steps for value in step.params]
        if self._freed:  # others of their models or keys may begin
            models, keys = _columns(sorted(self._freed))
            params += [models, keys, self.terms.limits.max_running is not None]
        if self.at_once:
            params.append(sum(step.rows for step in steps if step.name in GUARDED))
        text = _together(tuple(step.name for step in steps), bool(self._freed), self.at_once)
        self.topics.update(f"model:{row[0]}" for row in await self.db.fetch(text, *params))
        for each in self._pending():
            each.clear()

    def _pending(self) -> tuple[Any, ...]:
        return (
            *(self._extended, self._changed, self._events, self._files, self._ended, self._usage),
            *(self._clocks, self._waiting, self._freed, self._rates, self._stamped, self._jobs),
            *(self._pins, self._names),
        )

    def _steps(self) -> Iterator[Step]:
        return (
            Step(name, (*_columns(rows), *further), len(rows))
            for name, rows, *further in self._staged()
            if rows
        )

    def _staged(self) -> Iterator[tuple[Any, ...]]:
        """Statements that touch different rows each: name, rows, further parameters."""
        stamped = sorted(self._stamped.items())
        since = self.now - self.terms.idempotency_s
        extended = sorted(each for each in self._extended.items() if each[0] not in self._changed)
        yield "remember", sorted(self._names), self.now, since
        yield "start_clocks", [(*clock, tag) for clock, (before, tag) in stamped if before is None]
        yield "move_clocks", [(*clock, tag, before) for clock, (before, tag) in stamped if before is not None]
        yield "insert_jobs", self._jobs, self.now
        yield "pin", self._pins
        yield "extend_leases", [(id_, row.lease_until, row.version) for id_, row in extended]
        yield "write_jobs", [row.written() for _, row in sorted(self._changed.items())]
        yield "add_events", self._events, self.now
        yield "add_files", [msgspec.structs.astuple(file) for file in self._files]
        yield "unpin", [(id_,) for id_ in sorted(self._ended)]
        yield "keep_unpinned", [()] if self._ended else [], self.now + self.terms.retention_s
        yield "count_usage", [(*name, *sums) for name, sums in sorted(self._usage.items())]
        yield "set_clocks", [(*clock, tag) for clock, tag in sorted(self._clocks.items())]
        waiting = [(*name, change) for name, change in sorted(self._waiting.items()) if change]
        yield "count_waiting", waiting, self._lane
        yield "set_rates", sorted(self._rates.items())


class Step(NamedTuple):
    """A part of what a batch writes: a statement, its parameters, and how many rows it shall touch."""

    name: str
    params: tuple[Any, ...]
    rows: int


GUARDED = ("remember", "start_clocks", "move_clocks", "extend_leases", "write_jobs", "committed")
"""Statements that touch fewer rows than they shall when something has changed since it was read."""


@functools.cache
def _together(names: tuple[str, ...], room: bool, guarded: bool) -> str:
    """One statement that does what these do: each way to the server and back costs as much as some rows.

    It gives the models that have `room`, and fails with a division by zero where a guarded one fell short.
    """
    parts, before = [], 0
    for name in names:
        text = SQL[name]
        back = " RETURNING 1" if guarded and name in GUARDED and "RETURNING" not in text else ""
        parts.append(f"{name} AS ({_numbered(text, before)}{back})")
        before += _most(text)
    last = ["SELECT NULL WHERE false"]
    if room:
        last.append(_numbered(SQL["models_with_room"], before))
        before += _most(SQL["models_with_room"])
    if guarded:
        touched = " + ".join(f"(SELECT count(*) FROM {name})" for name in names if name in GUARDED)  # noqa: S608
        last.append(f"SELECT NULL WHERE 1 / ({touched} = ${before + 1}::bigint)::integer = 0")
    return f"WITH {', '.join(parts)} {' UNION ALL '.join(last)}"


def _numbered(text: str, before: int) -> str:
    """A statement whose parameters follow so many others."""
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + before}", text)


def _most(text: str) -> int:
    return max((int(number) for number in re.findall(r"\$(\d+)", text)), default=0)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))

"""What one group of operations reads, locks and writes on PostgreSQL, in one transaction.

Operations decide in Python about rows that the batch has locked; what they change is written at the end, in
a few statements for the whole group whatever its size.
"""

from __future__ import annotations

import functools
import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from officina.job import EventKind, Job, State, StoredFile
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
        )


class Batch:
    """One transaction: the time, the rows it has locked, what will be written, and whom to wake."""

    def __init__(self, db: Connection, lane: str, now: float, terms: Terms) -> None:
        self.db = db
        self.now = now
        self.terms = terms
        self.topics: set[str] = set()
        self.rows: dict[str, Row] = {}
        self.wrote = False
        """Whether anything was written, by the batch or by an operation itself."""
        self._lane = lane
        self._changed: dict[str, Row] = {}
        self._extended: dict[str, float] = {}
        self._events: list[tuple[str, int, str, bytes]] = []
        self._files: list[StoredFile] = []
        self._ended: list[str] = []
        self._usage: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0] * 6)
        self._waiting: dict[tuple[str, str], int] = defaultdict(int)
        self._clocks: dict[Clock, float] = {}
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
        self._extended[row.id] = row.lease_until

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

    def pace(self, key_id: str, due_at: float) -> None:
        """Note when a key that submits evenly would submit next."""
        self._rates[key_id] = due_at

    def add_files(self, files: Collection[StoredFile]) -> None:
        """Record stored files."""
        self._files += files

    async def flush(self) -> None:
        """Write what has changed since the last time."""
        writes = [(name, rows, further) for name, rows, *further in self._staged() if rows]
        if writes:
            self.wrote = True
            params = [value for _, rows, further in writes for value in (*_columns(rows), *further)]
            await self.db.execute(_together(tuple(name for name, *_ in writes)), *params)
        if self._ended:
            await self.db.execute(SQL["unpin"], sorted(self._ended), self.now + self.terms.retention_s)
        if self._freed:
            await self._tell_room()
        for staged in (
            *(self._extended, self._changed, self._events, self._files, self._ended),
            *(self._usage, self._clocks, self._waiting, self._freed, self._rates),
        ):
            staged.clear()

    def _staged(self) -> Iterator[tuple[Any, ...]]:
        """Statements that touch different rows each: name, rows, further parameters."""
        yield "extend_leases", sorted(each for each in self._extended.items() if each[0] not in self._changed)
        yield "write_jobs", [row.written() for _, row in sorted(self._changed.items())]
        yield "add_events", self._events, self.now
        yield "add_files", [msgspec.structs.astuple(file) for file in self._files]
        yield "count_usage", [(*name, *sums) for name, sums in sorted(self._usage.items())]
        yield "set_clocks", [(*clock, tag) for clock, tag in sorted(self._clocks.items())]
        waiting = [(*name, change) for name, change in sorted(self._waiting.items()) if change]
        yield "count_waiting", waiting, self._lane
        yield "set_rates", sorted(self._rates.items())

    async def _tell_room(self) -> None:
        """Where leases have ended, others of their models or keys may begin."""
        models, keys = ([*column] for column in zip(*sorted(self._freed), strict=True))
        every = self.terms.limits.max_running is not None
        rows = await self.db.fetch(SQL["models_with_room"], models, keys, every)
        self.topics.update(f"model:{row[0]}" for row in rows)


@functools.cache
def _together(names: tuple[str, ...]) -> str:
    """One statement that does what these do: each way to the server and back costs as much as some rows."""
    parts, before = [], 0
    for place, name in enumerate(names):
        text = re.sub(r"\$(\d+)", lambda found, n=before: f"${int(found[1]) + n}", SQL[name])  # type: ignore[misc]
        parts.append(f"w{place} AS ({text})")
        before += max(int(number) for number in re.findall(r"\$(\d+)", SQL[name]))
    return f"WITH {', '.join(parts)} SELECT 1"


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))

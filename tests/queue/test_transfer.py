"""The way from SQLite to PostgreSQL: everything arrives as it was, or nothing does."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import msgspec
import pytest
from breaking_proxy import BreakingProxy
from queue_scene import (
    BROKEN,
    DONE,
    OTHER_MODEL,
    PLENTY,
    TERMS,
    TRY_AGAIN,
    Clock,
    all_jobs,
    claim,
    claim_one,
    drain,
    ended_job,
    new_job,
    news,
    output,
    prefetch_one,
    ref,
    state_of,
    submit,
    submit_many,
    upload,
)

from officina.errors import (
    DatabaseAway,
    DatabaseDamaged,
    DatabaseNewer,
    OperatorError,
    RateLimited,
)
from officina.job import Outcome, new_secret
from officina.keys import KeyLimits, Session, mint
from officina.link import Register
from officina.queue.postgres import PostgresQueue, open_postgres
from officina.queue.postgres_server import Server
from officina.queue.protocol import Queue, Worker
from officina.queue.sqlite import VERSION, SqliteQueue, open_sqlite
from officina.queue.transfer import TABLES, Moved, move, set_aside
from postgres_server import databases

HERE = Path(__file__).parent
MADE = Outcome("succeeded", outputs=(output(), output(1)), cost_usd=0.25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the SQLite database of a test is."""
    return tmp_path / "officina.db"


@pytest.fixture
def url(tmp_path: Path, runner: asyncio.Runner) -> Iterator[str]:
    """An empty PostgreSQL database."""
    yield runner.run(databases().of(tmp_path))
    databases().give_back(tmp_path)


def open_old(path: Path, clock: Clock) -> SqliteQueue:
    return open_sqlite(path, TERMS, clock)


async def fill(queue: Queue, clock: Clock) -> None:
    """Leave rows of every kind, and jobs in every state."""
    ada, _ = mint("ada", ("caller", "admin"))
    limits = KeyLimits(rate_per_min=60, burst=3, daily_outputs=100, max_running=2)
    for key_id, its in (("ada", KeyLimits()), ("bob", limits)):
        await queue.add_key(
            msgspec.structs.replace(ada, id=key_id, digest=key_id.encode(), limits=its, weight=2.0)
        )
    await queue.revoke_key("ada")
    await queue.add_session(Session(b"cookie", "bob", clock.now, clock.now + 3600))
    await queue.add_worker(Worker("worker-1", Register("studio", ("collage",), labels={"gpu": "a100"})))
    done = await ended_job(queue, outcome=MADE, idempotency_key="again", digest=b"body")
    await queue.share(done.id, "ada")
    await ended_job(queue, outcome=BROKEN, text="a ship\0 in a bottle")
    await ended_job(queue, outcome=TRY_AGAIN)
    await queue.cancel(await submit(queue), None)
    file = upload(clock)
    await queue.add_file(file)
    await submit(queue, pins=(file.name,))
    running = await claim_one(queue)
    await queue.renew("worker-1", [news(running, events=(("log", {"line": "half"}),), memo="order 7")])
    await queue.cancel(running.job_id, None, force=True)
    await submit(queue, "dan")
    await prefetch_one(queue)
    for n in range(3):
        await submit(queue, "bob", level=n, input=bytes(range(256)))
    await submit_many(queue, 5, "cyd", model=OTHER_MODEL, notes=b"[]")


async def filled(path: Path, clock: Clock) -> None:
    queue = open_old(path, clock)
    await fill(queue, clock)
    await queue.close()


def old_rows(path: Path) -> dict[str, list[Any]]:
    """Every row of the SQLite database, by table."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return {table: sorted(map(repr, db.execute(f"SELECT * FROM {table}"))) for table in TABLES}
    finally:
        db.close()


async def new_rows(url: str, path: Path) -> dict[str, list[Any]]:
    """Every row of the PostgreSQL database, with the columns in the order that SQLite has them."""
    old = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    db = await asyncpg.connect(url)
    try:
        return {
            table: sorted([repr(tuple(row)) for row in await db.fetch(text)]) for table, text in _texts(old)
        }
    finally:
        await db.close()
        old.close()


def _texts(old: apsw.Connection) -> Iterator[tuple[str, str]]:
    for table in TABLES:
        columns = [name for _, name, *_ in old.execute(f"PRAGMA table_info({table})")]
        yield table, f"SELECT {', '.join(columns)} FROM {table}"


async def is_empty(url: str) -> bool:
    db = await asyncpg.connect(url)
    try:
        return not any([await db.fetchval(f"SELECT count(*) FROM {table}") for table in (*TABLES, "counts")])
    finally:
        await db.close()


async def moved(path: Path, url: str) -> Moved:
    return await move(path, Server(url), lambda *_: None)


async def open_new(url: str, clock: Clock) -> PostgresQueue:
    return await open_postgres(url, TERMS, clock)


# All of it


async def test_every_row_of_every_table_arrives_as_it_was(path: Path, url: str, clock: Clock) -> None:
    await filled(path, clock)
    before = old_rows(path)
    assert all(before.values()), "the test leaves no table empty"
    told: list[tuple[str, int, int]] = []
    result = await move(path, Server(url), lambda *said: told.append(said))
    assert not result.before
    assert result.rows == {table: len(rows) for table, rows in before.items()}
    after = await new_rows(url, path)
    assert after == {
        table: [row.replace(r"\x00", " ") if table == "jobs" and "bottle" in row else row for row in rows]
        for table, rows in before.items()
    }
    assert old_rows(path) == before
    assert {(table, count, count) for table, count in result.rows.items()} <= set(told)


def test_no_table_of_sqlite_is_forgotten(path: Path, runner: asyncio.Runner, clock: Clock) -> None:
    async def made() -> None:
        await open_old(path, clock).close()

    runner.run(made())
    db = apsw.Connection(str(path))
    assert {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")} == {
        *TABLES
    }
    db.close()


async def test_what_a_job_or_a_key_is_known_by_is_the_same_afterwards(
    path: Path, url: str, clock: Clock
) -> None:
    old = open_old(path, clock)
    await fill(old, clock)
    jobs = {job.id: job for job in await all_jobs(old)}
    records = {job_id: await old.record(job_id, None) for job_id in jobs}
    events = {job_id: await old.events(job_id) for job_id in jobs}
    seen = [await old.keys(), await old.depth(), await old.depth_by_key(), await old.use(["ada", "bob"])]
    usage = await old.usage("2000-01-01", "2100-01-01")
    await old.close()
    await moved(path, url)
    new = await open_new(url, clock)
    assert {job.id: job for job in await all_jobs(new)} == jobs
    assert {job_id: await new.record(job_id, None) for job_id in jobs} == records
    assert {job_id: await new.events(job_id) for job_id in jobs} == events
    assert seen == [
        await new.keys(),
        await new.depth(),
        await new.depth_by_key(),
        await new.use(["ada", "bob"]),
    ]
    assert await new.usage("2000-01-01", "2100-01-01") == usage
    assert {job.state for job in jobs.values()} == {"queued", "running", "succeeded", "failed", "cancelled"}
    key = await new.key_by_session(b"cookie")
    assert key is not None and key.id == "bob"
    await new.close()


async def test_an_idempotency_key_and_a_rate_hold_across_the_move(path: Path, url: str, clock: Clock) -> None:
    old = open_old(path, clock)
    await fill(old, clock)
    job = new_job(idempotency_key="again", digest=b"body")
    first = (await old.submit(job, PLENTY)).id
    await old.close()
    await moved(path, url)
    new = await open_new(url, clock)
    again = await new.submit(msgspec.structs.replace(job, id=new_job().id), PLENTY)
    assert (again.id, again.replayed) == (first, True)
    with pytest.raises(RateLimited):
        await submit(new, "bob")
    await new.close()


async def test_a_lease_goes_on_and_a_dead_workers_job_is_tried_again(
    path: Path, url: str, clock: Clock
) -> None:
    old = open_old(path, clock)
    await submit_many(old, 2)
    kept, lost = await claim_one(old, "far-1"), await claim_one(old, "far-2")
    await old.close()
    await moved(path, url)
    new = await open_new(url, clock)
    assert (await new.finish(ref(kept), DONE)).state == "succeeded"
    clock.forward(TERMS.lease_s + 1)
    assert (await new.sweep()).retried == 1
    assert await state_of(new, lost.job_id) == "queued"
    await new.close()


async def test_what_waited_is_claimed_in_the_same_order_and_later_jobs_come_after(
    path: Path, url: str, clock: Clock, tmp_path: Path
) -> None:
    old = open_old(path, clock)
    for n in range(40):
        await submit(old, f"key-{n % 3}", level=n % 3, cost=1.0 + n % 5)
    await old.snapshot(tmp_path / "copy.db")
    await old.close()
    copy = open_old(tmp_path / "copy.db", clock)
    await moved(path, url)
    new = await open_new(url, clock)
    for queue in (copy, new):
        await submit(queue, "key-1", input=b"later")
        await submit(queue, "key-9", input=b"later")
    last = max(job.seq for job in await all_jobs(copy))
    assert max(job.seq for job in await all_jobs(new)) == last, "numbers go on above the highest"
    known = {job.id for job in await all_jobs(copy)} & {job.id for job in await all_jobs(new)}
    orders = [
        [job_id if job_id in known else "later" for job_id in await drain(queue)] for queue in (copy, new)
    ]
    assert orders[0] == orders[1]
    assert len(orders[0]) == 42
    await copy.close()
    await new.close()


async def test_a_database_without_tables_gets_them(path: Path, clock: Clock) -> None:
    await filled(path, clock)
    server, name = databases().server, f"bare_{new_secret()[:8].lower().replace('-', '_')}"
    await asyncio.to_thread(server.execute, f'CREATE DATABASE "{name}"')
    assert (await moved(path, server.url(name))).rows["jobs"] == len(old_rows(path)["jobs"])


async def test_twenty_thousand_jobs_move_and_the_first_is_claimed(path: Path, url: str, clock: Clock) -> None:
    old = open_old(path, clock)
    ids = await submit_many(old, 20_000)
    await old.close()
    assert (await moved(path, url)).rows["jobs"] == len(ids)
    new = await open_new(url, clock)
    (depth,) = (await new.depth()).values()
    assert depth.waiting == len(ids)
    assert [lease.job_id for lease in await claim(new, 3)] == ids[:3]
    await new.close()


# Or nothing


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
async def test_a_move_that_is_killed_or_interrupted_leaves_the_target_empty_and_is_simply_repeated(
    end: signal.Signals, path: Path, url: str, clock: Clock
) -> None:
    old = open_old(path, clock)
    await submit_many(old, 3000)
    await old.close()
    before = path.read_bytes()
    words = (sys.executable, str(HERE / "move_until_killed.py"), str(path), url, end.name)
    process = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.DEVNULL)
    assert await process.wait() == -end
    assert await is_empty(url)
    assert path.read_bytes() == before
    assert (await moved(path, url)).rows["jobs"] == 3000


async def test_a_connection_that_breaks_on_the_way_leaves_the_target_empty(
    path: Path, url: str, clock: Clock
) -> None:
    await filled(path, clock)
    server = databases().server
    async with BreakingProxy(server.port) as proxy:

        def told(table: str, _done: int, _count: int) -> None:
            if table == "events":
                proxy.cut()

        with pytest.raises(DatabaseAway, match="migrate again"):
            await move(path, Server(url.replace(f":{server.port}/", f":{proxy.port}/")), told)
    assert await is_empty(url)


async def test_a_commit_whose_answer_was_lost_is_found_when_it_is_done_again(
    path: Path, url: str, clock: Clock
) -> None:
    await filled(path, clock)
    server = databases().server
    async with BreakingProxy(server.port) as proxy:
        proxy.cut_after = b"COMMIT"
        with pytest.raises(DatabaseAway, match="migrate again"):
            await moved(path, url.replace(f":{server.port}/", f":{proxy.port}/"))
    assert (await moved(path, url)).before
    assert (await new_rows(url, path))["events"] == old_rows(path)["events"]


@pytest.mark.parametrize("kind", ["key", "job"])
async def test_a_target_that_has_rows_is_refused_with_what_it_has(
    kind: str, path: Path, url: str, clock: Clock
) -> None:
    await filled(path, clock)
    new = await open_new(url, clock)
    if kind == "key":
        await new.add_first_key(mint("first key", ("admin",))[0])
    else:
        await submit(new)
    await new.close()
    with pytest.raises(OperatorError, match=f"has rows already .*{kind}s: 1.*createdb"):
        await moved(path, url)
    assert (await new_rows(url, path))["events"] == []


async def test_a_target_that_changed_after_an_earlier_move_is_refused(
    path: Path, url: str, clock: Clock
) -> None:
    await filled(path, clock)
    await moved(path, url)
    old = open_old(path, clock)
    await submit(old)
    await old.close()
    with pytest.raises(OperatorError, match="has rows already"):
        await moved(path, url)


async def test_a_target_in_use_is_refused(path: Path, url: str, clock: Clock) -> None:
    await filled(path, clock)
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute("LOCK TABLE jobs IN ROW EXCLUSIVE MODE")
        with pytest.raises(OperatorError, match="stop every gateway"):
            await moved(path, url)
    await other.close()


@pytest.mark.parametrize(
    ("version", "error", "sentence"),
    [(VERSION + 1, DatabaseNewer, "newer one"), (VERSION - 1, OperatorError, "start `officina serve`")],
)
async def test_a_database_of_another_schema_is_refused_and_left_alone(
    version: int, error: type[OperatorError], sentence: str, path: Path, url: str, clock: Clock
) -> None:
    await filled(path, clock)
    db = apsw.Connection(str(path))
    db.pragma("user_version", version)
    db.close()
    before = path.read_bytes()
    with pytest.raises(error, match=sentence):
        await moved(path, url)
    assert path.read_bytes() == before


async def test_a_damaged_database_moves_nothing(path: Path, url: str, clock: Clock) -> None:
    await filled(path, clock)
    whole = path.read_bytes()
    for damaged in (b"not a database " * 1000, whole[:8192] + b"\xff" * (len(whole) - 8192)):
        path.write_bytes(damaged)
        with pytest.raises(DatabaseDamaged, match="restore a backup"):
            await moved(path, url)
        assert await is_empty(url)


async def test_rows_that_the_target_refuses_move_nothing(path: Path, clock: Clock) -> None:
    await filled(path, clock)
    name = await databases().make()
    forbid = "ALTER TABLE shares ADD CHECK (created_at < 0)"
    await asyncio.to_thread(databases().server.execute, forbid, name)
    with pytest.raises(OperatorError, match=r"violates check constraint .*, so nothing was moved"):
        await moved(path, databases().server.url(name))
    assert await is_empty(databases().server.url(name))


# The old file


async def test_a_file_that_is_set_aside_holds_what_stood_in_its_journal(path: Path, clock: Clock) -> None:
    queue = open_old(path, clock)
    job_id = await submit(queue)
    copies = [path, path.with_name("officina.db-wal")]
    kept = {each: each.read_bytes() for each in copies}
    await queue.close()
    for each, content in kept.items():
        each.write_bytes(content)
    set_aside(path, "officina.db.moved")
    assert [each.name for each in path.parent.glob("officina.db*")] == ["officina.db.moved"]
    again = open_old(path.with_name("officina.db.moved"), clock)
    assert [job.id for job in await all_jobs(again)] == [job_id]
    await again.close()

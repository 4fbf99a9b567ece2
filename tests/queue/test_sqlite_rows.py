"""The rows of the SQLite queue: the database refuses impossible ones, and statements name the state."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from queue_scene import (
    BROKEN,
    DONE,
    MODEL,
    PLENTY,
    STOPPED,
    TERMS,
    TRY_AGAIN,
    Clock,
    claim_one,
    new_job,
    ref,
    submit,
)

from officina.job import TRANSITIONS, State
from officina.queue import sqlite_jobs, sqlite_sweep
from officina.queue.order import virtual
from officina.queue.protocol import Taker, Want
from officina.queue.sqlite import SqliteQueue, open_sqlite
from officina.queue.sqlite_jobs import SQL
from officina.queue.writer import Transaction


@pytest.fixture
def queue(tmp_path: Path, clock: Clock, runner: asyncio.Runner) -> Iterator[SqliteQueue]:
    async def opened() -> SqliteQueue:
        return open_sqlite(tmp_path / "officina.db", TERMS, clock)

    queue = runner.run(opened())
    yield queue
    runner.run(queue.close())


@pytest.fixture
def db(tmp_path: Path, queue: SqliteQueue) -> Iterator[apsw.Connection]:
    """A connection of the test's own to the same database."""
    connection = apsw.Connection(str(tmp_path / "officina.db"))
    connection.set_busy_timeout(5000)
    yield connection
    connection.close()


async def job_in(queue: SqliteQueue, state: State) -> str:
    job_id = await submit(queue)
    if state != "queued":
        lease = await claim_one(queue)
        outcomes = {"succeeded": DONE, "failed": BROKEN, "cancelled": STOPPED}
        if state in outcomes:
            await queue.finish(ref(lease), outcomes[state])
    return job_id


# Constraints


ENDS: tuple[State, ...] = ("succeeded", "failed", "cancelled")
IMPOSSIBLE: list[tuple[State, str]] = [
    ("queued", "state = 'dancing'"),
    ("queued", "state = NULL"),
    ("queued", "state = 'succeeded'"),
    ("queued", "state = 'running'"),
    ("queued", "finished_at = 1.0"),
    ("queued", "worker = 'worker-1'"),
    ("queued", "lease_until = 1.0"),
    ("queued", "started_at = 1.0"),
    ("queued", "model = NULL"),
    ("queued", "key_id = NULL"),
    ("queued", "tag = NULL"),
    ("queued", "tag = 'first'"),
    ("queued", "input = NULL"),
    ("queued", "max_attempts = NULL"),
    ("queued", "state = 'running', worker = 'worker-1'"),
    ("queued", "state = 'running', lease_until = 1.0"),
    ("running", "worker = NULL"),
    ("running", "lease_until = NULL"),
    ("running", "finished_at = 1.0"),
    ("running", "run_at = 1.0"),
    ("running", "state = 'failed'"),
    ("running", "state = 'failed', finished_at = 1.0"),
    ("running", "state = 'queued', worker = NULL, lease_until = NULL"),
    ("running", "state = 'queued', started_at = NULL, worker = NULL"),
    *[(state, "finished_at = NULL") for state in ENDS],
    *[(state, "worker = 'worker-1'") for state in ENDS],
    *[(state, "lease_until = 1.0") for state in ENDS],
    *[(state, "run_at = 1.0") for state in ENDS],
    *[(state, "state = 'queued'") for state in ENDS],
]


@pytest.mark.parametrize(("state", "change"), IMPOSSIBLE)
async def test_the_database_refuses_an_impossible_row(
    queue: SqliteQueue, db: apsw.Connection, state: State, change: str
) -> None:
    job_id = await job_in(queue, state)
    with pytest.raises(apsw.ConstraintError):
        db.execute(f"UPDATE jobs SET {change} WHERE id = ?", (job_id,))


async def test_the_database_refuses_a_second_job_of_the_same_id(queue: SqliteQueue) -> None:
    job = new_job()
    await queue.submit(job, PLENTY)
    with pytest.raises(apsw.ConstraintError):
        await queue.submit(job, PLENTY)


# Statements as compare-and-set


GUARDED: dict[str, tuple[Callable[[str, int], tuple[Any, ...]], set[State]]] = {
    "take": (lambda job_id, seq: ("w", "n", "t", "e", 9.0, None, seq), {"queued"}),
    "renew": (lambda job_id, seq: (9.0, job_id, "token"), {"running"}),
    "wish_stop": (lambda job_id, seq: (job_id,), {"running"}),
    "requeue": (lambda job_id, seq: (None, 0, None, job_id), {"running"}),
    "drop_job": (lambda job_id, seq: (job_id,), set(ENDS)),
}
"""Statements that move a job only from the states they name; their parameters, and those states."""


@pytest.mark.parametrize("state", TRANSITIONS)
@pytest.mark.parametrize("name", GUARDED)
async def test_a_statement_changes_a_row_only_in_the_state_it_names(
    queue: SqliteQueue, db: apsw.Connection, name: str, state: State
) -> None:
    job_id = await job_in(queue, state)
    seq = (await queue.get(job_id, None)).seq
    if name == "renew":
        db.execute("UPDATE jobs SET token = 'token' WHERE id = ?", (job_id,))
    params, allowed = GUARDED[name]
    db.execute(SQL[name], params(job_id, seq)).fetchall()
    assert db.changes() == (1 if state in allowed else 0)


# What each row remembers


async def test_a_job_remembers_why_each_attempt_ended(
    queue: SqliteQueue, db: apsw.Connection, clock: Clock
) -> None:
    job_id = await submit(queue)
    first_at = clock.now
    await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    clock.forward(3600)
    await queue.sweep()
    await claim_one(queue)
    second_at = clock.now
    await queue.lose("worker-1")
    clock.forward(3600)
    await queue.sweep()
    await queue.finish(ref(await claim_one(queue)), BROKEN)
    (history,) = db.execute("SELECT history FROM jobs WHERE id = ?", (job_id,)).fetchone()
    lines = msgspec.json.decode(history)
    assert [(line["attempt"], line["type"]) for line in lines] == [
        (1, "engine_crashed"),
        (2, "worker_lost"),
        (3, "engine_failed"),
    ]
    assert [line["at"] for line in lines] == [first_at, second_at, clock.now]
    assert all(line["message"] for line in lines)


async def test_counts_in_memory_are_those_of_the_rows(
    queue: SqliteQueue, db: apsw.Connection, clock: Clock
) -> None:
    chance = random.Random(7)
    for _ in range(300):
        await submit(queue, chance.choice("abc"), chance.choice([MODEL, "studio/other"]))
        if chance.random() < 0.5:
            lease = await claim_one(queue)
            outcome = chance.choice([DONE, BROKEN, TRY_AGAIN, None])
            await (queue.finish(ref(lease), outcome) if outcome else queue.hand_back([ref(lease)]))
    for kind, column in (("model", "model"), ("key", "key_id")):
        rows = db.execute(f"SELECT {column}, count(*) FROM jobs WHERE state = 'queued' GROUP BY 1").fetchall()
        counted = {name: count for (each, name), count in queue._tx.waiting.items() if each == kind and count}
        assert counted == dict(rows)


# Clocks


async def together(queue: SqliteQueue, *operations: Callable[[Transaction], object]) -> list[object]:
    """Run operations in one commit: the first of them waits until the others have been asked."""
    inside, gate = threading.Event(), threading.Event()

    def wait(tx: Transaction) -> None:
        inside.set()
        gate.wait(10)

    held = queue._writer.do(wait)
    await asyncio.to_thread(inside.wait, 10)
    asked = [queue._writer.do(operation) for operation in operations]
    gate.set()
    await held
    return await asyncio.gather(*asked)


async def test_forgetting_clocks_keeps_those_that_moved_in_the_same_commit(queue: SqliteQueue) -> None:
    def submit_one(tx: Transaction) -> object:
        return sqlite_jobs.submit(tx, new_job("ada"), PLENTY, TERMS)

    await together(queue, submit_one, submit_one, sqlite_sweep.forget_clocks)
    third = await submit(queue, "ada")
    assert (await queue.get(third, None)).tag == 3.0


async def test_forgetting_clocks_keeps_the_virtual_time_of_the_same_commit(queue: SqliteQueue) -> None:
    for _ in range(5):
        await submit(queue, "ada")

    def claim_five(tx: Transaction) -> object:
        return sqlite_jobs.claim(tx, Taker("worker-1", "nonce", 5, 5), [Want(MODEL, "collage")], TERMS)

    await together(queue, claim_five, sqlite_sweep.forget_clocks)
    late = await submit(queue, "bob")
    assert (await queue.get(late, None)).tag == 6.0


async def test_clocks_that_virtual_time_has_overtaken_are_forgotten(
    queue: SqliteQueue, db: apsw.Connection
) -> None:
    for key in "abcdef":
        await submit(queue, key)
    for _ in range(6):
        await claim_one(queue)
    await submit(queue, "a")
    await queue.sweep()
    rows = db.execute("SELECT key_id, tag FROM clocks WHERE level = 1 AND key_id <> ''").fetchall()
    assert rows == [("a", 2.0)]
    (now,) = db.execute("SELECT tag FROM clocks WHERE (model, key_id, level) = (?, ?, ?)", virtual(MODEL))
    assert now == (1.0,)

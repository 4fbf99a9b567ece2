"""What SQLite does for each frequent statement: index probes that cost the same whatever waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from officina.job import Filter
from officina.queue import sql
from officina.queue.sqlite import migrate
from officina.queue.sqlite_library import listing

WAITING = 100_000
DELAYED = 100
RUNNING = 200
ENDED = 2000
KEYS = 50
STEPS_PER_ROW = 30
"""Steps of SQLite's machine that one row may cost; a statement that walks the backlog takes far more."""

SQL = sql.statements("sqlite")

FILL = f"""
WITH RECURSIVE numbers (i) AS (
  SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {WAITING + DELAYED + RUNNING + ENDED})
INSERT INTO jobs (id, model, key_id, level, tag, state, input, created_at, run_at, attempts, max_attempts,
                  worker, nonce, lease_until, finished_at)
SELECT printf('%032x', i), 'model-' || (i % 2), 'key-' || (i % 50), 1, i / 50.0, state, x'7b7d', 1000.0 + i,
       iif(i > {WAITING + RUNNING + ENDED}, 9000.0, NULL), 1, 3,
       iif(state = 'running', 'worker-' || (i % 8), NULL), iif(state = 'running', 'nonce-' || i, NULL),
       iif(state = 'running', 9000.0, NULL), iif(state = 'succeeded', 2000.0 + i, NULL)
  FROM (SELECT i, CASE WHEN i <= {ENDED} THEN 'succeeded' WHEN i <= {ENDED + RUNNING} THEN 'running'
                       ELSE 'queued' END AS state FROM numbers)
"""


@pytest.fixture(scope="module")
def db() -> Iterator[apsw.Connection]:
    """A database in memory in which a hundred thousand jobs wait."""
    connection = apsw.Connection(":memory:")
    migrate(connection)
    connection.execute(FILL)
    yield connection
    connection.close()


def plan(db: apsw.Connection, text: str, params: Any) -> str:
    """How SQLite would run a statement, one line per step."""
    return "\n".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {text}", params))


def cost(db: apsw.Connection, text: str, params: Any) -> dict[str, int]:
    """What a statement cost when it ran: steps of the machine, rows passed by, sorts. It is undone."""
    seen: list[dict[str, Any]] = []
    db.execute("SAVEPOINT measured")
    db.trace_v2(apsw.SQLITE_TRACE_PROFILE, seen.append)
    db.execute(text, params).fetchall()
    db.trace_v2(0, None)
    db.execute("ROLLBACK TO measured; RELEASE measured")
    (status,) = (each["stmt_status"] for each in seen)
    return {name.removeprefix("SQLITE_STMTSTATUS_"): count for name, count in status.items()}


PROBES = {
    "head": (("model-0",), "jobs_ready", 1),
    "positions": (("model-0",), "jobs_ready", 1000),
    "used_on": (("key-1", "2026-11-01"), "usage_of_key", 1),
    "oldest": (("model-0",), "jobs_waiting", 1),
    "oldest_of_key": (("key-1",), "jobs_waiting_of_key", 1),
    "record": (("0" * 31 + "1",), "sqlite_autoindex_jobs_1", 1),
    "due": ((8000.0,), "jobs_delayed", 1),
    "old_jobs": ((1500.0, 500), "jobs_ended", 1),
    "job": (("0" * 31 + "1",), "sqlite_autoindex_jobs_1", 1),
    "lease_row": (("0" * 31 + "1",), "sqlite_autoindex_jobs_1", 1),
    "renew": ((9000.0, "0" * 31 + "1", "token"), "sqlite_autoindex_jobs_1", 1),
}
"""Statements that need one row or a known number of them: their parameters, the index, and that number."""


@pytest.mark.parametrize("name", PROBES)
def test_a_frequent_statement_is_a_probe_of_an_index(db: apsw.Connection, name: str) -> None:
    params, index, rows = PROBES[name]
    described = plan(db, SQL[name], params)
    assert index in described
    assert "SCAN" not in described
    assert "TEMP B-TREE" not in described
    spent = cost(db, SQL[name], params)
    assert (spent["FULLSCAN_STEP"], spent["SORT"]) == (0, 0)
    assert spent["VM_STEP"] <= STEPS_PER_ROW * (rows + 2)


OF_RUNNING = {
    "claimed_before": ("worker-1", "nonce"),
    "stop_wishes": ("worker-1",),
    "leases_of": ("worker-1", "worker-2"),
    "running_counts": (),
    "running_by_key": (),
    "running": (),
    "expired_leases": (8000.0, 500),
}
"""Statements that may look at everything that runs, since that is bounded by the slots, and at no more."""


@pytest.mark.parametrize("name", OF_RUNNING)
def test_what_runs_is_found_without_a_look_at_what_waits(db: apsw.Connection, name: str) -> None:
    params = OF_RUNNING[name]
    assert "jobs_running" in plan(db, SQL[name], params)
    assert cost(db, SQL[name], params)["VM_STEP"] <= STEPS_PER_ROW * RUNNING


EACH_SWEEP = {
    "due": (8000.0,),
    "expired_leases": (8000.0, 500),
    "old_jobs": (1500.0, 500),
    "old_uploads": (1500.0, 500),
    "old_idempotency": (1500.0,),
    "old_clocks": (),
}
"""What a sweep asks when there is nothing to do; it runs on the writer's thread, so callers wait for it."""


@pytest.mark.parametrize("name", EACH_SWEEP)
def test_a_sweep_with_nothing_to_do_does_not_walk_the_backlog(db: apsw.Connection, name: str) -> None:
    assert cost(db, SQL[name], EACH_SWEEP[name])["VM_STEP"] < WAITING / 10


def test_a_look_past_keys_at_their_limit_is_a_look_at_a_few_rows(db: apsw.Connection) -> None:
    full = '["key-0", "key-2"]'
    assert "jobs_ready" in plan(db, SQL["open_among_first"], ("model-0", full))
    assert cost(db, SQL["open_among_first"], ("model-0", full))["VM_STEP"] <= 2 * STEPS_PER_ROW * 64


def test_beyond_keys_at_their_limit_each_other_key_costs_a_probe(db: apsw.Connection) -> None:
    full = '["key-2", "key-4"]'
    described = plan(db, SQL["open_by_key"], ("model-0", full))
    assert "jobs_ready_of_key" in described
    assert "SCAN jobs" not in described
    spent = cost(db, SQL["open_by_key"], ("model-0", full))
    assert spent["VM_STEP"] <= 4 * STEPS_PER_ROW * KEYS


LISTS = {
    "of a key": Filter(key_id="key-1"),
    "of a key from a cursor": Filter(key_id="key-1", cursor="f" * 32),
    "of a key and a model": Filter(key_id="key-1", model="model-1"),
    "of everybody": Filter(),
    "of everybody from a cursor": Filter(cursor="0" * 27 + "10000"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_page_of_a_list_costs_a_page(db: apsw.Connection, name: str) -> None:
    where = LISTS[name]
    text, params = listing(where)
    described = plan(db, text, params)
    assert ("jobs_by_key" if where.key_id else "sqlite_autoindex_jobs_1") in described
    assert "TEMP B-TREE" not in described
    assert cost(db, text, params)["VM_STEP"] <= 2 * STEPS_PER_ROW * where.limit


def test_a_search_that_finds_nothing_looks_at_the_rows_of_its_key_alone(db: apsw.Connection) -> None:
    text, params = listing(Filter(key_id="key-1", search="nowhere"))
    assert "jobs_by_key" in plan(db, text, params)
    rows = (WAITING + DELAYED + RUNNING + ENDED) // 50
    assert cost(db, text, params)["VM_STEP"] <= STEPS_PER_ROW * rows


def test_failures_are_found_without_a_look_at_anything_else(db: apsw.Connection) -> None:
    text, params = listing(Filter(states=("failed",)))
    assert "jobs_failed" in plan(db, text, params)
    assert cost(db, text, params)["VM_STEP"] <= STEPS_PER_ROW

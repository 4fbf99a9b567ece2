"""What PostgreSQL does for each frequent statement: index probes that cost the same whatever waits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from officina.job import Filter
from officina.queue.postgres_batch import SQL, Connection
from officina.queue.postgres_library import listing
from officina.queue.postgres_server import WRITER_SETUP, Server
from postgres_server import databases

WAITING = 100_000
DELAYED = 100
RUNNING = 200
ENDED = 2000
KEYS = 50
PAGES_PER_ROW = 12
"""Pages that one row may take with its way through an index; a walk over the backlog takes thousands."""

FILL = f"""
INSERT INTO jobs (id, model, key_id, level, tag, state, input, created_at, run_at, attempts, max_attempts,
                  worker, nonce, lease_until, finished_at)
SELECT lpad(to_hex(i), 32, '0'), 'model-' || i % 2, 'key-' || i % {KEYS}, 1, i / 50.0, state, '', 1000.0 + i,
       CASE WHEN i > {WAITING + RUNNING + ENDED} THEN 9000.0 END, 1, 3,
       CASE state WHEN 'running' THEN 'worker-' || i % 8 END, CASE state WHEN 'running' THEN 'nonce-' || i END,
       CASE state WHEN 'running' THEN 9000.0 END, CASE state WHEN 'succeeded' THEN 2000.0 + i END
  FROM (SELECT i, CASE WHEN i <= {ENDED} THEN 'succeeded' WHEN i <= {ENDED + RUNNING} THEN 'running'
                       ELSE 'queued' END AS state
          FROM generate_series(1, {WAITING + DELAYED + RUNNING + ENDED}) AS i) AS numbers;
INSERT INTO counts SELECT model, key_id, 'submit', count(*) FROM jobs WHERE state = 'queued' GROUP BY model, key_id;
INSERT INTO clocks SELECT 'other', 'key-' || i, 1, 1.0 FROM generate_series(1, 20000) AS i;
INSERT INTO clocks SELECT DISTINCT model, key_id, 1, 5000.0 FROM jobs;
INSERT INTO clocks SELECT DISTINCT model, '', 0, 1.0 FROM jobs;
INSERT INTO keys SELECT 'key-' || i, 'K', convert_to('key-' || i, 'UTF8'), 'caller', 0, '', NULL, NULL, 1, NULL
  FROM generate_series(100000, 120000) AS i;
INSERT INTO files SELECT 'file-' || i, '', 'at-' || i, 'key-1', '', 1, '', 0, 9000.0, NULL, ''
  FROM generate_series(1, 5000) AS i;
ANALYZE;
"""


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """The loop of this module's connection."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def db(runner: asyncio.Runner) -> Iterator[Connection]:
    """A connection as the queue makes it, to a database in which a hundred thousand jobs wait."""

    async def filled() -> Connection:
        server = databases().server
        url = server.url(await databases().make())
        connection = await Server(url).connect(setup=WRITER_SETUP, statement_s=None)
        await connection.execute(FILL)
        return connection

    connection = runner.run(filled())
    yield connection
    runner.run(connection.close())


class Cost:
    """How a statement ran: the indexes and whole tables that it looked through, and the pages it touched."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        self.indexes: set[str] = set()
        self.scanned: set[str] = set()
        self._walk(plan)

    def _walk(self, node: dict[str, Any]) -> None:
        if "Index Name" in node:
            self.indexes.add(node["Index Name"])
        if node["Node Type"] == "Seq Scan":
            self.scanned.add(node["Relation Name"])
        for each in node.get("Plans", ()):
            self._walk(each)


@pytest.fixture
def cost(runner: asyncio.Runner, db: Connection) -> Any:
    """Runs a statement and says what it cost. It is undone."""

    async def measured(text: str, params: tuple[Any, ...]) -> Cost:
        undone = db.transaction()
        await undone.start()
        try:
            await db.execute(f"PREPARE measured AS {text}")
            said = await db.fetchval(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE measured{given(params)}"
            )
        finally:
            await undone.rollback()
            await db.execute("DEALLOCATE measured")
        return Cost(json.loads(said)[0]["Plan"])

    return lambda text, *params: runner.run(measured(text, params))


def given(params: tuple[Any, ...]) -> str:
    """Parameters as they are written out."""
    return f"({', '.join(map(literal, params))})" if params else ""


def literal(value: Any) -> str:
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]"
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


def ids(count: int, start: int = 1) -> list[str]:
    return [f"{n:032x}" for n in range(start, start + count)]


GROUP = 64
SOME_KEYS = [f"key-{n}" for n in range(KEYS)]
PROBES: dict[str, tuple[tuple[Any, ...], str, int]] = {
    "job": ((ids(1)[0],), "jobs_pkey", 1),
    "record": ((ids(1)[0],), "jobs_pkey", 1),
    "rows": ((ids(GROUP),), "jobs_pkey", GROUP),
    "free_rows": ((ids(GROUP),), "jobs_pkey", GROUP),
    "to_move": ((None, ids(GROUP), ["worker-1"]), "jobs_pkey", GROUP),
    "extend_leases": ((ids(GROUP, ENDED + 1), [9001.0] * GROUP, [None] * GROUP), "jobs_pkey", GROUP),
    "positions": (("model-0",), "jobs_ready", 1000),
    "clocks": ((["model-0"] * KEYS, sorted(SOME_KEYS)), "clocks_pkey", KEYS),
    "move_clocks": (
        (["model-0"] * KEYS, sorted(SOME_KEYS), [1] * KEYS, [5001.0] * KEYS, [5000.0] * KEYS),
        "clocks_pkey",
        KEYS,
    ),
    "to_submit": (
        (None, ["model-0"] * KEYS, sorted(SOME_KEYS), sorted(SOME_KEYS), ["key-1"], ["name"], 60.0),
        "clocks_pkey",
        3 * KEYS,
    ),
    "waiting_of_keys": ((SOME_KEYS,), "counts_by_key", KEYS),
    "limits_of_keys": ((SOME_KEYS,), "keys_limited", KEYS),
    "models_with_room": ((["model-0"] * KEYS, SOME_KEYS, False), "jobs_waiting", KEYS),
    "waiting_of_model": (("model-0",), "counts_pkey", KEYS),
    "reasons": ((["model-0", "model-1"], ["worker-1"], ids(GROUP)), "jobs_ready", GROUP),
    "old_jobs": ((1500.0,), "jobs_ended", 1),
    "due": ((8000.0,), "jobs_delayed", 1),
    "old_uploads": ((1500.0,), "files_age", 1),
    "depth": ((10_000.0,), "jobs_waiting", 2 * KEYS + RUNNING),
    "depth_by_key": ((10_000.0,), "jobs_waiting_of_key", 2 * KEYS + RUNNING),
}
"""Statements that need a known number of rows: their parameters, the index, and that number."""


@pytest.mark.parametrize("name", PROBES)
def test_a_frequent_statement_is_probes_of_an_index(cost: Any, name: str) -> None:
    params, index, rows = PROBES[name]
    spent = cost(SQL[name].replace("%s", "FOR UPDATE"), *params)
    assert index in spent.indexes
    assert not spent.scanned
    assert spent.pages <= PAGES_PER_ROW * (rows + 2)


CLAIMED = 8
OF_A_WORKER = RUNNING // 8
CLAIMS = {
    "to_claim_of_one": (
        SQL["to_claim_of_one"] % CLAIMED,
        (None, ["worker-1"], ["nonce"], "model-0"),
        "jobs_ready",
        CLAIMED + OF_A_WORKER,
    ),
    "to_claim": (
        SQL["to_claim"] % CLAIMED,
        (None, ["worker-1"], ["nonce"], ["model-0", "model-1"]),
        "jobs_ready",
        2 * CLAIMED + OF_A_WORKER,
    ),
    "pick": (SQL["pick"] % CLAIMED, ("model-0",), "jobs_ready", CLAIMED),
    "heads": (SQL["heads"] % CLAIMED, (["model-0", "model-1"],), "jobs_ready", 2 * CLAIMED),
    "pick_beyond": (
        SQL["pick_beyond"] % (CLAIMED, CLAIMED),
        ("model-0", ["key-0", "key-2"]),
        "jobs_ready_of_key",
        KEYS * CLAIMED,
    ),
}
"""What a claim asks: the text with its limits, parameters, the index, and how many rows that may take."""


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_looks_at_as_many_jobs_as_it_takes(cost: Any, name: str) -> None:
    text, params, index, rows = CLAIMS[name]
    spent = cost(text, *params)
    assert index in spent.indexes
    assert not spent.scanned
    assert spent.pages <= PAGES_PER_ROW * rows


OF_RUNNING: dict[str, tuple[Any, ...]] = {
    "stop_wishes": ("worker-1",),
    "leases_of": ("worker-1", "worker-2"),
    "running_of_keys": (SOME_KEYS,),
    "running_of_models": (["model-0"],),
    "running": (),
    "expired_leases": (8000.0,),
}
"""Statements that may look at everything that runs, since that is bounded by the slots, and at no more."""


@pytest.mark.parametrize("name", OF_RUNNING)
def test_what_runs_is_found_without_a_look_at_what_waits(cost: Any, name: str) -> None:
    spent = cost(SQL[name], *OF_RUNNING[name])
    assert spent.indexes == {"jobs_running"}
    assert not spent.scanned
    assert spent.pages <= PAGES_PER_ROW * RUNNING


LISTS = {
    "of a key": (Filter(key_id="key-1"), "jobs_by_key"),
    "of a key from a cursor": (Filter(key_id="key-1", cursor="f" * 32), "jobs_by_key"),
    "of a key and a model": (Filter(key_id="key-1", model="model-1"), "jobs_by_key"),
    "of everybody": (Filter(), "jobs_pkey"),
    "of everybody from a cursor": (Filter(cursor="0" * 27 + "10000"), "jobs_pkey"),
    "of failures": (Filter(states=("failed",)), "jobs_failed"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_page_of_a_list_costs_a_page_of_rows(cost: Any, name: str) -> None:
    where, index = LISTS[name]
    text, params = listing(where)
    spent = cost(text, *params)
    assert index in spent.indexes
    assert not spent.scanned
    assert spent.pages <= PAGES_PER_ROW * where.limit

"""A database of an older schema, opened: everything in it is still there, and what is new works on it."""

from __future__ import annotations

from pathlib import Path

import apsw
import msgspec
import pytest
from queue_scene import DONE, TERMS, Clock, all_jobs, claim_one, ref, submit

from officina.errors import BudgetSpent
from officina.keys import KeyChange, KeyLimits, Session
from officina.queue import sql
from officina.queue.sqlite import VERSION, SqliteQueue, open_sqlite

OLD = {
    "waits": ("queued", {"prompt": "Ein GRÜNES Boot", "scale": 0.5}),
    "ended": ("succeeded", {"prompt": "A girl on the boat", "image_urls": ["https://example.org/boat.png"]}),
    "of a file": ("succeeded", {"image": "file_0b0a7", "mask": "https://example.org/b.png", "prompt": "red"}),
    "empty": ("cancelled", {}),
}
"""Jobs of an old database: their state and what was asked."""


LIBRARY = 3
"""The version that brought what most of these tests look at; they begin before it."""


@pytest.fixture(params=range(1, LIBRARY))
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database as each older version wrote it, with jobs in it, one of which is not JSON."""
    path = tmp_path / "officina.db"
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    for version in range(1, request.param + 1):
        db.execute(sql.script(f"sqlite-{version}"))
    for job_id, (state, asked) in OLD.items():
        _insert(db, job_id, state, msgspec.json.encode(asked))
    _insert(db, "garbled", "failed", b"{not json")
    db.execute("INSERT INTO usage VALUES ('2026-11-01', 'studio/canvas/edit', 'ada', 1, 0, 0, 1, 2.5, 0.1)")
    db.pragma("user_version", request.param)
    db.close()
    return path


def _insert(db: apsw.Connection, job_id: str, state: str, asked: bytes) -> None:
    ended_at = None if state == "queued" else 1_900_000_000.0
    db.execute(
        "INSERT INTO jobs (id, model, key_id, level, tag, state, input, created_at, max_attempts, finished_at)"
        " VALUES (?, 'studio/canvas/edit', 'ada', 1, 1.0, ?, ?, 1800000000.0, 3, ?)",
        (job_id, state, asked, ended_at),
    )


def open_it(path: Path) -> SqliteQueue:
    return open_sqlite(path, TERMS, Clock())


async def test_an_old_database_is_brought_up_to_date_with_all_that_it_holds(path: Path) -> None:
    queue = open_it(path)
    assert queue._tx.db.pragma("user_version") == VERSION
    assert {job.id: job.state for job in await all_jobs(queue)} == {
        **{job_id: state for job_id, (state, _) in OLD.items()},
        "garbled": "failed",
    }
    for job_id, (_, asked) in OLD.items():
        assert msgspec.json.decode((await queue.record(job_id, "ada")).input) == asked
    assert [row.succeeded for row in await queue.usage("2026-11-01", "2026-11-01")] == [1]
    await queue.close()


@pytest.mark.parametrize(
    ("search", "job_ids"),
    [
        ("boat", {"ended"}),
        ("grünes", {"waits"}),
        ("red", {"of a file"}),
        ("example.org", set()),
        ("file_", set()),
    ],
)
async def test_old_prompts_are_found_and_references_to_files_are_not(
    path: Path, search: str, job_ids: set[str]
) -> None:
    queue = open_it(path)
    assert {job.id for job in await all_jobs(queue, search=search)} == job_ids
    await queue.close()


async def test_the_work_goes_on_after_an_upgrade(path: Path) -> None:
    queue = open_it(path)
    assert (await queue.depth_by_key())["ada"].waiting == 1
    assert (await queue.finish(ref(await claim_one(queue)), DONE)).id == "waits"
    assert await queue.share("ended", "ada")
    assert await submit(queue)
    await queue.close()


async def test_an_upgrade_is_done_once(path: Path) -> None:
    await open_it(path).close()
    before = path.read_bytes()
    await open_it(path).close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", range(1, VERSION))
async def test_sessions_can_be_opened_after_an_upgrade_from_any_version(version: int, tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "old.db"))
    db.create_scalar_function("searchable", str, 1, deterministic=True)
    for step in range(1, version + 1):
        db.execute(sql.script(f"sqlite-{step}"))
    db.pragma("user_version", version)
    db.close()
    queue = open_it(tmp_path / "old.db")
    await queue.add_session(Session(b"browser", "ada", 0.0, 9e9))
    assert await queue.end_sessions("ada") == 1
    await queue.close()


@pytest.mark.parametrize("version", range(1, VERSION))
async def test_keys_and_jobs_of_any_version_have_no_limits_and_can_be_given_some(
    version: int, tmp_path: Path
) -> None:
    db = apsw.Connection(str(tmp_path / "old.db"))
    db.create_scalar_function("searchable", str, 1, deterministic=True)
    for step in range(1, version + 1):
        db.execute(sql.script(f"sqlite-{step}"))
    db.execute(
        "INSERT INTO keys (id, name, digest, scopes, created_at, hint) VALUES ('ada', '', x'00', 'caller', 0, '')"
    )
    _insert(db, "waits", "queued", b"{}")
    db.pragma("user_version", version)
    db.close()
    queue = open_it(tmp_path / "old.db")
    assert (await queue.keys())[0].limits == KeyLimits()
    await queue.change_key("ada", KeyChange(limits={"daily_outputs": 1}))
    with pytest.raises(BudgetSpent):
        await submit(queue)
    assert (await queue.use(["ada"]))["ada"].held_outputs == 1
    await queue.close()


def test_a_step_that_breaks_off_leaves_the_version_before_it(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE shares (squatter INTEGER)")
    db.close()
    with pytest.raises(apsw.SQLError):
        open_it(path)
    db = apsw.Connection(str(path))
    assert db.pragma("user_version") == LIBRARY - 1
    assert "words" not in {row[1] for row in db.execute("PRAGMA table_info(jobs)")}
    db.close()

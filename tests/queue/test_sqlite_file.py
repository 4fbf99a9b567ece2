"""The database file: private, durable, checked at the opening, copied while all goes on."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from queue_scene import DONE, TERMS, Clock, all_jobs, claim, ref, submit, submit_many

from officina.errors import DatabaseDamaged, DatabaseNewer
from officina.queue.sqlite import OLDEST_SQLITE, VERSION, SqliteQueue, open_sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "officina.db"


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """The umask of most shells, under which a new file may be read by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_it(path: Path) -> SqliteQueue:
    return open_sqlite(path, TERMS, Clock())


async def fill(path: Path, count: int = 300) -> list[str]:
    queue = open_it(path)
    job_ids = await submit_many(queue, count)
    await queue.close()
    return job_ids


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_only_the_owner_may_read_the_database(path: Path, usual_umask: None) -> None:
    queue = open_it(path)
    await submit(queue)
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    await queue.close()


async def test_a_commit_is_forced_to_the_disk(path: Path) -> None:
    queue = open_it(path)
    assert queue._tx.db.pragma("journal_mode") == "wal"
    assert queue._tx.db.pragma("synchronous") == 2
    assert queue._tx.db.pragma("foreign_keys") == 1, "every setting of the connection took effect"
    await queue.close()


def test_the_bundled_sqlite_is_one_without_the_wal_reset_bug() -> None:
    assert tuple(int(part) for part in apsw.sqlitelibversion().split(".")) >= OLDEST_SQLITE


async def test_a_closed_queue_leaves_one_file(path: Path) -> None:
    await fill(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_opening_again_changes_nothing(path: Path) -> None:
    job_ids = await fill(path, 10)
    for _ in range(3):
        queue = open_it(path)
        assert {job.id for job in await all_jobs(queue)} == set(job_ids)
        assert queue._tx.db.pragma("user_version") == VERSION
        await queue.close()


# Refused at the opening


@pytest.mark.parametrize(
    "garbage",
    [b"not a database at all, but long enough to be looked at. " * 100, bytes(range(256)) * 80],
    ids=["text", "binary"],
)
async def test_garbage_is_refused_with_a_sentence(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)
    with pytest.raises(DatabaseDamaged) as raised:
        open_it(path)
    assert "backup" in raised.value.message
    assert str(path.parent) not in raised.value.message
    assert path.read_bytes() == garbage


@pytest.mark.parametrize("kept", [0.3, 0.9])
async def test_a_truncated_database_is_refused(path: Path, kept: float) -> None:
    await fill(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(int(size * kept) // 4096 * 4096)
    with pytest.raises(DatabaseDamaged):
        open_it(path)


async def test_a_database_with_an_overwritten_schema_is_refused(path: Path) -> None:
    await fill(path)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(3000))
    with pytest.raises(DatabaseDamaged):
        open_it(path)


async def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    await fill(path)
    db = apsw.Connection(str(path))
    db.pragma("user_version", VERSION + 1)
    db.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseNewer) as raised:
        open_it(path)
    assert "upgrade" in raised.value.message
    assert path.read_bytes() == before


# Copies


async def test_a_snapshot_is_a_database_with_everything_in_it(path: Path, tmp_path: Path) -> None:
    queue = open_it(path)
    job_ids = await submit_many(queue, 200)
    for lease in await claim(queue, 50):
        await queue.finish(ref(lease), DONE)
    await queue.snapshot(tmp_path / "copy.db")
    before = {job.id: job for job in await all_jobs(queue)}
    await queue.close()
    copy = open_it(tmp_path / "copy.db")
    assert {job.id: job for job in await all_jobs(copy)} == before
    assert (await copy.depth()).popitem()[1].waiting == len(job_ids) - 50
    assert await submit(copy)
    await copy.close()


async def test_snapshots_are_consistent_while_jobs_come_and_go(path: Path, tmp_path: Path) -> None:
    """In every copy, a job of the second key is there only with the one of the first key before it."""
    queue = open_it(path)
    copying = asyncio.Event()

    async def come() -> None:
        while not copying.is_set():
            first = await submit(queue, "first")
            await submit(queue, "second", input=first.encode())

    coming = asyncio.create_task(come())
    copies = [tmp_path / f"copy-{n}.db" for n in range(4)]
    await asyncio.gather(*(queue.snapshot(copy) for copy in copies))
    copying.set()
    await coming
    await queue.close()
    for copy in copies:
        db = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
        assert db.pragma("integrity_check") == "ok"
        first = {job_id for (job_id,) in db.execute("SELECT id FROM jobs WHERE key_id = 'first'")}
        second = db.execute("SELECT input FROM jobs WHERE key_id = 'second'").fetchall()
        assert {before.decode() for (before,) in second} <= first
        db.close()


async def test_a_snapshot_never_overwrites_a_file(path: Path, tmp_path: Path) -> None:
    queue = open_it(path)
    precious = tmp_path / "precious.db"
    precious.write_bytes(b"do not lose me" * 1000)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whichever, as long as the file is safe
        await queue.snapshot(precious)
    assert precious.read_bytes() == b"do not lose me" * 1000
    await queue.close()

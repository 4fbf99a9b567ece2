"""The writer thread: operations in order, many to a commit, and each one's failure its own."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from queue_scene import Clock, eventually

from officina.errors import CallerError, DatabaseDamaged, DiskFull, Unavailable
from officina.queue.sqlite import migrate
from officina.queue.writer import GROUP, Overlay, Transaction, Writer


class Desk:
    """A writer on a database with a table of notes; it can be held up so that a group gathers."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.db = apsw.Connection(str(path))
        self.db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").fetchall()
        migrate(self.db)
        self.db.execute("CREATE TABLE notes (text TEXT NOT NULL CHECK (text <> 'impossible'))")
        self.outside = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        self.commits = 0
        self.told: list[set[str]] = []
        self.on_disk_when_told: list[list[str]] = []
        self.tx = Transaction(self.db, clock)
        self.writer = Writer(self.tx, self._hear)
        self.gate = threading.Event()
        self.db.set_commit_hook(self._count)

    def _hear(self, topics: set[str]) -> None:
        self.told.append(topics)
        self.on_disk_when_told.append(self.notes())

    def _count(self) -> bool:
        self.commits += 1
        return False

    async def hold(self) -> asyncio.Future[None]:
        """Let the writer wait inside an operation; what is asked until `gate` is set gathers behind it."""
        inside = threading.Event()

        def wait(tx: Transaction) -> None:
            inside.set()
            self.gate.wait(10)

        held = self.writer.do(wait)
        await asyncio.to_thread(inside.wait, 10)
        return held

    async def together(self, *operations: Callable[[Transaction], Any]) -> list[Any]:
        """Run operations in one group; their results, or the exceptions they raised."""
        held = await self.hold()
        asked = [self.writer.do(operation) for operation in operations]
        commits = self.commits
        self.gate.set()
        await held
        answers = await asyncio.gather(*asked, return_exceptions=True)
        self.commits -= commits + 1
        return answers

    def notes(self) -> list[str]:
        """The notes on disk, as another connection sees them."""
        return [text for (text,) in self.outside.execute("SELECT text FROM notes ORDER BY rowid").fetchall()]


@pytest.fixture
def desk(tmp_path: Path, clock: Clock, runner: asyncio.Runner) -> Iterator[Desk]:
    async def made() -> Desk:
        return Desk(tmp_path / "notes.db", clock)

    desk = runner.run(made())
    yield desk
    desk.gate.set()
    runner.run(desk.writer.close())
    desk.outside.close()
    desk.db.close()


def note(text: str) -> Callable[[Transaction], str]:
    """An operation that writes a note and answers with it."""

    def write(tx: Transaction) -> str:
        tx.db.execute("INSERT INTO notes VALUES (?)", (text,))
        tx.topics.add(text)
        tx.waiting["notes", text] += 1
        return text

    return write


def note_and_raise(text: str, error: Exception) -> Callable[[Transaction], None]:
    """An operation that fails after it has written."""

    def write(tx: Transaction) -> None:
        note(text)(tx)
        raise error

    return write


def refuse(tx: Transaction) -> None:
    """An operation that refuses its caller before it writes."""
    raise CallerError("No.")


# Groups


async def test_a_result_is_on_disk_when_it_is_given(desk: Desk) -> None:
    assert await desk.writer.do(note("one")) == "one"
    assert desk.notes() == ["one"]


async def test_arguments_reach_the_operation(desk: Desk) -> None:
    def add(tx: Transaction, one: int, *, two: int) -> int:
        return one + two

    assert await desk.writer.do(add, 1, two=2) == 3


async def test_operations_run_in_the_order_they_were_asked(desk: Desk) -> None:
    texts = [str(n) for n in range(1000)]
    answers = await asyncio.gather(*(desk.writer.do(note(text)) for text in texts))
    assert answers == desk.notes() == texts


async def test_what_gathers_during_a_commit_shares_the_next_one(desk: Desk) -> None:
    answers = await desk.together(*(note(str(n)) for n in range(GROUP)))
    assert len(answers) == GROUP
    assert desk.commits == 1


async def test_a_group_is_limited(desk: Desk) -> None:
    await desk.together(*(note(str(n)) for n in range(3 * GROUP + 1)))
    assert desk.commits == 4


async def test_many_submits_at_once_take_few_commits(desk: Desk) -> None:
    await asyncio.gather(*(desk.writer.do(note(str(n))) for n in range(2000)))
    assert len(desk.notes()) == 2000
    assert desk.commits < 500


async def test_a_group_has_one_time(desk: Desk, clock: Clock) -> None:
    def tell_time(tx: Transaction) -> float:
        clock.forward(1)
        return tx.now

    before = clock.now
    assert await desk.together(tell_time, tell_time) == [before, before]
    assert await desk.writer.do(tell_time) == before + 2


# Failures


async def test_a_refused_caller_leaves_the_rest_of_the_group_alone(desk: Desk) -> None:
    first, refused, last = await desk.together(note("first"), refuse, note("last"))
    assert (first, last) == ("first", "last")
    assert isinstance(refused, CallerError)
    assert desk.notes() == ["first", "last"]
    assert desk.commits == 1


async def test_an_unexpected_exception_undoes_its_own_operation_only(desk: Desk) -> None:
    broken = note_and_raise("broken", ValueError("a bug"))
    first, failed, refused, last = await desk.together(note("first"), broken, refuse, note("last"))
    assert (first, last) == ("first", "last")
    assert isinstance(failed, ValueError)
    assert isinstance(refused, CallerError)
    assert desk.notes() == ["first", "last"]
    assert await desk.writer.do(note("after")) == "after"


async def test_a_broken_constraint_undoes_its_own_operation_only(desk: Desk) -> None:
    answers = await desk.together(note("first"), note("impossible"), note("last"))
    assert isinstance(answers[1], apsw.ConstraintError)
    assert desk.notes() == ["first", "last"]


async def test_counts_and_topics_are_those_of_what_was_committed(desk: Desk) -> None:
    broken = note_and_raise("broken", ValueError("a bug"))
    await desk.together(note("one"), broken, note("two"), note("one"))
    assert [desk.tx.waiting["notes", text] for text in ("one", "two", "broken")] == [2, 1, 0]
    assert set().union(*desk.told) == {"one", "two"}


async def test_clocks_are_stored_with_their_group_and_forgotten_with_it(desk: Desk) -> None:
    def move(tx: Transaction) -> None:
        tx.clocks["studio/a", "ada", 1] = 7.0

    def move_and_break(tx: Transaction) -> None:
        tx.clocks["studio/a", "bob", 1] = 9.0
        raise ValueError

    await desk.together(move, move_and_break)
    assert desk.outside.execute("SELECT * FROM clocks").fetchall() == [("studio/a", "ada", 1, 7.0)]
    assert desk.tx.clocks["studio/a", "bob", 1] == 0
    assert Transaction(desk.db, Clock()).clocks["studio/a", "ada", 1] == 7.0


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (apsw.CorruptError("page 3"), DatabaseDamaged),
        (apsw.NotADBError(), DatabaseDamaged),
        (apsw.IOError("fsync"), Unavailable),
        (apsw.FullError(), DiskFull),
    ],
)
async def test_trouble_with_the_disk_is_told_in_our_words(
    desk: Desk, raised: Exception, told: type[Exception]
) -> None:
    failed, fine = await desk.together(note_and_raise("broken", raised), note("fine"))
    assert type(failed) is told
    assert fine == "fine"
    assert desk.notes() == ["fine"]


async def test_a_full_disk_refuses_what_does_not_fit_and_goes_on_when_there_is_room(desk: Desk) -> None:
    pages = desk.db.pragma("page_count")
    desk.db.pragma("max_page_count", pages + 2)
    with pytest.raises(DiskFull):
        await desk.writer.do(note("x" * 100_000))
    assert await desk.writer.do(note("small")) == "small"
    desk.db.pragma("max_page_count", pages + 1000)
    assert await desk.writer.do(note("y" * 100_000)) == "y" * 100_000


async def test_who_stops_waiting_does_not_disturb_the_others(desk: Desk) -> None:
    held = await desk.hold()
    given_up, waiting = desk.writer.do(note("given up")), desk.writer.do(note("waiting"))
    given_up.cancel()
    desk.gate.set()
    await held
    assert await waiting == "waiting"
    assert desk.notes() == ["given up", "waiting"]


# Waking


async def test_topics_are_told_once_the_change_can_be_read(desk: Desk) -> None:
    await desk.writer.do(note("one"))
    assert (desk.told, desk.on_disk_when_told) == ([{"one"}], [["one"]])


# Ending


async def test_what_was_asked_before_the_close_is_done(desk: Desk) -> None:
    held = await desk.hold()
    asked = [desk.writer.do(note(str(n))) for n in range(GROUP + 10)]
    closing = asyncio.create_task(desk.writer.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        desk.writer.do(note("late"))
    desk.gate.set()
    await closing
    await held
    assert await asyncio.gather(*asked) == desk.notes()
    assert len(desk.notes()) == GROUP + 10


async def test_closing_ends_the_thread(desk: Desk) -> None:
    await desk.writer.close()
    await desk.writer.close()
    assert not desk.writer._thread.is_alive()


# Overlays


def test_an_overlay_counts_what_is_staged_and_keeps_what_is_committed() -> None:
    counts: Overlay[str] = Overlay()
    counts["a"] += 2
    counts["b"] += 1
    assert (counts["a"], counts["b"], counts["c"]) == (2, 1, 0)
    counts.commit()
    counts["a"] += 5
    counts["b"] -= 1
    assert (counts["a"], counts["b"]) == (7, 0)
    counts.rollback()
    assert (counts["a"], counts["b"]) == (2, 1)


def test_an_overlay_forgets_what_became_zero() -> None:
    counts: Overlay[str] = Overlay()
    counts["a"] += 1
    counts.commit()
    counts["a"] -= 1
    counts.commit()
    assert dict(counts) == {}


def test_an_overlay_loads_each_number_once() -> None:
    asked: list[str] = []

    def load(key: str) -> float:
        asked.append(key)
        return 4.0

    clocks: Overlay[str] = Overlay(load)
    assert (clocks["a"], clocks["a"], clocks.get("a", 0.0)) == (4.0, 4.0, 4.0)
    clocks["a"] = 5.0
    clocks.rollback()
    assert clocks["a"] == 4.0
    assert asked == ["a"]


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Let threads take turns as often as they can, so that races show."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


async def test_counts_can_be_read_while_the_writer_changes_them(desk: Desk, busy_threads: None) -> None:
    def come_and_go(tx: Transaction) -> None:
        tx.waiting["model", "a"] = 0.0 if tx.waiting["model", "a"] else 1.0

    async def all_done() -> bool:
        for _ in range(200):
            assert dict(desk.tx.waiting.items()).get(("model", "a"), 0.0) in (0.0, 1.0)
            assert desk.tx.waiting["model", "a"] in (0.0, 1.0)
        return all(each.done() for each in asked)

    asked = [desk.writer.do(come_and_go) for _ in range(4000)]
    await eventually(all_done, within_s=30)
    await asyncio.gather(*asked)

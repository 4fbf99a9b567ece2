"""The parts of a worker by themselves: seats, the private folder, the table of engines."""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from pathlib import Path

import pytest
from gateway_double import KEY, GatewayDouble

from officina import engines
from officina.engines import ENGINES
from officina.errors import MissingExtra, OperatorError
from officina.job import LeaseRef
from officina.link import Register, Work
from officina.worker.gateway import Gateway
from officina.worker.outputs import Made
from officina.worker.scratch import remove_abandoned, scratch_folder
from officina.worker.seats import Seat, Seats
from officina.worker.slot import Slot, SlotTerms


def work(name: str) -> Work:
    return Work(
        job_id=name,
        token="",
        attempt=1,
        model=name,
        engine="engines.echo:Engine",
        options={},
        input={},
        media=(),
        accepts=(),
        deadline_s=1,
        started=True,
    )


def seats(count: int) -> Seats:
    return Seats(Slot(number, SlotTerms()) for number in range(count))


def come(line: Seats, name: str) -> Seat:
    """A job whose inputs are there."""
    seat = line.take(work(name))
    line.line_up(seat)
    return seat


async def test_there_is_room_for_one_more_only_while_something_runs() -> None:
    line = seats(2)
    assert (line.room, line.idle) == (2, 2)
    come(line, "a")
    assert (line.room, line.idle) == (2, 1)
    come(line, "b")
    assert (line.room, line.idle) == (1, 0)
    come(line, "c")
    assert (line.room, line.idle) == (0, 0)


async def test_a_slot_is_not_kept_for_a_job_whose_inputs_are_not_there() -> None:
    line = seats(1)
    slow = line.take(work("a"))
    assert (line.room, line.idle) == (1, 0)
    quick = come(line, "b")
    assert quick.slot.done()
    line.line_up(slow)
    assert not slow.slot.done()
    line.leave(quick)
    assert slow.slot.done()


async def test_who_waits_is_given_the_slot_that_becomes_free_first() -> None:
    line = seats(1)
    first, second, third = (come(line, name) for name in "abc")
    line.leave(second)
    assert second.slot.cancelled()
    assert not third.slot.done()
    line.leave(first)
    assert third.slot.result() is first.slot.result()
    assert line.idle == 0


async def test_leaving_twice_gives_nothing_up_that_another_holds() -> None:
    line = seats(1)
    first, second = come(line, "a"), come(line, "b")
    line.leave(first)
    line.leave(first)
    assert second.slot.done()
    assert line.idle == 0
    line.leave(second)
    assert line.idle == 1


async def test_a_slot_that_becomes_free_while_the_next_gives_up_its_wait_is_not_lost() -> None:
    line = seats(1)
    running, waiting = come(line, "a"), come(line, "b")
    turn = asyncio.create_task(waiting.turn())
    await asyncio.sleep(0)
    turn.cancel()  # its lease was lost; before it is told so, the slot becomes free
    line.leave(running)
    with pytest.raises(asyncio.CancelledError):
        await turn
    line.leave(waiting)
    assert line.idle == 1
    assert await come(line, "c").turn() is line.slots[0]


async def test_busy_slots_count_as_warm_for_their_model() -> None:
    line = seats(2)
    assert line.warm_models() == ()
    come(line, "a")
    come(line, "b")
    assert set(line.warm_models()) == {"a", "b"}
    await asyncio.gather(*(slot.close() for slot in line.slots))


def test_the_folder_of_a_worker_is_private_and_goes_with_it(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "job").mkdir()
        (folder / "job" / "in.png").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


def test_folders_of_workers_that_live_are_kept_and_others_are_none_of_our_business(tmp_path: Path) -> None:
    other = tmp_path / "officina-data"
    other.mkdir()
    linked = tmp_path / "officina-worker-link"
    linked.symlink_to(other)
    with scratch_folder(tmp_path) as first, scratch_folder(tmp_path) as second:
        remove_abandoned(tmp_path)
        assert first.exists()
        assert second.exists()
    assert sorted(tmp_path.iterdir()) == [other, linked]


def test_a_folder_whose_worker_died_is_removed_unless_it_is_just_being_made(tmp_path: Path) -> None:
    unlocked, young, old = (tmp_path / f"officina-worker-{name}" for name in ("unlocked", "young", "old"))
    for folder in (unlocked, young, old):
        folder.mkdir()
    (unlocked / ".held").touch()
    long_ago = time.time() - 3600
    os.utime(old, (long_ago, long_ago))
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == [young]


def test_every_engine_of_the_table_is_where_it_says() -> None:
    for name in engines.available():
        module, _, attribute = ENGINES[name].target.partition(":")
        assert callable(getattr(importlib.import_module(module), attribute).run)


def test_an_engine_of_ones_own_is_named_by_its_class() -> None:
    assert engines.check(["my_engines.posters:PosterEngine"]) == ("my_engines.posters:PosterEngine",)


def test_an_unknown_engine_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(OperatorError, match=r"There is no engine 'colage'; known are .*collage"):
        engines.check(["collage", "colage"])


def test_an_engine_whose_library_is_missing_names_the_extra() -> None:
    entry = engines.EngineEntry("officina.engines:load", "For this test.", "posters", ("no_such_library",))
    with pytest.raises(MissingExtra, match=r"needs no_such_library.*pip install 'officina\[posters\]'"):
        engines.check(["posters"], {"posters": entry})
    assert engines.available({"posters": entry}) == ()


async def test_an_output_that_vanished_is_told_of_and_not_tried_for_ever(tmp_path: Path) -> None:
    async with GatewayDouble() as double:
        hello = Register("here", ("echo",), 1)
        async with Gateway(double.url, KEY, hello) as gateway, asyncio.timeout(10):
            await gateway.register()
            with pytest.raises(FileNotFoundError):
                await gateway.put_output(
                    LeaseRef("job-1", "a-token"), Made(0, "image", tmp_path / "gone.png", 9)
                )

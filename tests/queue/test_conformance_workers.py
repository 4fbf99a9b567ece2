"""The record of workers: who said hello, who was heard of, and who is wished to end."""

from __future__ import annotations

import pytest
from queue_implementations import OpenQueue
from queue_scene import Clock, claim_one, state_of, submit

from officina.errors import UnknownRequest
from officina.link import Register
from officina.queue.protocol import FORGET_WORKER_S, Queue, Worker

HELLO = Register("studio-1", ("collage", "remote"), 2, labels={"gpu": "a100"}, memory_mb=65536)


def worker(worker_id: str = "worker-1", **changes: str) -> Worker:
    return Worker(worker_id, HELLO, **{"gateway": "http://one", "terms": "a", **changes})


async def test_a_worker_is_recorded_as_it_said_hello(queue: Queue, clock: Clock) -> None:
    await queue.add_worker(worker())
    (found,) = await queue.workers()
    assert found.said == HELLO
    assert (found.gateway, found.terms) == ("http://one", "a")
    assert (found.registered_at, found.seen_at) == (clock.now, clock.now)
    assert (found.is_claiming, found.drain_wish) == (False, False)


async def test_another_gateway_notes_that_a_worker_was_heard_of(queue: Queue, clock: Clock) -> None:
    await queue.add_worker(worker())
    registered_at = clock.now
    clock.forward(30)
    await queue.workers_seen([Worker("worker-1", HELLO, "http://two", is_claiming=True)])
    (found,) = await queue.workers()
    assert (found.gateway, found.is_claiming, found.seen_at) == ("http://two", True, clock.now)
    assert (found.registered_at, found.terms) == (registered_at, "a")


async def test_a_worker_that_was_forgotten_is_not_noted_again(queue: Queue) -> None:
    await queue.workers_seen([worker()])
    assert await queue.workers() == []


async def test_a_wish_to_drain_is_kept_and_wakes_the_worker(queue: Queue) -> None:
    await queue.add_worker(worker())
    with queue.wakes.listen("worker:worker-1") as listener:
        assert (await queue.wish_drain("worker-1")).drain_wish
        assert await listener.wait(10.0)
    await queue.workers_seen([worker()])
    assert (await queue.workers())[0].drain_wish
    with pytest.raises(UnknownRequest):
        await queue.wish_drain("worker-2")


async def test_a_silent_worker_is_forgotten_after_a_day(queue: Queue, clock: Clock) -> None:
    await queue.add_worker(worker())
    clock.forward(FORGET_WORKER_S - 1)
    await queue.add_worker(worker("worker-2"))
    clock.forward(2)
    await queue.sweep()
    assert [each.id for each in await queue.workers()] == ["worker-2"]


async def test_a_worker_that_is_known_to_be_dead_is_forgotten_with_its_leases(queue: Queue) -> None:
    await queue.add_worker(worker("local-1"))
    await queue.add_worker(worker("worker-2"))
    job_id = await submit(queue)
    await claim_one(queue, "local-1")
    await queue.lose("local-")
    assert [each.id for each in await queue.workers()] == ["worker-2"]
    assert await state_of(queue, job_id) == "queued"


async def test_workers_are_still_recorded_when_the_queue_is_opened_anew(open_queue: OpenQueue) -> None:
    queue = await open_queue()
    await queue.add_worker(worker())
    before = await queue.workers()
    await queue.close()
    assert await (await open_queue()).workers() == before


async def test_no_promise_hangs_on_the_record(queue: Queue) -> None:
    await submit(queue)
    await queue.add_worker(worker())
    await queue.wish_drain("worker-1")
    assert await claim_one(queue, "worker-1")

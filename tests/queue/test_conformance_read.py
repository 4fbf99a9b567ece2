"""Reading: lists, positions, depth, usage, and the wake-ups that tell of a change."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter

import pytest
from queue_implementations import OpenQueue
from queue_scene import (
    BROKEN,
    DONE,
    MODEL,
    OTHER_MODEL,
    TRY_AGAIN,
    Clock,
    all_jobs,
    claim,
    claim_one,
    ended_job,
    eventually,
    news,
    output,
    prefetch_one,
    ref,
    submit,
    submit_many,
    want,
)

from officina.job import Depth, Filter, Outcome, Position, new_id
from officina.queue.protocol import Queue

# Lists


async def ids(queue: Queue, **where: object) -> list[str]:
    return [job.id for job in await all_jobs(queue, **where)]


async def test_a_list_is_newest_first_and_limited(queue: Queue) -> None:
    submitted = await submit_many(queue, 7)
    newest = sorted(submitted, reverse=True)
    assert await ids(queue) == newest
    assert await ids(queue, limit=3) == newest[:3]


async def test_a_list_shows_whole_jobs(queue: Queue) -> None:
    job = await ended_job(queue, outcome=Outcome("succeeded", (output(0),), {"seed": 1}))
    assert await all_jobs(queue) == [job]


async def test_a_list_is_narrowed_by_key_model_and_state(queue: Queue) -> None:
    ada, bob = await submit(queue, "ada"), await submit(queue, "bob")
    other = await submit(queue, "ada", OTHER_MODEL)
    await queue.cancel(bob, "bob")
    assert set(await ids(queue, key_id="ada")) == {ada, other}
    assert set(await ids(queue, model=MODEL)) == {ada, bob}
    assert await ids(queue, key_id="ada", model=OTHER_MODEL) == [other]
    assert await ids(queue, states=("cancelled",)) == [bob]
    assert set(await ids(queue, states=("cancelled", "queued"))) == {ada, bob, other}
    assert await ids(queue, states=("failed",)) == []
    assert await ids(queue, key_id="carol") == []


async def test_a_list_is_narrowed_by_time(queue: Queue, clock: Clock) -> None:
    made = []
    for _ in range(4):
        made.append((clock.now, await submit(queue)))
        clock.forward(60)
    (_, first), (second_at, second), (_, third), (fourth_at, fourth) = made
    assert set(await ids(queue, after=second_at)) == {second, third, fourth}
    assert set(await ids(queue, before=fourth_at)) == {first, second, third}
    assert set(await ids(queue, after=second_at, before=fourth_at)) == {second, third}


async def test_pages_show_each_job_once_while_new_ones_arrive(queue: Queue) -> None:
    old = await submit_many(queue, 25)

    async def a_new_id_is_newer() -> bool:
        return new_id() > max(old)

    await eventually(a_new_id_is_newer)  # ids of one millisecond have no order among themselves
    seen: list[str] = []
    cursor = None
    while page := await queue.list(Filter(key_id="ada", cursor=cursor, limit=4)):
        seen += [job.id for job in page]
        assert len(seen) == len(set(seen))
        cursor = seen[-1]
        await submit_many(queue, 3)
    assert [job_id for job_id in seen if job_id in old] == sorted(old, reverse=True)


async def test_pages_go_on_when_the_job_of_the_cursor_is_gone(queue: Queue) -> None:
    for job_id in await submit_many(queue, 6):
        await queue.cancel(job_id, "ada")
    everything = await ids(queue)
    await queue.delete(everything[2], "ada")
    assert await ids(queue, cursor=everything[2]) == everything[3:]


# Positions


async def test_a_position_is_the_number_of_jobs_before_it_plus_one(queue: Queue) -> None:
    heavy = await submit_many(queue, 10, "heavy")
    light = await submit(queue, "light")
    order = {light: 2, heavy[0]: 1, heavy[1]: 3, heavy[9]: 11}
    places = {job_id: await queue.position(await queue.get(job_id, None)) for job_id in order}
    assert places == {job_id: Position(place) for job_id, place in order.items()}


async def test_positions_move_up_as_jobs_are_claimed(queue: Queue) -> None:
    *_, last = await submit_many(queue, 10)
    assert (await queue.position(await queue.get(last, None))).place == 10
    await claim(queue, 6)

    async def moved_up() -> bool:
        return await queue.position(await queue.get(last, None)) == Position(4)

    await eventually(moved_up)


async def test_positions_are_per_model(queue: Queue) -> None:
    await submit_many(queue, 10)
    other = await submit(queue, model=OTHER_MODEL)
    assert await queue.position(await queue.get(other, None)) == Position(1)


async def test_positions_are_exact_for_a_thousand_jobs_and_then_flagged_estimates(queue: Queue) -> None:
    submitted = await submit_many(queue, 1300)
    for place in (1, 2, 500, 999, 1000):
        job = await queue.get(submitted[place - 1], None)
        assert await queue.position(job) == Position(place)
    for place in (1002, 1150, 1300):
        position = await queue.position(await queue.get(submitted[place - 1], None))
        assert position.estimate
        assert 1000 < position.place <= 1300


async def test_the_last_of_a_short_queue_is_exact(queue: Queue) -> None:
    *_, last = await submit_many(queue, 1000)
    assert await queue.position(await queue.get(last, None)) == Position(1000)


# Depth


async def test_depth_counts_what_waits_and_runs_per_model(queue: Queue) -> None:
    assert not any(depth.waiting or depth.running for depth in (await queue.depth()).values())
    await submit_many(queue, 5)
    await submit_many(queue, 2, model=OTHER_MODEL)
    await claim(queue, 3)
    depth = await queue.depth()
    assert (depth[MODEL].waiting, depth[MODEL].running) == (2, 3)
    assert (depth[OTHER_MODEL].waiting, depth[OTHER_MODEL].running) == (2, 0)


async def test_depth_follows_every_move(queue: Queue) -> None:
    submitted = await submit_many(queue, 6)
    done, again, back, held = await claim(queue, 4)
    await queue.finish(ref(done), DONE)
    await queue.finish(ref(again), TRY_AGAIN)
    await queue.hand_back([ref(back)])
    await queue.cancel(submitted[5], "ada")
    assert (await queue.depth())[MODEL] == Depth(waiting=3, running=1, oldest_s=0.0)
    await queue.lose("worker-1")
    assert (await queue.depth())[MODEL] == Depth(waiting=4, running=0, oldest_s=0.0)
    await queue.sweep(models=())
    assert (await queue.depth()).get(MODEL, Depth()) == Depth()
    assert held.job_id


async def test_depth_is_right_after_a_reopen(open_queue: OpenQueue) -> None:
    first = await open_queue()
    await submit_many(first, 7, "ada")
    await submit_many(first, 3, "bob", model=OTHER_MODEL)
    await queue_with_a_retry(first)
    before = await first.depth()
    await first.close()
    assert await (await open_queue()).depth() == before


async def queue_with_a_retry(queue: Queue) -> None:
    _, again = await claim(queue, 2)
    await queue.finish(ref(again), TRY_AGAIN)


async def test_the_oldest_waiting_job_gives_the_age(queue: Queue, clock: Clock) -> None:
    await submit(queue)
    clock.forward(40)
    second = await submit(queue)
    clock.forward(2)
    assert (await queue.depth())[MODEL].oldest_s == 42
    await claim_one(queue)
    assert (await queue.depth())[MODEL].oldest_s == 2
    await queue.cancel(second, "ada")
    assert (await queue.depth()).get(MODEL, Depth()).oldest_s == 0


# Usage


async def test_usage_is_rolled_up_per_day_model_and_key(queue: Queue, clock: Clock) -> None:
    made = Outcome("succeeded", (output(0), output(1)), run_s=2.5, cost_usd=0.5)
    await ended_job(queue, "ada", made)
    await ended_job(queue, "ada", made)
    await ended_job(queue, "ada", BROKEN)
    await queue.cancel(await submit(queue, "bob"), "bob")
    first_day = _day(clock)
    clock.forward(86400)
    await ended_job(queue, "ada")
    second_day = _day(clock)
    rows = {(day.day, day.key_id): day for day in await queue.usage(first_day, second_day)}
    assert set(rows) == {(first_day, "ada"), (first_day, "bob"), (second_day, "ada")}
    ada = rows[first_day, "ada"]
    assert (ada.model, ada.succeeded, ada.failed, ada.cancelled) == (MODEL, 2, 1, 0)
    assert (ada.outputs, ada.run_s, ada.cost_usd) == (4, 5.0, 1.0)
    assert rows[first_day, "bob"].cancelled == 1
    assert [day.day for day in await queue.usage(second_day, second_day)] == [second_day]
    assert await queue.usage("2000-01-01", "2000-12-31") == []


async def test_usage_of_a_long_span_is_rolled_up_by_calendar_weeks(queue: Queue, clock: Clock) -> None:
    made = Outcome("succeeded", (output(0), output(1)), run_s=2.5, cost_usd=0.5)
    days = []
    for _ in range(9):  # at least one week from its Monday to its Sunday, or the ends of two
        await ended_job(queue, "ada", made)
        days.append(_day(clock))
        clock.forward(86400)
    await ended_job(queue, "bob")
    rows = await queue.usage(days[0], days[-1], "ada", weekly=True)
    ran = Counter(_monday(day) for day in days)
    assert [(row.day, row.model, row.key_id) for row in rows] == [(day, MODEL, "ada") for day in sorted(ran)]
    for row in rows:
        runs = ran[row.day]
        assert (row.succeeded, row.failed, row.cancelled, row.outputs) == (runs, 0, 0, 2 * runs)
        assert (row.run_s, row.cost_usd) == (2.5 * runs, 0.5 * runs)
    cut = await queue.usage(days[1], days[-2], weekly=True)
    assert sum(row.succeeded for row in cut) == len(days) - 2
    assert await queue.usage("2000-01-01", "2000-12-31", weekly=True) == []


def _monday(day: str) -> str:
    found = dt.date.fromisoformat(day)
    return (found - dt.timedelta(found.weekday())).isoformat()


def _day(clock: Clock) -> str:
    return dt.datetime.fromtimestamp(clock.now, dt.UTC).date().isoformat()


# Wake-ups


async def test_a_submit_wakes_who_waits_for_the_model(queue: Queue) -> None:
    with queue.wakes.listen(f"model:{MODEL}") as mine, queue.wakes.listen(f"model:{OTHER_MODEL}") as other:
        await submit(queue)
        assert await mine.wait(5)
        assert not await other.wait(0)


async def test_each_change_of_a_job_wakes_who_waits_for_it(queue: Queue) -> None:
    job_id = await submit(queue)
    with queue.wakes.listen(f"job:{job_id}") as job:
        lease = await prefetch_one(queue)
        await job.wait(0)
        await queue.renew("worker-1", [news(lease, started=True)])
        assert await job.wait(5), "started"
        await queue.renew("worker-1", [news(lease, events=(("progress", {"fraction": 0.5}),))])
        assert await job.wait(5), "progress"
        await queue.hand_back([ref(lease)])
        assert await job.wait(5), "handed back"
        await queue.cancel(job_id, "ada")
        assert await job.wait(5), "cancelled"


async def test_who_is_woken_reads_what_has_changed(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    with queue.wakes.listen(f"job:{job_id}") as listener:
        finishing = asyncio.create_task(queue.finish(ref(lease), DONE))
        assert await listener.wait(5)
        assert (await queue.get(job_id, None)).state == "succeeded"
        await finishing


async def test_a_job_that_comes_back_wakes_the_workers(queue: Queue, clock: Clock) -> None:
    await submit_many(queue, 2)
    back, again = await claim(queue, 2)
    with queue.wakes.listen(f"model:{MODEL}") as model:
        await queue.hand_back([ref(back)])
        assert await model.wait(5), "handed back"
        await claim_one(queue)
        await queue.finish(ref(again), TRY_AGAIN)
        clock.forward(3600)
        await queue.sweep()
        assert await model.wait(5), "its retry is due"


async def test_a_stop_wish_wakes_the_worker(queue: Queue) -> None:
    job_id = await submit(queue)
    await claim_one(queue, worker="worker-9")
    with queue.wakes.listen("worker:worker-9") as worker, queue.wakes.listen("worker:worker-1") as other:
        await queue.cancel(job_id, "ada", force=True)
        assert await worker.wait(5)
        assert not await other.wait(0)


async def test_what_changes_nothing_wakes_nobody(queue: Queue) -> None:
    job = await ended_job(queue)
    with queue.wakes.listen(f"job:{job.id}", f"model:{MODEL}", "worker:worker-1") as listener:
        await queue.cancel(job.id, "ada", force=True)
        await queue.get(job.id, "ada")
        await claim(queue, wants=[want()])
        await queue.renew("worker-1", [])
        await queue.sweep()
        assert not await listener.wait(0)


@pytest.mark.parametrize("waiters", [50])
async def test_everybody_who_waits_for_a_job_is_woken(queue: Queue, waiters: int) -> None:
    job_id = await submit(queue)
    ready = asyncio.Semaphore(0)

    async def wait_for_the_end() -> str:
        with queue.wakes.listen(f"job:{job_id}") as listener:
            ready.release()
            await listener.wait(5)
            return (await queue.get(job_id, None)).state

    waiting = [asyncio.create_task(wait_for_the_end()) for _ in range(waiters)]
    for _ in range(waiters):
        await ready.acquire()
    await queue.cancel(job_id, "ada")
    assert await asyncio.gather(*waiting) == ["cancelled"] * waiters

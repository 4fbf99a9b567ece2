"""Who is next: fair shares between keys, priority inside a key, warm models first."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from queue_implementations import OpenQueue
from queue_scene import (
    DONE,
    MODEL,
    OTHER_MODEL,
    TRY_AGAIN,
    Clock,
    claim,
    claim_one,
    drain,
    prefetch_one,
    ref,
    submit,
    submit_many,
    want,
)

from officina.job import LEVELS
from officina.queue.protocol import Queue

HIGH, NORMAL, LOW = LEVELS["high"], LEVELS["normal"], LEVELS["low"]


async def drain_keys(queue: Queue) -> str:
    """The order in which everything is claimed, as one letter per job: the first of its key."""
    return "".join([(await queue.get(job_id, None)).key_id[0] for job_id in await drain(queue)])


# Between keys


async def test_jobs_of_one_key_are_claimed_oldest_first(queue: Queue) -> None:
    submitted = await submit_many(queue, 20)
    assert await drain(queue) == submitted


async def test_a_claim_of_many_takes_them_in_the_same_order(queue: Queue) -> None:
    submitted = await submit_many(queue, 9)
    leases = await claim(queue, 7)
    assert [lease.job_id for lease in leases] == submitted[:7]


async def test_keys_take_turns_whatever_each_has_waiting(queue: Queue) -> None:
    await submit_many(queue, 100, "heavy")
    await submit_many(queue, 3, "light")
    assert (await drain_keys(queue)).startswith("hlhlhlhhh")


async def test_a_key_that_comes_late_does_not_wait_behind_a_backlog(queue: Queue) -> None:
    await submit_many(queue, 200, "heavy")
    await claim(queue, 50)
    await submit(queue, "light")
    assert (await drain_keys(queue)).index("l") <= 1


async def test_a_key_that_was_idle_saves_up_no_claim_to_more(queue: Queue) -> None:
    await submit(queue, "idle")
    await submit_many(queue, 30, "busy")
    await claim(queue, 31)
    await submit_many(queue, 5, "busy")
    await submit_many(queue, 5, "idle")
    assert await drain_keys(queue) == "bibibibibi"


async def test_many_keys_are_each_served_once_before_any_is_served_twice(queue: Queue) -> None:
    for key in "abcdefgh":
        await submit_many(queue, 3, key)
    order = await drain_keys(queue)
    assert [Counter(order[at : at + 8]) for at in (0, 8, 16)] == [Counter("abcdefgh")] * 3


async def test_a_costly_job_counts_for_several(queue: Queue) -> None:
    await submit_many(queue, 10, "video", cost=5.0)
    await submit_many(queue, 30, "thumbnail", cost=1.0)
    assert Counter((await drain_keys(queue))[:24]) == {"t": 20, "v": 4}


async def test_a_weight_gives_a_larger_share(queue: Queue) -> None:
    await submit_many(queue, 60, "large", weight=3.0)
    await submit_many(queue, 60, "small", weight=1.0)
    shares = Counter((await drain_keys(queue))[:40])
    assert 29 <= shares["l"] <= 31


async def test_the_order_goes_on_after_a_reopen(open_queue: OpenQueue) -> None:
    first = await open_queue()
    early = await submit_many(first, 10, "ada")
    await claim(first, 4)
    await first.close()
    queue = await open_queue()
    late = await submit_many(queue, 3, "ada")
    await submit_many(queue, 2, "bob")
    order = await drain(queue)
    assert [job_id for job_id in order if job_id in early + late] == early[4:] + late
    assert [(await queue.get(job_id, None)).key_id for job_id in order[:4]] == ["ada", "bob", "ada", "bob"]


async def test_a_sweep_does_not_change_the_order(queue: Queue, clock: Clock) -> None:
    submitted = await submit_many(queue, 10, "ada")
    order = [(await claim_one(queue)).job_id for _ in range(5)]
    await queue.sweep()
    submitted += await submit_many(queue, 5, "ada")
    clock.forward(1)
    await queue.sweep()
    await submit_many(queue, 2, "bob")
    rest = await drain(queue)
    assert order + [job_id for job_id in rest if job_id in submitted] == submitted
    assert {(await queue.get(job_id, None)).key_id for job_id in rest[:2]} == {"ada", "bob"}


# Inside a key


async def test_a_high_job_overtakes_the_backlog_of_its_own_key(queue: Queue) -> None:
    await submit_many(queue, 50, level=NORMAL)
    urgent = await submit(queue, level=HIGH)
    assert (await drain(queue)).index(urgent) <= 1


async def test_a_low_job_waits_for_what_its_key_has_sent_before_it(queue: Queue) -> None:
    await submit_many(queue, 10, level=NORMAL)
    patient = await submit(queue, level=LOW)
    assert (await drain(queue)).index(patient) == 10


async def test_a_normal_job_after_high_ones_keeps_its_turn(queue: Queue) -> None:
    high = await submit_many(queue, 5, level=HIGH)
    normal = await submit(queue, level=NORMAL)
    assert await drain(queue) == [*high, normal]


async def test_high_jobs_of_one_key_do_not_starve_another_key(queue: Queue) -> None:
    await submit_many(queue, 200, "ada", level=HIGH)
    await submit_many(queue, 10, "bob", level=LOW)
    assert (await drain_keys(queue))[:20].count("b") == 10


async def test_the_three_levels_of_one_key_together_leave_another_key_a_quarter(queue: Queue) -> None:
    for level in (LOW, NORMAL, HIGH):
        await submit_many(queue, 60, "ada", level=level)
    await submit_many(queue, 10, "bob")
    assert (await drain_keys(queue))[:40].count("b") >= 10


# What comes back


async def test_a_job_handed_back_takes_its_old_place(queue: Queue) -> None:
    submitted = await submit_many(queue, 5)
    leases = await claim(queue, 3)
    await queue.hand_back([ref(leases[1])])
    assert await drain(queue) == [submitted[1], *submitted[3:]]


async def test_a_retry_that_is_due_goes_before_the_backlog_of_its_key(queue: Queue, clock: Clock) -> None:
    submitted = await submit_many(queue, 5)
    await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    assert (await claim_one(queue)).job_id == submitted[1]
    clock.forward(60)
    await queue.sweep()
    assert await drain(queue) == [submitted[0], *submitted[2:]]


# Between models


async def test_only_wanted_models_are_claimed(queue: Queue) -> None:
    await submit(queue, model=OTHER_MODEL)
    assert await claim(queue, wants=[want(MODEL)]) == []
    (lease,) = await claim(queue, wants=[want(MODEL), want(OTHER_MODEL)])
    assert (lease.model, lease.engine) == (OTHER_MODEL, "collage")


async def test_nothing_waiting_and_nothing_wanted_give_no_lease(queue: Queue) -> None:
    assert await claim(queue, 5) == []
    await submit(queue)
    taken = await claim(queue, 5, wants=[want("studio/unknown")])
    assert taken == []


@pytest.mark.parametrize(("head_start_s", "taken"), [(0, MODEL), (10, MODEL), (11, OTHER_MODEL)])
async def test_a_slot_stays_with_its_warm_model_for_ten_seconds(
    queue: Queue, clock: Clock, head_start_s: float, taken: str
) -> None:
    await submit(queue, model=OTHER_MODEL)
    clock.forward(head_start_s)
    await submit(queue, model=MODEL)
    (lease,) = await claim(queue, wants=[want(OTHER_MODEL), want(MODEL, warm=True)])
    assert lease.model == taken


async def test_a_cold_slot_takes_the_model_whose_head_waits_longest(queue: Queue, clock: Clock) -> None:
    await submit(queue, model=OTHER_MODEL)
    clock.forward(1)
    await submit(queue, model=MODEL)
    (lease,) = await claim(queue, wants=[want(MODEL), want(OTHER_MODEL)])
    assert lease.model == OTHER_MODEL


async def test_shares_of_one_model_do_not_count_in_another(queue: Queue) -> None:
    await submit_many(queue, 50, "ada", model=MODEL)
    await drain(queue)
    await submit_many(queue, 2, "ada", model=OTHER_MODEL)
    await submit_many(queue, 2, "bob", model=OTHER_MODEL)
    order = await drain(queue, [want(OTHER_MODEL)])
    assert [(await queue.get(job_id, None)).key_id for job_id in order] == ["ada", "bob", "ada", "bob"]


# Many at once


async def test_workers_that_claim_at_once_never_get_the_same_job(queue: Queue) -> None:
    submitted = await submit_many(queue, 200)
    taken = await asyncio.gather(*(claim(queue, 7, worker=f"worker-{n}") for n in range(40)))
    job_ids = [lease.job_id for leases in taken for lease in leases]
    assert sorted(job_ids) == sorted(submitted)
    assert len({lease.token for leases in taken for lease in leases}) == 200


async def test_a_finished_job_and_a_prefetched_one_are_not_claimed_again(queue: Queue) -> None:
    await submit_many(queue, 2)
    await queue.finish(ref(await claim_one(queue)), DONE)
    await prefetch_one(queue)
    assert await claim(queue, 5, worker="worker-2") == []


async def test_a_high_job_goes_ahead_of_the_only_one_that_waits(queue: Queue) -> None:
    normal = await submit(queue)
    high = await submit(queue, level=0)
    low = await submit(queue, level=2)
    assert [lease.job_id for lease in await claim(queue, 3)] == [high, normal, low]

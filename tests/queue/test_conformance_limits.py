"""What keys and models may take: rates, waiting and running limits, budgets; and fair shares beside a flood."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from queue_implementations import OpenQueue
from queue_scene import (
    BROKEN,
    DONE,
    MODEL,
    OTHER_MODEL,
    PLENTY,
    TERMS,
    TRY_AGAIN,
    Clock,
    all_jobs,
    claim,
    claim_one,
    drain,
    new_job,
    news,
    output,
    ref,
    submit,
    submit_many,
    want,
)

from officina.errors import BudgetSpent, InvalidInput, QueueFull, RateLimited, UnknownRequest
from officina.job import Outcome
from officina.keys import KeyChange, KeyLimits, mint
from officina.queue.protocol import Queue, Want

DAY_S = 86400


async def add_key(queue: Queue, key_id: str = "ada", **limits: Any) -> None:
    """Store a key of this id with these limits."""
    key, _ = mint(key_id, ("caller",))
    await queue.add_key(msgspec.structs.replace(key, id=key_id, limits=KeyLimits(**limits)))


async def limit(queue: Queue, key_id: str = "ada", **limits: Any) -> None:
    """Change some limits of a key."""
    await queue.change_key(key_id, KeyChange(limits=limits))


def capped(most: int, model: str = MODEL) -> Want:
    """A model of which so many jobs may run."""
    return Want(model, "collage", max_running=most)


def made(count: int, cost_usd: float = 0.0) -> Outcome:
    return Outcome("succeeded", outputs=tuple(output(n) for n in range(count)), cost_usd=cost_usd)


# Rate


async def test_a_key_may_submit_a_burst_and_then_at_its_rate(queue: Queue, clock: Clock) -> None:
    await add_key(queue, rate_per_min=60, burst=3)
    await submit_many(queue, 3)
    with pytest.raises(RateLimited) as refused:
        await submit(queue)
    assert refused.value.retry_after == 1
    assert refused.value.headers == {
        "RateLimit-Limit": "3",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "3",
    }
    clock.forward(0.9)
    with pytest.raises(RateLimited):
        await submit(queue)
    clock.forward(0.1)
    await submit(queue)
    with pytest.raises(RateLimited):
        await submit(queue)


async def test_each_answer_says_what_is_left(queue: Queue, clock: Clock) -> None:
    await add_key(queue, rate_per_min=30, burst=2)
    first = await queue.submit(new_job(), PLENTY)
    assert first.allowance is not None
    assert (first.allowance.limit, first.allowance.remaining, first.allowance.reset_s) == (2, 1, 2.0)
    clock.forward(2.0)
    again = await queue.submit(new_job(), PLENTY)
    assert again.allowance == first.allowance
    assert (await queue.submit(new_job("bob"), PLENTY)).allowance is None


async def test_without_a_burst_a_minutes_worth_may_come_at_once(queue: Queue) -> None:
    await add_key(queue, rate_per_min=5)
    await submit_many(queue, 5)
    with pytest.raises(RateLimited):
        await submit(queue)


async def test_a_refused_submit_costs_nothing_and_leaves_nothing(queue: Queue, clock: Clock) -> None:
    await add_key(queue, rate_per_min=60, burst=1)
    await submit(queue)
    for _ in range(50):
        with pytest.raises(RateLimited):
            await queue.submit(new_job(idempotency_key="late"), PLENTY)
    assert len(await all_jobs(queue)) == 1
    assert await queue.replay("ada", "late", b"") is None
    clock.forward(1.0)
    await queue.submit(new_job(idempotency_key="late"), PLENTY)


async def test_a_submit_that_may_not_wait_does_not_count_for_the_rate(queue: Queue) -> None:
    await add_key(queue, rate_per_min=60, burst=2, max_waiting=1)
    await submit(queue)
    with pytest.raises(QueueFull):
        await submit(queue)
    await claim_one(queue)
    await submit(queue)


async def test_a_repeated_submit_is_neither_refused_nor_counted(queue: Queue) -> None:
    await add_key(queue, rate_per_min=60, burst=2, max_waiting=2, daily_outputs=2)
    job = new_job(idempotency_key="order-7")
    first = await queue.submit(job, PLENTY)
    for _ in range(5):
        assert (await queue.submit(new_job(idempotency_key="order-7"), PLENTY)).id == first.id
    await submit(queue)
    assert (await queue.submit(new_job(idempotency_key="order-7"), PLENTY)).replayed


async def test_the_rate_is_remembered_when_the_queue_is_opened_anew(open_queue: OpenQueue) -> None:
    queue = await open_queue()
    await add_key(queue, rate_per_min=1, burst=1)
    await submit(queue)
    await queue.close()
    with pytest.raises(RateLimited):
        await submit(await open_queue())


async def test_many_submits_at_once_are_let_in_exactly_as_many_as_may(queue: Queue) -> None:
    await add_key(queue, rate_per_min=1, burst=7)
    answers = await asyncio.gather(*(submit(queue) for _ in range(40)), return_exceptions=True)
    assert sum(isinstance(each, str) for each in answers) == 7
    assert all(isinstance(each, str | RateLimited) for each in answers)


# Waiting


async def test_a_keys_own_bound_on_what_waits_goes_before_the_usual_one(queue: Queue) -> None:
    await add_key(queue, max_waiting=2)
    await submit_many(queue, 2)
    with pytest.raises(QueueFull):
        await queue.submit(new_job(), PLENTY)
    await limit(queue, max_waiting=3)
    await queue.submit(new_job(), 1)
    await limit(queue, max_waiting=None)
    with pytest.raises(QueueFull):
        await queue.submit(new_job(), 3)
    await queue.submit(new_job(), 4)


# Running


async def test_a_key_runs_no_more_than_it_may_and_others_go_ahead(queue: Queue) -> None:
    await add_key(queue, "ada", max_running=2)
    await submit_many(queue, 5, "ada")
    bobs = await submit_many(queue, 2, "bob")
    leases = await claim(queue, 10)
    assert [lease.job_id for lease in leases[-1:]] == bobs[-1:]
    assert len(leases) == 4
    assert {lease.job_id for lease in leases} >= set(bobs)
    assert await claim(queue, 10) == []
    mine = next(lease for lease in leases if lease.job_id not in bobs)
    await queue.finish(ref(mine), DONE)
    assert len(await claim(queue, 10)) == 1


async def test_two_workers_that_claim_at_once_stay_within_the_limits(queue: Queue) -> None:
    await add_key(queue, "ada", max_running=3)
    await submit_many(queue, 20, "ada")
    asked = [claim(queue, 2, worker=f"worker-{n}") for n in range(10)]
    got = await asyncio.gather(*asked)
    assert sum(len(leases) for leases in got) == 3
    await submit_many(queue, 20, "bob", model=OTHER_MODEL)
    asked = [claim(queue, 2, worker=f"worker-{n}", wants=[capped(5, OTHER_MODEL)]) for n in range(10)]
    got = await asyncio.gather(*asked)
    assert sum(len(leases) for leases in got) == 5


@pytest.mark.parametrize("end", ["finish", "fail", "retry", "hand back", "lose", "expire"])
async def test_every_end_of_a_lease_makes_room(queue: Queue, clock: Clock, end: str) -> None:
    await add_key(queue, max_running=1)
    await submit_many(queue, 2)
    lease = await claim_one(queue)
    assert await claim(queue) == []
    if end in ("finish", "fail", "retry"):
        await queue.finish(ref(lease), {"finish": DONE, "fail": BROKEN, "retry": TRY_AGAIN}[end])
    elif end == "hand back":
        await queue.hand_back([ref(lease)])
    elif end == "lose":
        await queue.lose("worker-1")
    else:
        clock.forward(TERMS.lease_s + 1)
        await queue.sweep()
    await claim_one(queue)
    assert await claim(queue) == []


async def test_a_model_runs_no_more_than_it_may(queue: Queue) -> None:
    await submit_many(queue, 4, "ada")
    await submit_many(queue, 2, "ada", model=OTHER_MODEL)
    leases = await claim(queue, 10, wants=[capped(1), want(OTHER_MODEL)])
    assert sorted(lease.model for lease in leases) == sorted([MODEL, OTHER_MODEL, OTHER_MODEL])
    assert await claim(queue, 10, wants=[capped(1)]) == []
    assert len(await claim(queue, 10, wants=[capped(3)])) == 2


async def test_what_has_a_limit_is_not_fetched_ahead_of_its_start(queue: Queue) -> None:
    await add_key(queue, "ada", max_running=2)
    await submit_many(queue, 2, "ada")
    (started,) = await claim(queue, 2, idle=1)
    assert started.started
    assert len(await claim(queue, worker="worker-2")) == 1
    await submit_many(queue, 2, "bob")
    assert len(await claim(queue, 2, idle=1, wants=[capped(9)])) == 1


async def test_nothing_is_fetched_ahead_past_a_job_of_a_limited_key(queue: Queue) -> None:
    await add_key(queue, "ada", max_running=1)
    await submit_many(queue, 2, "ada")
    first, second = await submit_many(queue, 2, "bob")
    assert await claim(queue, 3, idle=0) == []
    started = await claim(queue, 3, idle=2)  # ada's one, and past her second bob's first; no more ahead
    assert [lease.job_id for lease in started[1:]] == [first]
    assert await claim(queue, 3, idle=0) == []
    assert [lease.job_id for lease in await claim(queue, 3, idle=1)] == [second]


async def test_the_limits_hold_when_the_queue_is_opened_anew(open_queue: OpenQueue) -> None:
    queue = await open_queue()
    await add_key(queue, max_running=1)
    await submit_many(queue, 2)
    lease = await claim_one(queue)
    await queue.close()
    queue = await open_queue()
    assert await claim(queue) == []
    await queue.finish(ref(lease), DONE)
    await claim_one(queue)


async def test_limits_of_the_terms_hold_for_keys_without_their_own(open_queue: OpenQueue) -> None:
    queue = await open_queue(msgspec.structs.replace(TERMS, limits=KeyLimits(max_running=1)))
    await add_key(queue, "bob", max_running=2)
    await submit_many(queue, 3, "ada")
    await submit_many(queue, 3, "bob")
    assert len(await claim(queue, 10)) == 3


async def test_a_worker_that_waits_hears_that_there_is_room(queue: Queue) -> None:
    await add_key(queue, max_running=1)
    await submit(queue)
    await submit(queue, model=OTHER_MODEL)
    lease = await claim_one(queue)
    with queue.wakes.listen(f"model:{OTHER_MODEL}") as listener:
        await queue.finish(ref(lease), DONE)
        assert await listener.wait(10.0)


async def test_a_changed_limit_holds_from_the_next_claim(queue: Queue) -> None:
    await add_key(queue, max_running=1)
    await submit_many(queue, 5)
    assert len(await claim(queue, 10)) == 1
    with queue.wakes.listen(f"model:{MODEL}") as listener:
        await limit(queue, max_running=3)
        assert await listener.wait(10.0)
    assert len(await claim(queue, 10)) == 2
    await limit(queue, max_running=None)
    assert len(await claim(queue, 10)) == 2


# Fairness


async def test_a_light_key_starts_by_the_next_slot_behind_ten_thousand_of_a_heavy_one(queue: Queue) -> None:
    await submit_many(queue, 10_000, "heavy")
    await claim(queue, 8)
    mine = await submit(queue, "light")
    assert mine in [lease.job_id for lease in await claim(queue, 2)]


async def test_a_key_at_its_limit_with_ten_thousand_at_the_head_holds_nobody_up(queue: Queue) -> None:
    await add_key(queue, "heavy", max_running=1)
    await submit_many(queue, 10_000, "heavy")
    heavy = await claim_one(queue)
    for round_ in range(300):  # virtual time goes far past the head of the heavy key
        owner = f"light-{round_ % 3}"
        mine = await submit(queue, owner)
        lease = await claim_one(queue)
        assert lease.job_id == mine
        await queue.finish(ref(lease), DONE)
    await queue.finish(ref(heavy), DONE)
    (lease,) = await claim(queue)
    assert (await queue.get(lease.job_id, None)).key_id == "heavy"


async def test_those_behind_a_key_at_its_limit_keep_their_fair_order(queue: Queue) -> None:
    await add_key(queue, "heavy", max_running=1)
    await submit_many(queue, 200, "heavy")
    await claim_one(queue)
    heavier = await submit_many(queue, 4, "bob", weight=2.0)
    lighter = await submit_many(queue, 2, "cyd")
    order = await drain(queue)
    assert order == [heavier[0], heavier[1], lighter[0], heavier[2], heavier[3], lighter[1]]


async def test_priorities_hold_within_a_key_that_is_limited(queue: Queue) -> None:
    await add_key(queue, max_running=1)
    await submit(queue, level=2)
    await submit(queue)
    high = await submit(queue, level=0)
    lease = await claim_one(queue)
    assert lease.job_id == high


# Budgets


async def test_outputs_of_the_day_are_bounded_with_what_waits_and_runs(queue: Queue) -> None:
    await add_key(queue, daily_outputs=4)
    await submit(queue, most_outputs=2)
    lease = await claim_one(queue)
    await submit(queue, most_outputs=2)
    with pytest.raises(BudgetSpent) as refused:
        await submit(queue)
    assert 0 < (refused.value.retry_after or 0) <= DAY_S
    await queue.finish(ref(lease), made(1))
    await submit(queue)
    with pytest.raises(BudgetSpent):
        await submit(queue)


async def test_money_of_the_day_is_held_at_the_submit_and_settled_at_the_end(queue: Queue) -> None:
    await add_key(queue, daily_usd=0.3)
    for _ in range(3):
        await submit(queue, most_usd=0.1)
    with pytest.raises(BudgetSpent):
        await submit(queue, most_usd=0.01)
    use = (await queue.use(["ada"]))["ada"]
    assert (use.cost_usd, use.held_usd, use.waiting) == (0.0, pytest.approx(0.3), 3)
    await queue.finish(ref(await claim_one(queue)), made(1, cost_usd=0.04))
    use = (await queue.use(["ada"]))["ada"]
    assert (use.cost_usd, use.held_usd) == (pytest.approx(0.04), pytest.approx(0.2))
    await submit(queue, most_usd=0.06)
    with pytest.raises(BudgetSpent):
        await submit(queue, most_usd=0.001)


async def test_what_is_cancelled_or_fails_gives_its_part_back_and_a_retry_keeps_it(queue: Queue) -> None:
    await add_key(queue, daily_outputs=1)
    await queue.cancel(await submit(queue), "ada")
    await submit(queue)
    lease = await claim_one(queue)
    await queue.finish(ref(lease), TRY_AGAIN)
    with pytest.raises(BudgetSpent):
        await submit(queue)
    await queue.cancel(lease.job_id, "ada")
    await submit(queue)
    await queue.finish(ref(await claim_one(queue)), BROKEN)
    await submit(queue)


async def test_the_next_day_has_its_own_budget(queue: Queue, clock: Clock) -> None:
    await add_key(queue, daily_outputs=1)
    await submit(queue)
    await queue.finish(ref(await claim_one(queue)), made(1))
    with pytest.raises(BudgetSpent) as refused:
        await submit(queue)
    clock.forward(refused.value.retry_after or 0)
    await submit(queue)


async def test_a_budget_counts_what_was_there_before_it(open_queue: OpenQueue) -> None:
    queue = await open_queue()
    await add_key(queue)
    await submit_many(queue, 3)
    await claim_one(queue)
    await limit(queue, daily_outputs=3)
    with pytest.raises(BudgetSpent):
        await submit(queue)
    await queue.close()
    queue = await open_queue()
    with pytest.raises(BudgetSpent):
        await submit(queue)


# Changing and reading


async def test_a_key_is_changed_in_what_is_named(queue: Queue) -> None:
    await add_key(queue, rate_per_min=5, max_running=2)
    changed = await queue.change_key(
        "ada", KeyChange(name="Ada B", weight=2.0, limits={"max_running": None, "daily_usd": 3})
    )
    assert changed == (await queue.keys())[0]
    assert (changed.name, changed.weight) == ("Ada B", 2.0)
    assert changed.limits == KeyLimits(rate_per_min=5, daily_usd=3.0)


async def test_a_wrong_change_changes_nothing(queue: Queue) -> None:
    await add_key(queue)
    with pytest.raises(UnknownRequest):
        await queue.change_key("nobody", KeyChange(weight=2.0))
    for wrong in ({"max_running": 0}, {"daily_usd": "much"}, {"colour": 1}):
        with pytest.raises(InvalidInput):
            await queue.change_key("ada", KeyChange(limits=wrong))
    assert (await queue.keys())[0].limits == KeyLimits()


async def test_what_a_key_takes_is_told(queue: Queue) -> None:
    await add_key(queue, rate_per_min=60, burst=10)
    await submit_many(queue, 3)
    await claim_one(queue)
    use = (await queue.use(["ada", "bob"]))["ada"]
    assert (use.waiting, use.running) == (2, 1)
    assert use.allowance is not None
    assert use.allowance.remaining == 7


async def test_a_lease_that_was_fetched_ahead_counts_from_the_lease_on(queue: Queue) -> None:
    await add_key(queue)
    await submit_many(queue, 3)
    (ahead,) = await claim(queue, idle=0)
    await limit(queue, max_running=1)
    assert await claim(queue) == []
    await queue.renew("worker-1", [news(ahead, started=True)])
    assert await claim(queue) == []
    await queue.finish(ref(ahead), DONE)
    await claim_one(queue)

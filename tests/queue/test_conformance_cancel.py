"""Cancelling: what waits is cancelled at once, what runs is only asked to stop, and a race has one winner."""

from __future__ import annotations

import asyncio

import pytest
from queue_scene import (
    BROKEN,
    DONE,
    TRY_AGAIN,
    Clock,
    claim,
    claim_one,
    ended_job,
    news,
    prefetch_one,
    ref,
    state_of,
    submit,
    submit_many,
)

from officina.errors import ForeignRequest, LeaseLost, UnknownRequest
from officina.job import Outcome, new_id
from officina.queue.protocol import Queue


async def test_a_waiting_job_is_cancelled_at_once(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    clock.forward(3)
    answer = await queue.cancel(job_id, "ada")
    assert (answer.job.state, answer.job.finished_at, answer.stopping) == ("cancelled", clock.now, False)
    assert await queue.get(job_id, "ada") == answer.job
    assert [event.kind for event in await queue.events(job_id)] == ["queued", "ended"]
    assert await claim(queue) == []


async def test_a_job_that_waits_for_its_retry_is_cancelled_at_once(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    job = (await queue.cancel(job_id, "ada")).job
    assert (job.state, job.run_at) == ("cancelled", None)
    clock.forward(3600)
    assert (await queue.sweep()).due == 0
    assert await claim(queue) == []


async def test_cancelling_again_answers_as_the_first_time(queue: Queue) -> None:
    job_id = await submit(queue)
    first = await queue.cancel(job_id, "ada")
    assert await queue.cancel(job_id, "ada") == first
    assert await queue.cancel(job_id, "ada", force=True) == first
    assert [event.kind for event in await queue.events(job_id)] == ["queued", "ended"]


async def test_only_the_owner_and_the_admin_cancel(queue: Queue) -> None:
    job_id = await submit(queue, "ada")
    with pytest.raises(ForeignRequest):
        await queue.cancel(job_id, "bob", force=True)
    with pytest.raises(UnknownRequest):
        await queue.cancel(new_id(), "ada")
    assert await state_of(queue, job_id) == "queued"
    assert (await queue.cancel(job_id, None)).job.state == "cancelled"


async def test_a_running_job_is_not_cancelled(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    answer = await queue.cancel(job_id, "ada")
    assert (answer.job.state, answer.stopping) == ("running", False)
    assert (await queue.renew("worker-1", [news(lease)])).stop == ()
    assert (await queue.finish(ref(lease), BROKEN)).state == "failed"


async def test_force_asks_a_running_job_to_stop(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    for _ in range(2):
        answer = await queue.cancel(job_id, "ada", force=True)
        assert (answer.job.state, answer.stopping) == ("running", True)
    assert (await queue.renew("worker-1", [news(lease)])).stop == (job_id,)


async def test_force_cancels_a_waiting_job_at_once(queue: Queue) -> None:
    job_id = await submit(queue)
    answer = await queue.cancel(job_id, "ada", force=True)
    assert (answer.job.state, answer.stopping) == ("cancelled", False)


@pytest.mark.parametrize(("outcome", "state"), [(DONE, "succeeded"), (BROKEN, "failed")])
@pytest.mark.parametrize("force", [False, True])
async def test_an_ended_job_stays_as_it_is(queue: Queue, outcome: Outcome, state: str, force: bool) -> None:
    job = await ended_job(queue, outcome=outcome)
    answer = await queue.cancel(job.id, "ada", force=force)
    assert (answer.job, answer.job.state, answer.stopping) == (job, state, False)


async def test_a_stop_wish_ends_with_its_attempt(queue: Queue) -> None:
    """A job that went back to the queue before the wish has no wish left over for its next run."""
    job_id = await submit(queue)
    await queue.hand_back([ref(await claim_one(queue))])
    lease = await claim_one(queue)
    assert (await queue.renew("worker-1", [news(lease)])).stop == ()
    await queue.cancel(job_id, "ada", force=True)
    await queue.lose("worker-1")
    assert await state_of(queue, job_id) == "cancelled"
    assert (await queue.renew("worker-1", [])).stop == ()


# Leased ahead of its turn


async def test_a_prefetched_job_is_cancelled_and_its_worker_loses_the_lease(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await prefetch_one(queue)
    answer = await queue.cancel(job_id, "ada")
    assert (answer.job.state, answer.stopping) == ("cancelled", False)
    renewal = await queue.renew("worker-1", [news(lease, started=True)])
    assert (renewal.lost, renewal.stop) == ((job_id,), ())
    assert (await queue.get(job_id, None)) == answer.job
    assert await queue.hand_back([ref(lease)]) == 0


async def test_a_prefetched_job_that_was_cancelled_cannot_be_finished(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await prefetch_one(queue)
    cancelled = (await queue.cancel(job_id, "ada")).job
    with pytest.raises(LeaseLost):
        await queue.finish(ref(lease), DONE)
    assert await queue.get(job_id, None) == cancelled


async def test_a_prefetched_job_that_has_started_is_not_cancelled(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await prefetch_one(queue)
    await queue.renew("worker-1", [news(lease, started=True)])
    assert (await queue.cancel(job_id, "ada")).job.state == "running"


# Races


async def test_a_cancel_and_a_claim_that_race_have_one_winner(queue: Queue) -> None:
    for _ in range(20):
        job_ids = await submit_many(queue, 20)
        cancels = [queue.cancel(job_id, "ada") for job_id in job_ids]
        claims = [claim(queue, 1, worker=f"worker-{n}") for n in range(20)]
        mixed = [each for pair in zip(claims, cancels, strict=True) for each in pair]
        await asyncio.gather(*mixed)
        states = {job_id: await state_of(queue, job_id) for job_id in job_ids}
        assert set(states.values()) <= {"running", "cancelled"}
        for job_id in job_ids:
            kinds = [event.kind for event in await queue.events(job_id)]
            assert kinds[1:] == (["started"] if states[job_id] == "running" else ["ended"])


async def test_the_answer_of_a_cancel_that_races_is_the_state_that_stays(queue: Queue) -> None:
    job_ids = await submit_many(queue, 100)
    leases, *answers = await asyncio.gather(
        claim(queue, 50), *(queue.cancel(job_id, "ada") for job_id in job_ids)
    )
    for answer in answers:
        assert await queue.get(answer.job.id, None) == answer.job
    running = {answer.job.id for answer in answers if answer.job.state == "running"}
    assert running == {lease.job_id for lease in leases}


async def test_a_forced_cancel_and_a_finish_that_race_give_one_end(queue: Queue) -> None:
    job_ids = await submit_many(queue, 60)
    leases = await claim(queue, 60)
    outcomes = [DONE, BROKEN, TRY_AGAIN] * 20
    work = [queue.finish(ref(lease), outcome) for lease, outcome in zip(leases, outcomes, strict=True)]
    stops = [queue.cancel(job_id, "ada", force=True) for job_id in job_ids]
    await asyncio.gather(*(each for pair in zip(stops, work, strict=True) for each in pair))
    for job_id in job_ids:
        kinds = [event.kind for event in await queue.events(job_id)]
        assert kinds.count("ended") == 1
        assert kinds[-1] == "ended"
    assert (await queue.renew("worker-1", [])).stop == ()

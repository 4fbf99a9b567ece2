"""The end of an attempt: committed once, answered the same again, retried with delay up to a cap."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from queue_scene import (
    BROKEN,
    DONE,
    STOPPED,
    TERMS,
    TRY_AGAIN,
    Clock,
    claim,
    claim_one,
    ended_job,
    output,
    prefetch_one,
    ref,
    state_of,
    submit,
    submit_many,
)

from officina.errors import LeaseLost
from officina.job import Failure, Job, LeaseRef, Outcome
from officina.queue.protocol import Queue

STRANGER = "0" * 32


async def fail_and_wait(queue: Queue, clock: Clock) -> Job:
    """Fail the next job so that it is tried again, and let its delay pass; the job as it was put back."""
    job = await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    assert job.run_at is not None
    clock.forward(job.run_at - clock.now)
    await queue.sweep()
    return job


# Ending


async def test_a_success_shows_its_outputs_notes_and_cost(queue: Queue, clock: Clock) -> None:
    await submit(queue)
    lease = await claim_one(queue)
    clock.forward(7)
    outputs = (output(0), output(1, suffix=".jpg"), output(2, kind="video", suffix=".mp4"))
    outcome = Outcome("succeeded", outputs, {"seed": 7}, run_s=6.5, cost_usd=0.03)
    job = await queue.finish(ref(lease), outcome)
    assert (job.state, job.finished_at, job.cost_usd, job.error) == ("succeeded", clock.now, 0.03, None)
    assert msgspec.json.decode(job.notes or b"") == {"seed": 7}
    names = msgspec.json.decode(job.output or b"")
    assert [name[-4:] for name in names["images"]] == [".png", ".jpg"]
    assert [name[-4:] for name in names["videos"]] == [".mp4"]
    assert await queue.get(job.id, "ada") == job


async def test_the_notes_of_the_submit_and_of_the_engine_are_shown_together(queue: Queue) -> None:
    submitted = b'{"ignored":["seed"],"seed":1}'
    job = await ended_job(queue, outcome=Outcome("succeeded", notes={"seed": 7}), notes=submitted)
    assert msgspec.json.decode(job.notes or b"") == {"ignored": ["seed"], "seed": 7}
    job = await ended_job(queue, outcome=BROKEN, notes=submitted)
    assert job.notes == submitted
    assert (await ended_job(queue)).notes is None


async def test_outputs_are_kept_under_the_job_and_the_attempt(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    await fail_and_wait(queue, clock)
    job = await queue.finish(ref(await claim_one(queue)), Outcome("succeeded", (output(0), output(1))))
    names = [name.removesuffix(".png") for name in msgspec.json.decode(job.output or b"")["images"]]
    files = [await queue.file(name) for name in names]
    assert [file.store_key for file in files] == [f"jobs/{job_id}/2/0.png", f"jobs/{job_id}/2/1.png"]
    assert {(file.job_id, file.key_id) for file in files} == {(job_id, "ada")}
    assert {len(name) for name in names} == {32}
    assert await queue.known_store_keys([*(file.store_key for file in files), "jobs/x/1/0.png"]) == {
        file.store_key for file in files
    }


async def test_a_failure_shows_its_error_and_is_not_tried_again(queue: Queue) -> None:
    failure = Failure("not_understood", "The prompt asks for a sound.", {"words": ["sound"]})
    job = await ended_job(queue, outcome=Outcome("failed", failure=failure))
    assert (job.state, job.output, job.attempts) == ("failed", None, 1)
    assert msgspec.json.decode(job.error or b"", type=Failure) == failure
    assert await claim(queue) == []


async def test_a_failure_without_a_reason_still_shows_an_error(queue: Queue) -> None:
    job = await ended_job(queue, outcome=Outcome("failed"))
    assert msgspec.json.decode(job.error or b"", type=Failure).message


async def test_a_run_that_was_stopped_is_cancelled(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    await queue.cancel(job_id, "ada", force=True)
    assert (await queue.finish(ref(lease), STOPPED)).state == "cancelled"


@pytest.mark.parametrize(
    ("outcome", "state"), [(DONE, "succeeded"), (BROKEN, "cancelled"), (TRY_AGAIN, "cancelled")]
)
async def test_under_a_stop_wish_a_success_counts_and_a_failure_is_a_cancel(
    queue: Queue, outcome: Outcome, state: str
) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    await queue.cancel(job_id, "ada", force=True)
    assert (await queue.finish(ref(lease), outcome)).state == state


@pytest.mark.parametrize(
    ("outcome", "status"), [(DONE, "succeeded"), (BROKEN, "failed"), (STOPPED, "cancelled")]
)
async def test_the_last_event_says_how_the_job_ended(queue: Queue, outcome: Outcome, status: str) -> None:
    job = await ended_job(queue, outcome=outcome)
    events = await queue.events(job.id)
    assert [event.kind for event in events] == ["queued", "started", "ended"]
    assert events[-1].data == {"status": status}


# Once


@pytest.mark.parametrize("outcome", [DONE, BROKEN, STOPPED, TRY_AGAIN])
async def test_the_same_token_again_gets_the_same_answer(queue: Queue, outcome: Outcome) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    first = await queue.finish(ref(lease), outcome)
    events = await queue.events(job_id)
    for later in (outcome, DONE, BROKEN, TRY_AGAIN):
        assert await queue.finish(ref(lease), later) == first
    assert await queue.events(job_id) == events
    assert sum(day.succeeded + day.failed + day.cancelled for day in await queue.usage("2000", "2999")) <= 1


async def test_finishing_many_times_at_once_ends_the_job_once(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    outcomes = [DONE, BROKEN, STOPPED] * 10
    answers = await asyncio.gather(*(queue.finish(ref(lease), outcome) for outcome in outcomes))
    assert all(answer == answers[0] for answer in answers)
    assert [event.kind for event in await queue.events(job_id)] == ["queued", "started", "ended"]


async def test_a_wrong_token_and_an_unknown_job_have_no_lease(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    for wrong in (LeaseRef(job_id, STRANGER), LeaseRef("no-such-job", lease.token), LeaseRef(job_id, "")):
        with pytest.raises(LeaseLost):
            await queue.finish(wrong, DONE)
    assert await state_of(queue, job_id) == "running"


async def test_a_job_that_was_never_claimed_cannot_be_finished(queue: Queue) -> None:
    job_id = await submit(queue)
    with pytest.raises(LeaseLost):
        await queue.finish(LeaseRef(job_id, ""), DONE)
    assert await state_of(queue, job_id) == "queued"


async def test_a_prefetched_job_can_be_finished_without_having_started(queue: Queue) -> None:
    await submit(queue)
    job = await queue.finish(ref(await prefetch_one(queue)), BROKEN)
    assert (job.state, job.started_at) == ("failed", None)
    assert not job.waiting


async def test_an_expired_lease_that_was_not_swept_can_finish(queue: Queue, clock: Clock) -> None:
    await submit(queue)
    lease = await claim_one(queue)
    clock.forward(10 * TERMS.lease_s)
    assert (await queue.finish(ref(lease), DONE)).state == "succeeded"


async def test_a_swept_lease_cannot_finish(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    clock.forward(TERMS.lease_s + 1)
    await queue.sweep()
    with pytest.raises(LeaseLost):
        await queue.finish(ref(lease), DONE)
    assert await state_of(queue, job_id) == "queued"


async def test_a_lease_swept_at_the_cap_cannot_finish(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue, max_attempts=1)
    lease = await claim_one(queue)
    clock.forward(TERMS.lease_s + 1)
    await queue.sweep()
    with pytest.raises(LeaseLost):
        await queue.finish(ref(lease), DONE)
    assert await state_of(queue, job_id) == "failed"


async def test_the_late_result_of_an_earlier_attempt_is_refused(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    zombie = await claim_one(queue)
    clock.forward(TERMS.lease_s + 1)
    await queue.sweep()
    clock.forward(TERMS.retry_most_s)
    await queue.sweep()
    alive = await claim_one(queue, worker="worker-2")
    with pytest.raises(LeaseLost):
        await queue.finish(ref(zombie), DONE)
    assert await state_of(queue, job_id) == "running"
    job = await queue.finish(ref(alive), BROKEN)
    with pytest.raises(LeaseLost):
        await queue.finish(ref(zombie), DONE)
    assert await queue.get(job_id, None) == job


# Again


async def test_a_retry_waits_for_its_delay_and_is_then_claimed(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    job = await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    assert (job.state, job.attempts, job.started_at, job.finished_at) == ("queued", 1, None, None)
    assert job.run_at is not None
    clock.forward(job.run_at - clock.now - 0.01)
    assert (await queue.sweep()).due == 0
    assert await claim(queue) == []
    clock.forward(0.02)
    assert (await queue.sweep()).due == 1
    lease = await claim_one(queue)
    assert (lease.job_id, lease.attempt) == (job_id, 2)


async def test_delays_double_with_each_attempt_up_to_a_most(queue: Queue, clock: Clock) -> None:
    await submit(queue, max_attempts=12)
    for attempt in range(1, 12):
        job = await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
        assert job.run_at is not None
        nominal = min(TERMS.retry_most_s, TERMS.retry_base_s * 2 ** (attempt - 1))
        assert 0.5 * nominal <= job.run_at - clock.now <= 1.5 * nominal
        clock.forward(job.run_at - clock.now)
        await queue.sweep()


async def test_jobs_that_fail_together_are_not_tried_again_together(queue: Queue) -> None:
    await submit_many(queue, 20)
    leases = await claim(queue, 20)
    jobs = await asyncio.gather(*(queue.finish(ref(lease), TRY_AGAIN) for lease in leases))
    assert len({job.run_at for job in jobs}) > 15


async def test_attempts_stop_at_the_cap_with_the_last_reason(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue, max_attempts=3)
    await fail_and_wait(queue, clock)
    await fail_and_wait(queue, clock)
    job = await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    assert (job.state, job.attempts, job.run_at) == ("failed", 3, None)
    assert msgspec.json.decode(job.error or b"", type=Failure).type == "engine_crashed"
    assert (await queue.events(job_id))[-1].kind == "ended"


async def test_events_tell_why_each_attempt_ended(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    await fail_and_wait(queue, clock)
    await claim_one(queue)
    clock.forward(TERMS.lease_s + 1)
    await queue.sweep()
    clock.forward(TERMS.retry_most_s)
    await queue.sweep()
    await queue.finish(ref(await claim_one(queue)), DONE)
    events = await queue.events(job_id)
    kinds = ["queued", "started", "queued", "started", "queued", "started", "ended"]
    assert [event.kind for event in events] == kinds
    again = [(event.data["attempt"], event.data["reason"]) for event in events[1:] if event.kind == "queued"]
    assert again == [(1, "engine_crashed"), (2, "worker_lost")]
    starts = [event.data["attempt"] for event in events if event.kind == "started"]
    assert starts == [1, 2, 3]


async def test_the_error_of_an_earlier_attempt_is_gone_when_a_later_one_succeeds(
    queue: Queue, clock: Clock
) -> None:
    await submit(queue)
    await fail_and_wait(queue, clock)
    job = await queue.finish(ref(await claim_one(queue)), DONE)
    assert (job.state, job.error, job.attempts) == ("succeeded", None, 2)

"""Leases: claimed once, renewed, lost, handed back; what a worker says of them."""

from __future__ import annotations

import msgspec
import pytest
from queue_implementations import OpenQueue
from queue_scene import (
    BROKEN,
    DONE,
    TERMS,
    TRY_AGAIN,
    Clock,
    claim,
    claim_one,
    news,
    prefetch_one,
    ref,
    state_of,
    submit,
    submit_many,
    want,
)

from officina.errors import LeaseLost
from officina.job import Lease, LeaseRef, Renewal, new_secret
from officina.queue.protocol import Queue, Taker, Want

STRANGER = "0" * 32


# Claiming


async def test_a_claim_gives_the_first_attempt_and_counts_it(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    job = await queue.get(job_id, None)
    assert (lease.job_id, lease.attempt, lease.started) == (job_id, 1, True)
    assert (job.state, job.attempts, job.started_at, job.engine) == ("running", 1, clock.now, "collage")
    assert not job.waiting
    assert len(lease.token) == 32


async def test_the_same_nonce_gives_the_same_leases(queue: Queue) -> None:
    await submit_many(queue, 5)
    taker = Taker("worker-1", new_secret(), n=2, idle=1)
    first = await queue.claim(taker, [want()])
    again = await queue.claim(taker, [want()])
    assert list(again) == list(first)
    assert [lease.started for lease in again] == [True, False]
    assert (await queue.depth())[want().model].running == 2


async def test_a_new_nonce_gives_other_leases(queue: Queue) -> None:
    await submit_many(queue, 2)
    first, second = await claim_one(queue), await claim_one(queue)
    assert first.job_id != second.job_id
    assert first.token != second.token


async def test_a_nonce_belongs_to_its_worker(queue: Queue) -> None:
    await submit_many(queue, 2)
    nonce = new_secret()
    (first,) = await queue.claim(Taker("worker-1", nonce), [want()])
    (second,) = await queue.claim(Taker("worker-2", nonce), [want()])
    assert first.job_id != second.job_id


async def test_a_nonce_is_remembered_after_a_reopen(open_queue: OpenQueue) -> None:
    queue = await open_queue()
    await submit_many(queue, 3)
    taker = Taker("worker-1", new_secret(), n=2, idle=1)
    first = await queue.claim(taker, [want()])
    await queue.close()
    assert list(await (await open_queue()).claim(taker, [want()])) == list(first)


async def test_leases_beyond_the_idle_slots_are_held_but_still_wait(queue: Queue) -> None:
    await submit_many(queue, 3)
    started, ahead = await claim(queue, 2, idle=1)
    assert (started.started, ahead.started) == (True, False)
    job = await queue.get(ahead.job_id, None)
    assert (job.state, job.started_at, job.waiting, job.attempts) == ("running", None, True, 1)
    assert job.status_word() == "in_queue"
    assert (await queue.position(job)).place == 1


async def test_a_prefetched_job_starts_when_its_worker_says_so(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    lease = await prefetch_one(queue)
    clock.forward(5)
    assert await queue.renew("worker-1", [news(lease, started=True)]) == Renewal()
    started_at = clock.now
    clock.forward(5)
    await queue.renew("worker-1", [news(lease, started=True)])
    job = await queue.get(job_id, None)
    assert (job.started_at, job.waiting, job.status_word()) == (started_at, False, "in_progress")
    assert [event.kind for event in await queue.events(job_id)] == ["queued", "started"]


async def test_a_lease_can_be_read_by_its_token_while_it_is_held(queue: Queue) -> None:
    await submit(queue)
    lease = await claim_one(queue)
    assert await queue.leased(ref(lease)) == lease
    for wrong in (LeaseRef(lease.job_id, STRANGER), LeaseRef("no-such-job", lease.token)):
        with pytest.raises(LeaseLost):
            await queue.leased(wrong)
    await queue.finish(ref(lease), DONE)
    with pytest.raises(LeaseLost):
        await queue.leased(ref(lease))


# Renewing


async def test_a_renewed_lease_does_not_run_out(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    for _ in range(10):
        clock.forward(TERMS.lease_s - 1)
        assert await queue.renew("worker-1", [news(lease)]) == Renewal()
        await queue.sweep()
    assert await state_of(queue, job_id) == "running"
    clock.forward(TERMS.lease_s + 1)
    assert (await queue.sweep()).retried == 1
    assert await state_of(queue, job_id) == "queued"


async def test_a_renewal_names_the_leases_that_are_lost(queue: Queue, clock: Clock) -> None:
    await submit_many(queue, 3)
    kept, ended, swept = await claim(queue, 3)
    await queue.finish(ref(ended), DONE)
    clock.forward(TERMS.lease_s - 1)
    await queue.renew("worker-1", [news(kept)])
    clock.forward(2)
    await queue.sweep()
    stranger = Lease("no-such-job", STRANGER, 1, "", "", b"", started=True)
    said = [news(lease) for lease in (kept, ended, swept, stranger)]
    assert await queue.renew("worker-1", said) == Renewal(lost=(ended.job_id, swept.job_id, "no-such-job"))


async def test_the_token_of_an_earlier_attempt_renews_nothing(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    earlier = await claim_one(queue)
    await queue.hand_back([ref(earlier)])
    lease = await claim_one(queue)
    clock.forward(TERMS.lease_s - 1)
    answer = await queue.renew("worker-1", [news(earlier, events=(("log", {"line": "late"}),))])
    assert answer.lost == (job_id,)
    clock.forward(2)
    assert (await queue.sweep()).retried == 1
    assert "log" not in {event.kind for event in await queue.events(job_id)}
    assert lease.token != earlier.token


async def test_a_lost_lease_can_say_nothing_of_the_job(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    await queue.hand_back([ref(lease)])
    before = await queue.events(job_id)
    answer = await queue.renew("worker-1", [news(lease, started=True, events=(("log", {"line": "late"}),))])
    assert answer.lost == (job_id,)
    assert await queue.events(job_id) == before
    assert (await queue.get(job_id, None)).started_at is None


async def test_an_expired_lease_that_was_not_swept_can_be_renewed(queue: Queue, clock: Clock) -> None:
    await submit(queue)
    lease = await claim_one(queue)
    clock.forward(10 * TERMS.lease_s)
    assert await queue.renew("worker-1", [news(lease)]) == Renewal()
    assert (await queue.sweep()).retried == 0


async def test_a_stop_wish_reaches_the_worker_of_the_job_with_any_renewal(queue: Queue) -> None:
    await submit_many(queue, 3)
    first, second = await claim(queue, 2)
    other = await claim_one(queue, worker="worker-2")
    await queue.cancel(first.job_id, "ada", force=True)
    assert await queue.renew("worker-1", [news(second)]) == Renewal(stop=(first.job_id,))
    assert await queue.renew("worker-1", []) == Renewal(stop=(first.job_id,))
    assert await queue.renew("worker-2", [news(other)]) == Renewal()
    assert await queue.renew("worker-2", []) == Renewal()


async def test_events_of_a_run_are_numbered_in_the_order_they_were_said(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    submitted_at = clock.now
    clock.forward(1)
    lease = await claim_one(queue)
    clock.forward(1)
    said = (("progress", {"fraction": 0.5}), ("log", {"line": "half"}), ("progress", {"fraction": 1.0}))
    await queue.renew("worker-1", [news(lease, events=said)])
    clock.forward(1)
    await queue.finish(ref(lease), DONE)
    events = await queue.events(job_id)
    kinds = ["queued", "started", "progress", "log", "progress", "ended"]
    assert [event.n for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.kind for event in events] == kinds
    assert [event.at - submitted_at for event in events] == [0, 1, 2, 2, 2, 3]
    assert [event.data for event in events[2:5]] == [data for _, data in said]
    assert await queue.events(job_id, after=4) == events[4:]
    assert await queue.events(job_id, after=6) == []


# Handing back


async def test_a_lease_handed_back_gives_its_attempt_back(queue: Queue) -> None:
    job_id = await submit(queue, max_attempts=1)
    for _ in range(5):
        lease = await claim_one(queue)
        assert lease.attempt == 1
        assert await queue.hand_back([ref(lease)]) == 1
        job = await queue.get(job_id, None)
        assert (job.state, job.attempts, job.run_at, job.started_at) == ("queued", 0, None, None)
    job = await queue.finish(ref(await claim_one(queue)), DONE)
    assert job.state == "succeeded"


async def test_only_leases_still_held_are_handed_back(queue: Queue) -> None:
    await submit_many(queue, 3)
    held, ended, back = await claim(queue, 3)
    await queue.finish(ref(ended), DONE)
    await queue.hand_back([ref(back)])
    refs = [ref(held), ref(ended), ref(back), LeaseRef(held.job_id, STRANGER), LeaseRef("none", STRANGER)]
    assert await queue.hand_back(refs) == 1
    assert await queue.hand_back(refs) == 0
    assert await state_of(queue, ended.job_id) == "succeeded"
    assert (await queue.get(held.job_id, None)).attempts == 0


async def test_a_lease_handed_back_under_a_stop_wish_ends_the_job(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    await queue.cancel(job_id, "ada", force=True)
    assert await queue.hand_back([ref(lease)]) == 1
    assert await state_of(queue, job_id) == "cancelled"


async def test_a_lease_handed_back_cannot_finish_the_job(queue: Queue) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    await queue.hand_back([ref(lease)])
    with pytest.raises(LeaseLost):
        await queue.finish(ref(lease), DONE)
    assert await state_of(queue, job_id) == "queued"


# Running out


async def test_a_lease_that_runs_out_lets_another_worker_try(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    dead = await claim_one(queue)
    clock.forward(TERMS.lease_s + 1)
    assert (await queue.sweep()).retried == 1
    job = await queue.get(job_id, None)
    assert (job.state, job.attempts) == ("queued", 1)
    assert job.run_at is not None
    clock.forward(job.run_at - clock.now)
    assert (await queue.sweep()).due == 1
    lease = await claim_one(queue, worker="worker-2")
    assert (lease.job_id, lease.attempt, lease.token == dead.token) == (job_id, 2, False)


async def test_a_job_that_kills_every_worker_fails_at_the_cap(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue, max_attempts=3)
    for attempt in (1, 2, 3):
        assert (await claim_one(queue)).attempt == attempt
        clock.forward(TERMS.lease_s + 1)
        swept = await queue.sweep()
        assert (swept.retried, swept.failed) == ((1, 0) if attempt < 3 else (0, 1))
        clock.forward(TERMS.retry_most_s * 2)
        await queue.sweep()
    job = await queue.get(job_id, None)
    assert (job.state, job.attempts) == ("failed", 3)
    assert b'"worker_lost"' in (job.error or b"")
    assert await claim(queue) == []


async def test_a_lease_that_runs_out_under_a_stop_wish_ends_cancelled(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    await claim_one(queue)
    await queue.cancel(job_id, "ada", force=True)
    clock.forward(TERMS.lease_s + 1)
    assert (await queue.sweep()).cancelled == 1
    assert await state_of(queue, job_id) == "cancelled"


async def test_a_prefetched_lease_that_runs_out_goes_back_too(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    await prefetch_one(queue)
    clock.forward(TERMS.lease_s + 1)
    assert (await queue.sweep()).retried == 1
    assert await state_of(queue, job_id) == "queued"


async def test_nothing_is_swept_in_the_first_lease_time_after_a_start(
    open_queue: OpenQueue, clock: Clock
) -> None:
    before = await open_queue()
    job_id = await submit(before)
    await claim_one(before)
    await before.close()
    clock.forward(3600)
    queue = await open_queue()
    clock.forward(TERMS.lease_s - 1)
    assert (await queue.sweep()).retried == 0
    assert await state_of(queue, job_id) == "running"
    clock.forward(2)
    assert (await queue.sweep()).retried == 1


async def test_a_worker_that_outlived_the_gateway_keeps_its_lease(
    open_queue: OpenQueue, clock: Clock
) -> None:
    before = await open_queue()
    await submit_many(before, 2)
    renewed, finished = await claim(before, 2)
    await before.close()
    clock.forward(3600)
    queue = await open_queue()
    await queue.sweep()
    assert await queue.renew("worker-1", [news(renewed)]) == Renewal()
    assert (await queue.finish(ref(finished), DONE)).state == "succeeded"


# Workers known to be dead


async def test_the_leases_of_a_dead_host_are_lost_at_once(queue: Queue) -> None:
    await submit_many(queue, 5)
    workers = ["host-1/a", "host-1/b", "host-10/a", "host_1/a", "other"]
    leases = {worker: await claim_one(queue, worker=worker) for worker in workers}
    assert (await queue.lose("host-1/")).retried == 2
    lost = {worker for worker in workers if await state_of(queue, leases[worker].job_id) == "queued"}
    assert lost == {"host-1/a", "host-1/b"}


async def test_a_prefix_is_taken_by_the_letter(queue: Queue) -> None:
    await submit_many(queue, 2)
    for worker in ("a%b", "axb"):
        await claim_one(queue, worker=worker)
    assert (await queue.lose("a_")).retried == 0
    assert (await queue.lose("a%")).retried == 1


async def test_losing_a_worker_fails_cancels_or_retries_as_a_lost_lease_does(queue: Queue) -> None:
    last = await submit(queue, max_attempts=1)
    stopping = await submit(queue)
    again = await submit(queue)
    await claim(queue, 3)
    await queue.cancel(stopping, "ada", force=True)
    swept = await queue.lose("worker-1")
    assert (swept.failed, swept.cancelled, swept.retried) == (1, 1, 1)
    states = [await state_of(queue, job_id) for job_id in (last, stopping, again)]
    assert states == ["failed", "cancelled", "queued"]


@pytest.mark.parametrize("outcome", [DONE, BROKEN, TRY_AGAIN])
async def test_a_worker_that_was_declared_dead_has_lost_its_lease(queue: Queue, outcome: object) -> None:
    job_id = await submit(queue)
    lease = await claim_one(queue)
    await queue.lose("worker-1")
    with pytest.raises(LeaseLost):
        await queue.finish(ref(lease), outcome)
    assert await state_of(queue, job_id) == "queued"


# What one attempt leaves for the next


async def test_a_memo_is_kept_for_the_next_attempt(queue: Queue) -> None:
    await submit(queue)
    first = await claim_one(queue)
    assert first.memo == ""
    await queue.renew("worker-1", [news(first, memo="order 7")])
    await queue.renew("worker-1", [news(first)])
    assert (await queue.leased(ref(first))).memo == "order 7", "news without a memo leaves it alone"
    await queue.hand_back([ref(first)])
    assert (await claim_one(queue)).memo == "order 7"


async def test_what_has_a_memo_stays_with_the_engine_that_left_it(queue: Queue) -> None:
    await submit(queue)
    first = await claim_one(queue)
    await queue.renew("worker-1", [news(first, memo="order 7")])
    await queue.hand_back([ref(first)])
    (second,) = await queue.claim(Taker("worker-1", new_secret()), [Want(want().model, "another")])
    assert second.engine == first.engine == "collage"


async def test_an_outcome_may_forget_the_memo_and_free_the_job_for_another_engine(
    queue: Queue, clock: Clock
) -> None:
    await submit(queue)
    first = await claim_one(queue)
    await queue.renew("worker-1", [news(first, memo="order 7")])
    await queue.finish(ref(first), msgspec.structs.replace(TRY_AGAIN, forget=True))
    clock.forward(60)
    await queue.sweep()
    (second,) = await queue.claim(Taker("worker-1", new_secret()), [Want(want().model, "another")])
    assert (second.engine, second.memo) == ("another", "")

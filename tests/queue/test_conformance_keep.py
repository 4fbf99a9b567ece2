"""What is kept and for how long: ended jobs, their events and files, uploads, idempotency keys."""

from __future__ import annotations

import asyncio

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
    ended_job,
    new_job,
    output,
    prefetch_one,
    ref,
    state_of,
    submit,
    submit_many,
    upload,
    want,
)

from officina.errors import ForeignRequest, QueueFull, StillActive, UnknownFile, UnknownRequest
from officina.job import Job, NewJob, Outcome, new_id
from officina.keys import Key
from officina.queue.protocol import Queue, Terms

RETENTION_S = TERMS.retention_s


def public_names(job: Job) -> list[str]:
    return [name.removesuffix(".png") for name in msgspec.json.decode(job.output or b"{}").get("images", [])]


# Retention


async def test_an_ended_job_is_removed_with_its_events_and_outputs_after_the_retention(
    queue: Queue, clock: Clock
) -> None:
    job = await ended_job(queue, outcome=Outcome("succeeded", (output(0), output(1))))
    store_keys = [f"jobs/{job.id}/1/{n}.png" for n in (0, 1)]
    clock.forward(RETENTION_S - 1)
    assert (await queue.sweep()).removed == 0
    assert await queue.get(job.id, None) == job
    clock.forward(2)
    swept = await queue.sweep()
    assert (swept.removed, sorted(swept.store_keys)) == (1, store_keys)
    with pytest.raises(UnknownRequest):
        await queue.get(job.id, None)
    with pytest.raises(UnknownRequest):
        await queue.events(job.id)
    assert await queue.events(job.id, after=1) == []
    for name in public_names(job):
        with pytest.raises(UnknownFile):
            await queue.file(name)
    assert await queue.known_store_keys(store_keys) == set()


async def test_the_retention_counts_from_the_finish_not_from_the_submit(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    clock.forward(10 * RETENTION_S)
    await queue.finish(ref(await claim_one(queue)), DONE)
    clock.forward(RETENTION_S - 1)
    assert (await queue.sweep()).removed == 0
    assert await state_of(queue, job_id) == "succeeded"


async def test_what_has_not_ended_is_never_removed(queue: Queue, clock: Clock) -> None:
    again = await submit(queue)
    await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    running = await submit(queue)
    await claim_one(queue)
    waiting = await submit(queue)
    clock.forward(10 * RETENTION_S)
    for _ in range(3):
        assert (await queue.sweep()).removed == 0
    assert {job.id for job in await all_jobs(queue)} == {again, running, waiting}


async def test_sweeping_removes_a_large_backlog_of_ended_jobs_in_the_end(queue: Queue, clock: Clock) -> None:
    submitted = await submit_many(queue, 1100)
    await asyncio.gather(*(queue.cancel(job_id, "ada") for job_id in submitted))
    clock.forward(RETENTION_S + 1)
    removed = [(await queue.sweep()).removed for _ in range(5)]
    assert sum(removed) == 1100
    assert await all_jobs(queue) == []


async def test_shorter_terms_are_kept(open_queue: OpenQueue, clock: Clock) -> None:
    queue = await open_queue(Terms(lease_s=5, retention_s=60, idempotency_s=10))
    job = await ended_job(queue, idempotency_key="order-7", digest=b"boat")
    clock.forward(11)
    assert await queue.replay("ada", "order-7", b"boat") is None
    clock.forward(50)
    assert (await queue.sweep()).removed == 1
    with pytest.raises(UnknownRequest):
        await queue.get(job.id, None)


async def test_a_day_old_idempotency_key_may_be_used_anew_after_a_sweep(queue: Queue, clock: Clock) -> None:
    first = await ended_job(queue, idempotency_key="order-7", digest=b"boat")
    clock.forward(86401)
    await queue.sweep()
    second = await queue.submit(new_job(idempotency_key="order-7", digest=b"house"), PLENTY)
    assert (second.replayed, second.id == first.id) == (False, False)


# Uploads and pins


async def test_a_file_record_reads_back_as_it_was_added(queue: Queue, clock: Clock) -> None:
    file = upload(clock, filename="cat & dog.png", sha256="0f")
    await queue.add_file(file)
    assert await queue.file(file.name) == file
    assert await queue.known_store_keys([file.store_key, "uploads/none.png"]) == {file.store_key}
    with pytest.raises(UnknownFile):
        await queue.file("none")


async def test_an_upload_that_no_job_needs_goes_when_it_expires(queue: Queue, clock: Clock) -> None:
    file = upload(clock)
    await queue.add_file(file)
    clock.forward(3599)
    assert (await queue.sweep()).store_keys == ()
    clock.forward(2)
    assert (await queue.sweep()).store_keys == (file.store_key,)
    with pytest.raises(UnknownFile):
        await queue.file(file.name)


async def test_a_pinned_upload_lives_until_its_last_job_has_ended_and_its_retention_after(
    queue: Queue, clock: Clock
) -> None:
    file = upload(clock)
    await queue.add_file(file)
    await submit(queue, pins=(file.name,))
    await submit(queue, pins=(file.name,))
    clock.forward(3 * RETENTION_S)
    await queue.finish(ref(await claim_one(queue)), DONE)
    clock.forward(3 * RETENTION_S)
    assert (await queue.sweep()).store_keys == ()
    await queue.finish(ref(await claim_one(queue)), BROKEN)
    clock.forward(RETENTION_S - 1)
    assert (await queue.sweep()).store_keys == ()
    assert (await queue.file(file.name)).expires_at == pytest.approx(clock.now + 1)
    clock.forward(2)
    assert (await queue.sweep()).store_keys == (file.store_key,)


@pytest.mark.parametrize("end", ["finish", "cancel", "model_gone", "lease", "revoke"])
async def test_every_way_to_end_lets_go_of_the_pins(queue: Queue, clock: Clock, end: str) -> None:
    file = upload(clock)
    await queue.add_file(file)
    job_id = await submit(queue, pins=(file.name,), max_attempts=1)
    if end == "finish":
        await queue.finish(ref(await claim_one(queue)), BROKEN)
    elif end == "cancel":
        await queue.cancel(job_id, "ada")
    elif end == "model_gone":
        await queue.sweep(models={OTHER_MODEL})
    elif end == "lease":
        await claim_one(queue)
        await queue.lose("worker-1")
    else:
        await _revoke_ada(queue)
    assert (await queue.get(job_id, None)).ended
    clock.forward(RETENTION_S + 1)
    swept = await queue.sweep()
    assert (swept.removed, swept.store_keys) == (1, (file.store_key,))


async def _revoke_ada(queue: Queue) -> None:
    await queue.add_key(Key("ada", "Ada", b"digest", ("caller",), 0.0))
    await queue.revoke_key("ada", cancel_waiting=True)


async def test_an_ended_job_never_shortens_the_life_of_an_upload(queue: Queue, clock: Clock) -> None:
    file = upload(clock, expires_at=clock.now + 10 * RETENTION_S)
    await queue.add_file(file)
    job_id = await submit(queue, pins=(file.name,))
    await queue.cancel(job_id, "ada")
    assert (await queue.file(file.name)).expires_at == file.expires_at


async def test_files_made_for_one_job_go_with_it_and_not_before(queue: Queue, clock: Clock) -> None:
    job = with_own_file(clock)
    (file,) = job.own
    await queue.submit(job, PLENTY)
    assert await queue.file(file.name) == file
    clock.forward(2 * RETENTION_S)
    assert (await queue.sweep()).store_keys == ()
    await queue.finish(ref(await claim_one(queue)), DONE)
    clock.forward(RETENTION_S - 1)
    assert (await queue.sweep()).store_keys == ()
    clock.forward(2)
    assert (await queue.sweep()).store_keys == (file.store_key,)


def with_own_file(clock: Clock, *pins: str) -> NewJob:
    """A job with a file that was made for it alone, beside the uploads that it pins."""
    job_id = new_id()
    file = upload(clock, job_id=job_id, store_key=f"jobs/{job_id}/in/0.png")
    return new_job(id=job_id, pins=(*pins, file.name), own=(file,))


async def test_a_refused_submit_records_and_pins_nothing(queue: Queue, clock: Clock) -> None:
    file = upload(clock)
    await queue.add_file(file)
    await submit(queue)
    refused = with_own_file(clock, file.name)
    with pytest.raises(QueueFull):
        await queue.submit(refused, 1)
    with pytest.raises(UnknownFile):
        await queue.file(refused.own[0].name)
    clock.forward(3601)
    assert (await queue.sweep()).store_keys == (file.store_key,)


# Deleting


async def test_deleting_an_ended_job_gives_the_store_keys_of_its_files(queue: Queue, clock: Clock) -> None:
    shared = upload(clock)
    await queue.add_file(shared)
    asked = with_own_file(clock, shared.name)
    await queue.submit(asked, PLENTY)
    job = await queue.finish(ref(await claim_one(queue)), Outcome("succeeded", (output(0),)))
    store_keys = {asked.own[0].store_key, f"jobs/{job.id}/1/0.png"}
    assert set(await queue.delete(job.id, "ada")) == store_keys
    for gone in (queue.get(job.id, "ada"), queue.events(job.id), queue.delete(job.id, "ada")):
        with pytest.raises(UnknownRequest):
            await gone
    assert (await queue.file(shared.name)).name == shared.name
    assert await queue.known_store_keys(store_keys) == set()
    assert await all_jobs(queue) == []


async def test_a_job_that_has_not_ended_cannot_be_deleted(queue: Queue) -> None:
    for take in (None, prefetch_one, claim_one):
        job_id = await submit(queue)
        if take:
            await take(queue)
        with pytest.raises(StillActive):
            await queue.delete(job_id, "ada")
        assert (await queue.get(job_id, None)).id == job_id
        if not take:
            await queue.cancel(job_id, "ada")


async def test_only_the_owner_and_the_admin_delete(queue: Queue) -> None:
    first, second = await ended_job(queue, "ada"), await ended_job(queue, "ada")
    with pytest.raises(ForeignRequest):
        await queue.delete(first.id, "bob")
    with pytest.raises(UnknownRequest):
        await queue.delete(new_id(), "ada")
    assert await queue.delete(first.id, "ada") == ()
    assert await queue.delete(second.id, None) == ()


async def test_an_output_that_another_job_needs_stays_until_that_has_ended(
    queue: Queue, clock: Clock
) -> None:
    made = await ended_job(queue, outcome=Outcome("succeeded", (output(0), output(1))))
    needed, other = public_names(made)
    waiting = await submit(queue, pins=(needed,))
    assert await queue.delete(made.id, "ada") == (f"jobs/{made.id}/1/1.png",)
    with pytest.raises(UnknownFile):
        await queue.file(other)
    clock.forward(RETENTION_S + 1)
    assert (await queue.sweep()).store_keys == ()
    assert (await queue.file(needed)).store_key == f"jobs/{made.id}/1/0.png"
    await queue.cancel(waiting, "ada")
    clock.forward(RETENTION_S + 1)
    assert f"jobs/{made.id}/1/0.png" in (await queue.sweep()).store_keys


async def test_deleting_leaves_the_usage(queue: Queue) -> None:
    job = await ended_job(queue)
    await queue.delete(job.id, "ada")
    assert [day.succeeded for day in await queue.usage("2000-01-01", "2999-12-31")] == [1]


# Models that are gone


async def test_waiting_jobs_of_a_model_that_is_gone_fail_and_running_ones_go_on(queue: Queue) -> None:
    running = await submit(queue, model=MODEL)
    lease = await claim_one(queue)
    again = await submit(queue, model=MODEL)
    await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    waiting = await submit(queue, model=MODEL)
    kept = await submit(queue, model=OTHER_MODEL)
    assert (await queue.sweep(models={OTHER_MODEL})).failed == 2
    states = [await state_of(queue, job_id) for job_id in (running, again, waiting, kept)]
    assert states == ["running", "failed", "failed", "queued"]
    assert b'"model_gone"' in ((await queue.get(waiting, None)).error or b"")
    assert (await queue.finish(ref(lease), DONE)).state == "succeeded"
    assert len(await claim(queue, 5, wants=[want(MODEL), want(OTHER_MODEL)])) == 1


async def test_a_sweep_without_models_fails_none(queue: Queue) -> None:
    job_id = await submit(queue, model="studio/unknown")
    assert (await queue.sweep()).failed == 0
    assert await state_of(queue, job_id) == "queued"


async def test_sweeping_fails_a_large_backlog_of_a_gone_model_in_the_end(queue: Queue) -> None:
    await submit_many(queue, 700)
    failed = [(await queue.sweep(models=())).failed for _ in range(3)]
    assert sum(failed) == 700
    assert {job.state for job in await all_jobs(queue)} == {"failed"}

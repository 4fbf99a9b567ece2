"""Submitting: what is accepted is on disk, an idempotency key makes one job, a full queue refuses."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from queue_implementations import OpenQueue
from queue_scene import (
    BROKEN,
    MODEL,
    PLENTY,
    TRY_AGAIN,
    Clock,
    all_jobs,
    claim,
    claim_one,
    drain,
    ended_job,
    new_job,
    ref,
    submit,
    submit_many,
)

from officina.errors import ForeignRequest, IdempotencyConflict, QueueFull, UnknownRequest
from officina.job import Submitted, new_id
from officina.queue.protocol import Queue

DAY_S = 86400.0


def once(key_id: str = "ada", *, name: str = "order-7", digest: bytes = b"boat") -> dict[str, object]:
    return {"key_id": key_id, "idempotency_key": name, "digest": digest}


# Storing


def test_ids_are_version_7_uuids_that_sort_by_time_and_never_repeat() -> None:
    made = [new_id() for _ in range(5000)]
    milliseconds = [uuid.UUID(each).int >> 80 for each in made]
    assert {uuid.UUID(each).version for each in made} == {7}
    assert {uuid.UUID(each).variant for each in made} == {uuid.RFC_4122}
    assert milliseconds == sorted(milliseconds)
    assert len(set(made)) == len(made)


async def test_a_submitted_job_waits_under_its_own_id(queue: Queue, clock: Clock) -> None:
    job = new_job("ada")
    assert await queue.submit(job, PLENTY) == Submitted(job.id, replayed=False)
    stored = await queue.get(job.id, "ada")
    assert (stored.id, stored.model, stored.key_id, stored.state) == (job.id, MODEL, "ada", "queued")
    assert (stored.created_at, stored.attempts, stored.started_at, stored.finished_at) == (
        clock.now,
        0,
        None,
        None,
    )
    assert stored.waiting
    assert not stored.ended
    assert stored.status_word() == stored.result_word() == "in_queue"


async def test_the_worker_gets_the_input_byte_for_byte(queue: Queue) -> None:
    text = '{"prompt":"una barca 🚣 \\u0000 \\" ","images":["https://a/1.png"]}'.encode()
    await submit(queue, input=text)
    assert (await claim_one(queue)).input == text


async def test_a_job_is_read_by_its_owner_and_the_admin_only(queue: Queue) -> None:
    job_id = await submit(queue, "ada")
    assert (await queue.get(job_id, "ada")).id == (await queue.get(job_id, None)).id == job_id
    with pytest.raises(ForeignRequest):
        await queue.get(job_id, "bob")
    with pytest.raises(UnknownRequest):
        await queue.get(new_id(), "ada")


async def test_a_submitted_job_is_seen_by_a_fresh_open_of_a_queue_that_was_never_closed(
    open_queue: OpenQueue,
) -> None:
    first = await open_queue()
    job_ids = await submit_many(first, 30)
    second = await open_queue()
    assert {job.id for job in await all_jobs(second)} == set(job_ids)


def _acknowledged(folder: Path, implementation: str, lines: int) -> list[list[str]]:
    """Start a process that works on a queue, kill it after so many acknowledgements, and return them all."""
    here = Path(__file__).parent
    child = subprocess.Popen(
        [sys.executable, str(here / "submit_until_killed.py"), implementation, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(here.parent)},
    )
    assert child.stdout is not None
    with child, child.stdout:
        said = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += child.stdout.readlines()
    return [line.split() for line in said if line.endswith("\n")]


@pytest.mark.parametrize("lines", [1, 400])
async def test_what_was_acknowledged_outlives_a_kill(
    implementation: str, open_queue: OpenQueue, tmp_path: Path, lines: int
) -> None:
    acknowledged = await asyncio.to_thread(_acknowledged, tmp_path, implementation, lines)
    assert len(acknowledged) >= lines
    queue = await open_queue()
    found = {job.id: job.state for job in await all_jobs(queue)}
    assert {job_id for word, job_id in acknowledged if word == "submitted"} <= found.keys()
    assert {found[job_id] for word, job_id in acknowledged if word == "finished"} <= {"succeeded"}


# Idempotency keys


async def test_the_same_idempotency_key_and_body_give_back_the_first_request(queue: Queue) -> None:
    first = await queue.submit(new_job(**once()), PLENTY)
    again = await queue.submit(new_job(**once()), PLENTY)
    assert again == Submitted(first.id, replayed=True)
    assert [job.id for job in await all_jobs(queue)] == [first.id]


async def test_the_same_idempotency_key_with_another_body_is_a_conflict(queue: Queue) -> None:
    await queue.submit(new_job(**once()), PLENTY)
    with pytest.raises(IdempotencyConflict):
        await queue.submit(new_job(**once(digest=b"house")), PLENTY)
    with pytest.raises(IdempotencyConflict):
        await queue.replay("ada", "order-7", b"house")
    assert len(await all_jobs(queue)) == 1


async def test_two_callers_may_use_the_same_idempotency_key(queue: Queue) -> None:
    first = await queue.submit(new_job(**once("ada")), PLENTY)
    second = await queue.submit(new_job(**once("bob", digest=b"house")), PLENTY)
    assert (first.replayed, second.replayed) == (False, False)
    assert first.id != second.id


async def test_an_idempotency_key_is_kept_for_a_day(queue: Queue, clock: Clock) -> None:
    first = await queue.submit(new_job(**once()), PLENTY)
    clock.forward(DAY_S - 1)
    await queue.sweep()
    assert await queue.replay("ada", "order-7", b"boat") == Submitted(first.id, replayed=True)
    clock.forward(2)
    assert await queue.replay("ada", "order-7", b"boat") is None
    second = await queue.submit(new_job(**once(digest=b"house")), PLENTY)
    assert (second.replayed, second.id == first.id) == (False, False)
    assert await queue.replay("ada", "order-7", b"house") == Submitted(second.id, replayed=True)


async def test_an_unused_idempotency_key_replays_nothing(queue: Queue) -> None:
    await queue.submit(new_job(), PLENTY)
    assert await queue.replay("ada", "order-7", b"boat") is None


async def test_a_request_that_has_ended_is_still_replayed(queue: Queue) -> None:
    job = await ended_job(queue, outcome=BROKEN, idempotency_key="order-7", digest=b"boat")
    assert await queue.submit(new_job(**once()), PLENTY) == Submitted(job.id, replayed=True)


async def test_a_replay_is_answered_when_the_queue_is_full(queue: Queue) -> None:
    first = await queue.submit(new_job(**once()), 1)
    assert await queue.submit(new_job(**once()), 1) == Submitted(first.id, replayed=True)


async def test_idempotency_keys_outlive_the_process(open_queue: OpenQueue) -> None:
    queue = await open_queue()
    first = await queue.submit(new_job(**once()), PLENTY)
    await queue.close()
    again = await open_queue()
    assert await again.submit(new_job(**once()), PLENTY) == Submitted(first.id, replayed=True)


async def test_fifty_submits_at_once_with_one_idempotency_key_make_one_job(queue: Queue) -> None:
    answers = await asyncio.gather(*(queue.submit(new_job(**once()), PLENTY) for _ in range(50)))
    assert len({answer.id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert len(await all_jobs(queue)) == 1


async def test_of_two_bodies_that_race_for_one_idempotency_key_one_wins(queue: Queue) -> None:
    digests = [b"boat", b"house"] * 25
    answers = await asyncio.gather(
        *(queue.submit(new_job(**once(digest=digest)), PLENTY) for digest in digests),
        return_exceptions=True,
    )
    taken = {digest for digest, answer in zip(digests, answers, strict=True) if isinstance(answer, Submitted)}
    refused = [answer for answer in answers if isinstance(answer, IdempotencyConflict)]
    assert len(taken) == 1
    assert len(refused) == 25
    assert len(await all_jobs(queue)) == 1


# The bound


async def test_a_full_queue_refuses_and_says_when_to_come_back(queue: Queue) -> None:
    for _ in range(3):
        await queue.submit(new_job(), 3)
    refused = new_job()
    with pytest.raises(QueueFull) as raised:
        await queue.submit(refused, 3)
    assert raised.value.retry_after
    with pytest.raises(UnknownRequest):
        await queue.get(refused.id, "ada")


async def test_the_bound_is_exact_for_submits_that_come_at_once(queue: Queue) -> None:
    answers = await asyncio.gather(*(queue.submit(new_job(), 10) for _ in range(300)), return_exceptions=True)
    assert sum(isinstance(answer, Submitted) for answer in answers) == 10
    assert sum(isinstance(answer, QueueFull) for answer in answers) == 290
    assert len(await all_jobs(queue)) == 10


async def test_the_bound_is_per_key_over_all_models(queue: Queue) -> None:
    await queue.submit(new_job("ada", "studio/a"), 2)
    await queue.submit(new_job("ada", "studio/b"), 2)
    with pytest.raises(QueueFull):
        await queue.submit(new_job("ada", "studio/c"), 2)
    await queue.submit(new_job("bob", "studio/a"), 2)


async def test_a_claim_and_a_cancel_make_room(queue: Queue) -> None:
    await submit_many(queue, 2)
    with pytest.raises(QueueFull):
        await queue.submit(new_job(), 2)
    await claim_one(queue)
    third = await queue.submit(new_job(), 2)
    with pytest.raises(QueueFull):
        await queue.submit(new_job(), 2)
    await queue.cancel(third.id, "ada")
    await queue.submit(new_job(), 2)


async def test_a_job_that_waits_for_its_retry_counts_as_waiting(queue: Queue) -> None:
    await submit(queue)
    await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    with pytest.raises(QueueFull):
        await queue.submit(new_job(), 1)


async def test_the_bound_is_exact_after_a_reopen(open_queue: OpenQueue) -> None:
    first = await open_queue()
    await submit_many(first, 5)
    await claim(first, 2)
    await first.close()
    queue = await open_queue()
    await queue.submit(new_job(), 4)
    with pytest.raises(QueueFull):
        await queue.submit(new_job(), 4)


async def test_refused_submits_do_not_push_the_key_back_in_the_order(queue: Queue) -> None:
    await queue.submit(new_job("ada"), 1)
    for _ in range(20):
        with pytest.raises(QueueFull):
            await queue.submit(new_job("ada"), 1)
    await submit_many(queue, 3, "bob")
    await claim_one(queue)
    late = await queue.submit(new_job("ada"), 1)
    assert (await drain(queue)).index(late.id) <= 2

"""Looking at what is kept: search, whole records, shares, who runs what, and what takes space."""

from __future__ import annotations

import msgspec
import pytest
from queue_implementations import OpenQueue
from queue_scene import (
    BROKEN,
    DONE,
    MODEL,
    OTHER_MODEL,
    TERMS,
    TRY_AGAIN,
    Clock,
    all_jobs,
    claim,
    claim_one,
    ended_job,
    output,
    prefetch_one,
    ref,
    submit,
    submit_many,
    upload,
)

from officina.errors import ForeignRequest, NothingToShare, UnknownRequest
from officina.job import Depth, Filter, Outcome, Storage
from officina.queue.protocol import Queue

PICTURE = Outcome("succeeded", (output(0),))


async def found(queue: Queue, search: str, **where: object) -> list[str]:
    return [job.id for job in await all_jobs(queue, search=search, **where)]


# Search


async def test_a_search_finds_what_stands_anywhere_in_the_text(queue: Queue) -> None:
    boat = await submit(queue, text="A girl on the boat\nwatercolour")
    goat = await submit(queue, text="a goat")
    assert await found(queue, "boat") == [boat]
    assert set(await found(queue, "oat")) == {boat, goat}
    assert await found(queue, "boat\nwater") == [boat]
    assert await found(queue, "ship") == []
    assert set(await found(queue, "")) == {boat, goat}


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("Ein GRÜNES Boot", "grünes"),
        ("зелёная ЛОДКА", "лодка"),
        ("die große Straße", "STRASSE"),
        ("un caf\u00e9", "cafe\u0301"),
        ("ＢＯＡＴ", "boat"),
        ("ボートに乗った女の子", "女の子"),
    ],
)
async def test_neither_case_nor_the_way_of_writing_matters(queue: Queue, text: str, search: str) -> None:
    job_id = await submit(queue, text=text)
    assert await found(queue, search) == [job_id]


@pytest.mark.parametrize("search", ["%", "_", "100%", "*", "[a-z]", "'", '"', "\\", "\\%", "?", "a%b_c"])
async def test_every_character_of_a_search_means_itself(queue: Queue, search: str) -> None:
    await submit(queue, text="a plain text of 100 letters, axbyc")
    marked = await submit(queue, text=f"before {search} after")
    assert await found(queue, search) == [marked]


async def test_a_search_is_narrowed_and_paged_like_every_list(queue: Queue) -> None:
    boats = [await submit(queue, "ada", text=f"boat {n}") for n in range(5)]
    await submit(queue, "ada", text="a goat")
    other = await submit(queue, "bob", OTHER_MODEL, text="boat of bob")
    newest = sorted(boats, reverse=True)
    assert await found(queue, "boat", key_id="ada") == newest
    assert await found(queue, "boat", model=OTHER_MODEL) == [other]
    assert await found(queue, "boat", key_id="ada", limit=2) == newest[:2]
    assert await found(queue, "boat", key_id="ada", cursor=newest[1]) == newest[2:]


async def test_a_search_goes_on_after_a_reopen(open_queue: OpenQueue) -> None:
    first = await open_queue()
    job_id = await submit(first, text="A Boat")
    await first.close()
    assert await found(await open_queue(), "a boat") == [job_id]


# Records


async def test_a_record_is_the_job_with_what_was_asked(queue: Queue) -> None:
    job_id = await submit(queue, "ada", input=b'{"prompt":"a boat"}', level=0, max_attempts=5)
    record = await queue.record(job_id, "ada")
    assert record.job == await queue.get(job_id, "ada")
    assert (record.input, record.level, record.max_attempts) == (b'{"prompt":"a boat"}', 0, 5)
    assert (record.history, record.share) == (None, None)


async def test_a_record_tells_why_each_attempt_failed(queue: Queue, clock: Clock) -> None:
    job_id = await submit(queue)
    await queue.finish(ref(await claim_one(queue)), TRY_AGAIN)
    clock.forward(3600)
    await queue.sweep()
    await queue.finish(ref(await claim_one(queue)), BROKEN)
    history = msgspec.json.decode((await queue.record(job_id, None)).history or b"[]")
    assert [(each["attempt"], each["type"]) for each in history] == [
        (1, "engine_crashed"),
        (2, "engine_failed"),
    ]


async def test_a_record_is_for_its_owner_and_the_admin(queue: Queue) -> None:
    job_id = await submit(queue, "ada")
    assert (await queue.record(job_id, None)).job.id == job_id
    with pytest.raises(ForeignRequest):
        await queue.record(job_id, "bob")
    with pytest.raises(UnknownRequest):
        await queue.record("none", "bob")


async def test_inputs_are_given_by_id_and_those_that_are_gone_left_out(queue: Queue) -> None:
    first, second = await submit(queue, input=b'"one"'), await submit(queue, input=b'"two"')
    assert await queue.inputs([first, "none", second]) == {first: b'"one"', second: b'"two"'}
    assert await queue.inputs([]) == {}


# Shares


async def test_a_shared_result_is_found_by_its_token_alone(queue: Queue) -> None:
    job = await ended_job(queue, outcome=PICTURE)
    token = await queue.share(job.id, "ada")
    record = await queue.shared(token)
    assert (record.job, record.share) == (job, token)
    assert (await queue.record(job.id, "ada")).share == token


async def test_sharing_again_gives_the_same_token_until_it_is_taken_back(queue: Queue) -> None:
    job = await ended_job(queue, outcome=PICTURE)
    token = await queue.share(job.id, "ada")
    assert await queue.share(job.id, None) == token
    assert await queue.unshare(job.id, "ada")
    assert not await queue.unshare(job.id, "ada")
    with pytest.raises(UnknownRequest):
        await queue.shared(token)
    assert (await queue.record(job.id, "ada")).share is None
    assert await queue.share(job.id, "ada") != token


async def test_tokens_cannot_be_guessed(queue: Queue) -> None:
    tokens = [await queue.share((await ended_job(queue, outcome=PICTURE)).id, "ada") for _ in range(8)]
    assert len(set(tokens)) == 8
    assert {len(token) for token in tokens} == {32}


async def test_only_what_succeeded_can_be_shared(queue: Queue) -> None:
    failed = await ended_job(queue, outcome=BROKEN)
    waiting = await submit(queue)
    for job_id in (failed.id, waiting):
        with pytest.raises(NothingToShare):
            await queue.share(job_id, "ada")


async def test_another_key_can_neither_share_nor_take_back(queue: Queue) -> None:
    job = await ended_job(queue, outcome=PICTURE)
    token = await queue.share(job.id, "ada")
    for call in (queue.share, queue.unshare):
        with pytest.raises(ForeignRequest):
            await call(job.id, "bob")
        with pytest.raises(UnknownRequest):
            await call("none", "ada")
    assert (await queue.shared(token)).job == job


async def test_a_share_goes_with_its_request(queue: Queue, clock: Clock) -> None:
    deleted = await queue.share((await ended_job(queue, outcome=PICTURE)).id, "ada")
    await queue.delete((await queue.shared(deleted)).job.id, "ada")
    expired = await queue.share((await ended_job(queue, outcome=PICTURE)).id, "ada")
    clock.forward(TERMS.retention_s + 1)
    await queue.sweep()
    for token in (deleted, expired):
        with pytest.raises(UnknownRequest):
            await queue.shared(token)


async def test_a_share_survives_a_reopen(open_queue: OpenQueue) -> None:
    first = await open_queue()
    job = await ended_job(first, outcome=PICTURE)
    token = await first.share(job.id, "ada")
    await first.close()
    assert (await (await open_queue()).shared(token)).job == job


# What runs and waits


async def test_what_runs_is_told_with_its_worker(queue: Queue, clock: Clock) -> None:
    first = await submit(queue, "ada")
    started = await claim_one(queue, worker="worker-1")
    second = await submit(queue, "bob")
    ahead = await prefetch_one(queue, worker="worker-2")
    one, two = await queue.running()
    assert (one.job_id, one.key_id, one.worker, one.attempt) == (first, "ada", "worker-1", 1)
    assert (one.model, one.engine) == (MODEL, "collage")
    assert (one.started_at, one.lease_until) == (clock.now, clock.now + TERMS.lease_s)
    assert (two.job_id, two.worker, two.started_at) == (second, "worker-2", None)
    for lease in (started, ahead):
        await queue.finish(ref(lease), DONE)
    assert list(await queue.running()) == []


async def test_depth_is_counted_per_key_too(queue: Queue, clock: Clock) -> None:
    await submit_many(queue, 3, "ada")
    clock.forward(5)
    await submit_many(queue, 2, "bob")
    await submit(queue, "bob", OTHER_MODEL)
    await claim(queue, 1)
    depth = await queue.depth_by_key()
    assert sum(each.running for each in depth.values()) == 1
    assert sum(each.waiting for each in depth.values()) == 5
    assert depth["bob"].oldest_s == 0
    assert depth["ada"].oldest_s == 5
    for job in await all_jobs(queue, states=("queued",)):
        await queue.cancel(job.id, None)
    assert [each for each in (await queue.depth_by_key()).values() if each.waiting] == []


async def test_depth_per_key_forgets_who_has_nothing_left(queue: Queue) -> None:
    job_id = await submit(queue, "ada")
    await queue.cancel(job_id, "ada")
    assert (await queue.depth_by_key()).get("ada", Depth()) == Depth()


# Usage and storage


async def test_the_usage_of_one_key_is_its_own(queue: Queue) -> None:
    await ended_job(queue, "ada")
    await ended_job(queue, "bob")
    rows = await queue.usage("2000-01-01", "2999-12-31", "bob")
    assert [(row.key_id, row.succeeded) for row in rows] == [("bob", 1)]
    assert len(await queue.usage("2000-01-01", "2999-12-31")) == 2


async def test_storage_adds_up_the_files_of_each_kind(queue: Queue, clock: Clock) -> None:
    assert (await queue.storage()).stored == ()
    await queue.add_file(upload(clock))
    own = upload(clock, job_id="job", size_bytes=7)
    await submit(queue, id="job", own=(own,))
    await queue.finish(
        ref(await claim_one(queue)), Outcome("succeeded", (output(0), output(1, size_bytes=100)))
    )
    storage = await queue.storage()
    assert {each.kind: (each.files, each.size_bytes) for each in storage.stored} == {
        "upload": (1, 9),
        "input": (1, 7),
        "output": (2, 109),
    }
    assert storage.database_bytes > 0
    assert isinstance(storage, Storage)


async def test_failures_are_listed_newest_first(queue: Queue) -> None:
    failed = [(await ended_job(queue, outcome=BROKEN)).id for _ in range(3)]
    await ended_job(queue)
    listed = await queue.list(Filter(states=("failed",), limit=2))
    assert [job.id for job in listed] == sorted(failed, reverse=True)[:2]
    assert msgspec.json.decode(listed[0].error or b"")["type"] == "engine_failed"

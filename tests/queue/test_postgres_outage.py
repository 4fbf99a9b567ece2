"""What a broken connection or a dead server does to the queue on PostgreSQL: nothing is lost, nothing twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from breaking_proxy import BreakingProxy
from queue_scene import (
    DONE,
    PLENTY,
    TERMS,
    all_jobs,
    claim,
    claim_one,
    eventually,
    new_job,
    news,
    ref,
    submit,
    want,
)

from officina.errors import Unavailable
from officina.job import new_secret
from officina.queue.postgres import PostgresQueue, open_postgres
from officina.queue.postgres_batch import SQL, Batch
from officina.queue.postgres_server import Server
from officina.queue.postgres_submit import Submit
from officina.queue.postgres_submit import submit as submit_group
from officina.queue.protocol import Taker
from postgres_server import PostgresServer, databases


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of this test's own, that keeps its promise."""
    server = PostgresServer()
    yield server
    server.remove()


async def behind(proxy: BreakingProxy, folder: Path) -> PostgresQueue:
    url = await databases().of(folder)
    server = databases().server
    return await open_postgres(url.replace(f":{server.port}/", f":{proxy.port}/"), TERMS)


@pytest.fixture(autouse=True)
def given_back(tmp_path: Path) -> Iterator[None]:
    yield
    databases().give_back(tmp_path)


async def test_connections_cut_again_and_again_lose_and_repeat_nothing(tmp_path: Path) -> None:
    async with BreakingProxy(databases().server.port) as proxy:
        queue = await behind(proxy, tmp_path)
        ids: list[str] = []

        async def work() -> None:
            for _ in range(60):
                ids.append(await submit(queue))
                (lease,) = await claim(queue)
                await queue.renew("worker-1", [news(lease, events=(("log", {"line": "once"}),))])
                await queue.finish(ref(lease), DONE)

        async def trouble(working: asyncio.Task[None]) -> None:
            while not working.done():
                await asyncio.sleep(0.2)
                proxy.cut()

        working = asyncio.create_task(work())
        await asyncio.gather(working, trouble(working))
        found = await all_jobs(queue)
        assert {job.id for job in found} == set(ids)
        assert {(job.state, job.attempts) for job in found} == {("succeeded", 1)}
        for job_id in ids:
            kinds = [event.kind for event in await queue.events(job_id)]
            assert kinds == ["queued", "started", "log", "ended"]
        await queue.close()


COMMITS = {
    "submit": b"submit-",
    "claim": b"COMMIT",
    "renew": b"move-",
    "finish": b"move-",
    "cancel": b"move-",
}
"""What is in the message that commits an operation and in none before it: its lane's id, or the word itself."""


@pytest.mark.parametrize("operation", COMMITS)
async def test_an_operation_whose_commit_was_not_answered_happens_once(
    tmp_path: Path, operation: str
) -> None:
    async with BreakingProxy(databases().server.port) as proxy:
        queue = await behind(proxy, tmp_path)
        running = await submit(queue)
        lease = await claim_one(queue)
        waiting = await submit(queue)
        await queue.renew("worker-1", [news(lease)])
        taker = Taker("worker-2", new_secret())
        operations = {
            "submit": lambda: queue.submit(new_job(), PLENTY),
            "claim": lambda: queue.claim(taker, [want()]),
            "renew": lambda: queue.renew("worker-1", [news(lease, events=(("log", {"line": "once"}),))]),
            "finish": lambda: queue.finish(ref(lease), DONE),
            "cancel": lambda: queue.cancel(waiting, "ada"),
        }
        proxy.cut_after = COMMITS[operation]
        await operations[operation]()
        assert proxy.cut_after is None
        states = sorted(job.state for job in await all_jobs(queue))
        assert (
            states
            == {
                "submit": ["queued", "queued", "running"],
                "claim": ["running", "running"],
                "renew": ["queued", "running"],
                "finish": ["queued", "succeeded"],
                "cancel": ["cancelled", "running"],
            }[operation]
        )
        kinds = [event.kind for event in await queue.events(running)]
        assert kinds.count("log") == int(operation == "renew")
        await queue.close()


async def test_what_comes_after_its_lane_was_closed_writes_nothing(tmp_path: Path) -> None:
    url = await databases().of(tmp_path)
    queue = await open_postgres(url, TERMS)
    db = await Server(url).connect()
    await db.execute(SQL["open_lane"], "late")
    batch = Batch(db, "submit", TERMS, None, at_once=True)
    await submit_group(batch, [Submit(new_job(), PLENTY)])
    assert await db.fetchval(SQL["close_lane"], "late") == 1
    with pytest.raises(asyncpg.DivisionByZeroError):
        await batch.commit("late", 2)
    assert not await all_jobs(queue)
    await db.close()
    await queue.close()


async def test_gateways_that_submit_for_one_key_at_once_stamp_one_after_the_other(tmp_path: Path) -> None:
    url = await databases().of(tmp_path)
    queues = [await open_postgres(url, TERMS) for _ in range(3)]
    for _ in range(10):
        await asyncio.gather(*(submit(queue) for queue in queues for _ in range(3)))
    tags = [job.tag for job in await all_jobs(queues[0])]
    assert sorted(tags) == [float(n) for n in range(1, 91)]
    once = {"idempotency_key": "once", "digest": b"same"}
    assert len({await each for each in [asyncio.ensure_future(submit(q, **once)) for q in queues]}) == 1
    assert len(await all_jobs(queues[0])) == 91
    for queue in queues:
        await queue.close()


async def test_a_database_that_stays_away_is_said_within_seconds_and_comes_back_by_itself(
    tmp_path: Path,
) -> None:
    async with BreakingProxy(databases().server.port) as proxy:
        queue = await behind(proxy, tmp_path)
        proxy.is_down = True
        proxy.cut()
        begun = time.monotonic()
        with pytest.raises(Unavailable) as refused:
            await submit(queue)
        assert time.monotonic() - begun < 10
        assert refused.value.retry_after
        with pytest.raises(Unavailable):
            await queue.depth()
        proxy.is_down = False
        await submit(queue)
        assert len(await all_jobs(queue)) == 1
        await queue.close()


async def test_a_silent_database_keeps_many_readers_waiting_no_longer_than_few(tmp_path: Path) -> None:
    async with BreakingProxy(databases().server.port) as proxy:
        queue = await behind(proxy, tmp_path)
        job_id = await submit(queue)
        proxy.passing.clear()
        async with asyncio.timeout(60):
            asked = [queue.get(job_id, None) for _ in range(200)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(each) for each in answers} == {Unavailable}
        proxy.passing.set()
        proxy.cut()
        assert (await queue.get(job_id, None)).id == job_id
        await queue.close()


async def test_what_was_acknowledged_outlives_a_kill_of_the_server(server: PostgresServer) -> None:
    queue = await open_postgres(server.url("postgres"), TERMS)
    ids = [await submit(queue) for _ in range(20)]
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    ids.append(await submit(queue))
    assert {job.id for job in await all_jobs(queue)} == set(ids)
    await queue.close()


async def test_two_gateways_give_each_job_once_and_wake_each_other(tmp_path: Path) -> None:
    url = await databases().of(tmp_path)
    one, two = await open_postgres(url, TERMS), await open_postgres(url, TERMS)
    with two.wakes.listen("model:studio/canvas/edit") as listener:
        await asyncio.gather(*(submit(one) for _ in range(200)))
        assert await listener.wait(10)
    taken = await asyncio.gather(
        *(claim(queue, 7, worker=f"w{n}") for n in range(20) for queue in (one, two))
    )
    jobs = [lease.job_id for leases in taken for lease in leases]
    assert len(jobs) == len(set(jobs)) == 200
    taker = Taker("worker-9", new_secret(), 3)
    await asyncio.gather(*(submit(one) for _ in range(9)))
    first, again = await asyncio.gather(one.claim(taker, [want()]), two.claim(taker, [want()]))
    assert list(first) == list(again)
    assert len(first) == 3
    for queue in (one, two):
        await queue.close()


async def test_a_claim_does_not_wait_for_a_job_that_another_gateway_holds(tmp_path: Path) -> None:
    url = await databases().of(tmp_path)
    queue = await open_postgres(url, TERMS)
    held = await submit(queue, model="studio/held")
    free = await submit(queue, model="studio/free")
    rival = await asyncpg.connect(url)
    async with rival.transaction():
        await rival.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", held)
        taker = Taker("worker-1", new_secret(), 2, 2)
        async with asyncio.timeout(10):
            leases = await queue.claim(taker, [want("studio/held"), want("studio/free")])
    assert [lease.job_id for lease in leases] == [free]
    await rival.close()
    await queue.close()


async def test_the_poll_wakes_those_who_have_a_reason_and_nobody_else(tmp_path: Path) -> None:
    url = await databases().of(tmp_path)
    queue = await open_postgres(url, TERMS)
    waiting, running = await submit(queue), await submit(queue, model="studio/loom/edit")
    lease = (await claim(queue, wants=[want("studio/loom/edit")]))[0]
    db = await Server(url).connect()  # what it does is told to nobody
    with (
        queue.wakes.listen("model:studio/canvas/edit") as offered,
        queue.wakes.listen("model:studio/loom/edit") as idle,
        queue.wakes.listen(f"job:{waiting}") as unchanged,
        queue.wakes.listen(f"job:{running}") as changed,
        queue.wakes.listen("worker:worker-1") as stopped,
    ):
        for listener in (unchanged, changed):  # it may have changed before anybody looked
            assert await listener.wait(10)
        await db.execute("UPDATE jobs SET stop_wish = 1 WHERE id = $1", lease.job_id)
        for listener in (changed, stopped, offered, offered):
            assert await listener.wait(10)
        assert not await unchanged.wait(0)
        assert not await idle.wait(0)
    await db.close()
    await queue.close()


async def test_gateways_that_start_at_once_make_one_schema(server: PostgresServer) -> None:
    queues = await asyncio.gather(*(open_postgres(server.url("postgres"), TERMS) for _ in range(5)))
    await submit(queues[0])

    async def is_there() -> bool:
        return all([len(await all_jobs(queue)) == 1 for queue in queues])

    await eventually(is_there)
    for queue in queues:
        await queue.close()

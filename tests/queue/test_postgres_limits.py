"""Limits that gateways on one PostgreSQL database keep together: what one counts, the others count."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from queue_implementations import OpenQueue
from queue_scene import DONE, MODEL, OTHER_MODEL, TERMS, claim, ref, submit, submit_many, want

from officina.errors import BudgetSpent, QueueFull, RateLimited
from officina.job import Lease
from officina.keys import Key, KeyLimits
from officina.link import Register
from officina.queue.protocol import Queue, Want, Worker

CAP = 3


@pytest.fixture
def implementation() -> str:
    """Only here do several gateways share a queue."""
    return "postgres"


@pytest.fixture
def gateways(open_queue: OpenQueue, runner: asyncio.Runner) -> list[Queue]:
    """Two queues on one database."""

    async def opened() -> list[Queue]:
        return [await open_queue(), await open_queue()]

    return runner.run(opened())


async def add_key(queue: Queue, **limits: float) -> None:
    own = msgspec.convert(limits, KeyLimits)
    await queue.add_key(Key("ada", "Ada", b"ada", ("caller",), 0.0, limits=own))


async def claims_at_once(gateways: list[Queue], rounds: int, *wants: Want) -> list[tuple[Queue, Lease]]:
    """What workers at both gateways get that all ask at the same time, for 2 jobs each."""
    places = [gateway for _ in range(rounds) for gateway in gateways]
    asked = [
        claim(gateway, 2, worker=f"worker-{n}", wants=list(wants) or [want(), want(OTHER_MODEL)])
        for n, gateway in enumerate(places)
    ]
    got = await asyncio.gather(*asked)
    return [(gateway, lease) for gateway, leases in zip(places, got, strict=True) for lease in leases]


async def test_claims_at_both_gateways_keep_to_the_cap_of_a_key(gateways: list[Queue]) -> None:
    await add_key(gateways[0], max_running=CAP)
    left = {*await submit_many(gateways[0], 20), *await submit_many(gateways[1], 20, model=OTHER_MODEL)}
    while left:
        got = await claims_at_once(gateways, 4)
        assert len(got) == min(CAP, len(left))
        left -= {lease.job_id for _, lease in got}
        elsewhere = list(reversed(gateways))
        ends = zip(got, elsewhere * len(got), strict=False)
        await asyncio.gather(*(queue.finish(ref(lease), DONE) for (_, lease), queue in ends))


async def test_claims_and_ends_at_both_gateways_never_run_more_than_a_key_may(gateways: list[Queue]) -> None:
    await add_key(gateways[0], max_running=CAP)
    ids = {*await submit_many(gateways[0], 30), *await submit_many(gateways[0], 30, model=OTHER_MODEL)}
    running: set[str] = set()
    done: set[str] = set()

    async def work(n: int) -> None:
        queue = gateways[n % 2]
        while len(done) < len(ids):
            leases = await claim(queue, 2, worker=f"worker-{n}", wants=[want(), want(OTHER_MODEL)])
            running.update(lease.job_id for lease in leases)
            assert len(running) <= CAP
            await asyncio.sleep(0)  # the others claim meanwhile
            for lease in leases:
                running.discard(lease.job_id)  # before the database lets go of it
                await queue.finish(ref(lease), DONE)
                done.add(lease.job_id)

    await asyncio.gather(*(work(n) for n in range(6)))
    assert done == ids


async def test_claims_at_both_gateways_keep_to_the_cap_of_a_model(gateways: list[Queue]) -> None:
    for key_id in ("ada", "bob", "cyd"):
        await submit_many(gateways[0], 10, key_id)
    capped = Want(MODEL, "collage", max_running=CAP)
    for _ in range(4):
        got = await claims_at_once(gateways, 4, capped)
        assert len(got) == CAP
        await asyncio.gather(*(queue.finish(ref(lease), DONE) for queue, lease in got))


async def test_a_cap_of_all_keys_holds_for_each_over_both_gateways(open_queue: OpenQueue) -> None:
    terms = msgspec.structs.replace(TERMS, limits=KeyLimits(max_running=2))
    gateways = [await open_queue(terms), await open_queue(terms)]
    for key_id in ("ada", "bob", "cyd"):
        await submit_many(gateways[0], 10, key_id)
    got = await claims_at_once(gateways, 6)
    keys = [(await gateways[1].get(lease.job_id, None)).key_id for _, lease in got]
    assert sorted(keys) == ["ada", "ada", "bob", "bob", "cyd", "cyd"]


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        ({"rate_per_min": 1, "burst": 7}, RateLimited),
        ({"daily_outputs": 7}, BudgetSpent),
        ({"daily_usd": 0.7}, BudgetSpent),
        ({"max_waiting": 7}, QueueFull),
    ],
)
async def test_submits_at_both_gateways_spend_what_one_key_may(
    gateways: list[Queue], limits: dict[str, float], refusal: type[Exception]
) -> None:
    await add_key(gateways[0], **limits)
    models = [MODEL, OTHER_MODEL, "studio/third/edit"]
    asked = [
        submit(gateways[n % 2], model=models[n % 3], most_outputs=1, most_usd=0.1, idempotency_key=f"{n}")
        for n in range(60)
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(each, str) for each in answers) == 7
    assert all(isinstance(each, str | refusal) for each in answers)
    with pytest.raises(refusal):
        await submit(gateways[1], most_usd=0.1)


async def test_room_that_one_gateway_makes_wakes_a_worker_at_the_other(gateways: list[Queue]) -> None:
    here, there = gateways
    await add_key(here, max_running=1)
    await submit(here)
    await submit(here, model=OTHER_MODEL)
    (lease,) = await claim(here)
    assert await claim(there, wants=[want(OTHER_MODEL)]) == []
    with there.wakes.listen(f"model:{OTHER_MODEL}") as listener:
        await here.finish(ref(lease), DONE)
        assert await listener.wait(10.0)
    assert len(await claim(there, wants=[want(OTHER_MODEL)])) == 1


async def test_a_worker_is_known_and_drained_at_the_other_gateway(gateways: list[Queue]) -> None:

    here, there = gateways
    await here.add_worker(Worker("worker-1", Register("studio-1", ("collage",), 1), "http://one", "a"))
    with here.wakes.listen("worker:worker-1") as listener:
        assert (await there.wish_drain("worker-1")).drain_wish
        assert await listener.wait(10.0)
    assert [each.drain_wish for each in await here.workers()] == [True]

"""The words that the tests of the queue are written in: a clock to move, jobs, claims and outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from officina.job import (
    Failure,
    Filter,
    Job,
    Lease,
    LeaseRef,
    NewJob,
    News,
    Outcome,
    Output,
    State,
    StoredFile,
    new_id,
    new_secret,
)
from officina.queue.protocol import Queue, Taker, Terms, Want

MODEL = "studio/canvas/edit"
OTHER_MODEL = "studio/loom/edit"
TERMS = Terms()
PLENTY = 1_000_000

DONE = Outcome("succeeded")
BROKEN = Outcome("failed", failure=Failure("engine_failed", "The engine raised an error."))
TRY_AGAIN = Outcome("failed", failure=Failure("engine_crashed", "The engine died."), retry=True)
STOPPED = Outcome("cancelled")


class Clock:
    """The time of a test, in Unix seconds: it stands still until it is moved."""

    def __init__(self, now: float = 1_900_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += seconds


def new_job(key_id: str = "ada", model: str = MODEL, **changes: Any) -> NewJob:
    """A job as submit takes it."""
    values = {"id": new_id(), "model": model, "key_id": key_id, "input": b'{"prompt":"a boat"}'}
    return NewJob(**{**values, **changes})


async def submit(queue: Queue, key_id: str = "ada", model: str = MODEL, **changes: Any) -> str:
    """Submit one job; its id."""
    return (await queue.submit(new_job(key_id, model, **changes), PLENTY)).id


async def submit_many(queue: Queue, count: int, key_id: str = "ada", **changes: Any) -> list[str]:
    """Submit jobs of one key, in order; their ids."""
    jobs = [new_job(key_id, **changes) for _ in range(count)]
    return [each.id for each in await asyncio.gather(*(queue.submit(job, PLENTY) for job in jobs))]


def want(model: str = MODEL, *, warm: bool = False) -> Want:
    """A model that a worker can run."""
    return Want(model, "collage", warm)


async def claim(
    queue: Queue, n: int = 1, *, idle: int | None = None, worker: str = "worker-1", wants: Sequence[Want] = ()
) -> list[Lease]:
    """Claim up to `n` jobs with a new nonce; all of them start unless `idle` says how many."""
    taker = Taker(worker, new_secret(), n, n if idle is None else idle)
    return list(await queue.claim(taker, wants or [want()]))


async def claim_one(queue: Queue, worker: str = "worker-1") -> Lease:
    """Claim and start the next job."""
    (lease,) = await claim(queue, worker=worker)
    return lease


async def prefetch_one(queue: Queue, worker: str = "worker-1") -> Lease:
    """Claim the next job without starting it."""
    (lease,) = await claim(queue, idle=0, worker=worker)
    return lease


async def drain(queue: Queue, wants: Sequence[Want] = ()) -> list[str]:
    """Claim everything that is ready, one by one; the ids in the order of the claims."""
    order: list[str] = []
    while leases := await claim(queue, wants=wants):
        order += [lease.job_id for lease in leases]
    return order


def ref(lease: Lease) -> LeaseRef:
    """The lease as its holder names it."""
    return LeaseRef(lease.job_id, lease.token)


def news(lease: Lease, **said: Any) -> News:
    """What a worker says of a lease."""
    return News(lease.job_id, lease.token, **said)


async def state_of(queue: Queue, job_id: str) -> State:
    """The state that a job is in."""
    return (await queue.get(job_id, None)).state


async def ended_job(queue: Queue, key_id: str = "ada", outcome: Outcome = DONE, **changes: Any) -> Job:
    """Submit, claim and finish a job while nothing else waits."""
    job_id = await submit(queue, key_id, **changes)
    lease = await claim_one(queue)
    assert lease.job_id == job_id, "ended_job needs an empty queue"
    return await queue.finish(ref(lease), outcome)


def output(n: int = 0, **changes: Any) -> Output:
    """A picture that a run made."""
    picture = Output(n, "image", "image/png", ".png", size_bytes=9, sha256="ab")
    return msgspec.structs.replace(picture, **changes)


def upload(clock: Clock, key_id: str = "ada", **changes: Any) -> StoredFile:
    """The record of an uploaded file that expires in an hour."""
    name = new_secret()
    values = {
        "name": name,
        "suffix": ".png",
        "store_key": f"uploads/{name}.png",
        "key_id": key_id,
        "content_type": "image/png",
        "size_bytes": 9,
        "sha256": "ab",
        "created_at": clock.now,
        "expires_at": clock.now + 3600,
    }
    return StoredFile(**{**values, **changes})


async def all_jobs(queue: Queue, **where: Any) -> Sequence[Job]:
    """Every job that a filter lets through."""
    return await queue.list(Filter(**{"limit": PLENTY, **where}))


async def eventually(ask: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> None:
    """Ask until the answer is yes; fail when it is not within `within_s` seconds."""
    async with asyncio.timeout(within_s):
        while not await ask():
            await asyncio.sleep(0.02)

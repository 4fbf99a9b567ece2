"""Every operation in every situation leads where the table of transitions allows, and nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from itertools import product
from typing import NamedTuple

import pytest
from queue_implementations import OpenQueue
from queue_scene import (
    BROKEN,
    DONE,
    STOPPED,
    TERMS,
    TRY_AGAIN,
    Clock,
    claim,
    claim_one,
    prefetch_one,
    ref,
    submit,
)

from officina.errors import CallerError
from officina.job import ENDED, TRANSITIONS, Job, Lease, LeaseRef, News, Outcome, State
from officina.keys import Key
from officina.queue.protocol import Queue

HOLDER = "worker-1"


class Scene(NamedTuple):
    """A queue with one job in it, and the lease that its worker holds or last held."""

    queue: Queue
    clock: Clock
    job_id: str
    lease: LeaseRef

    async def job(self) -> Job:
        return await self.queue.get(self.job_id, None)


# The situations that a job can be in, each reached by operations alone.

Arrange = Callable[[Queue, str], Awaitable[Lease | None]]


async def _untouched(queue: Queue, job_id: str) -> None:
    return None


async def _delayed(queue: Queue, job_id: str) -> Lease:
    return await _finished(queue, TRY_AGAIN)


async def _prefetched(queue: Queue, job_id: str) -> Lease:
    return await prefetch_one(queue)


async def _running(queue: Queue, job_id: str) -> Lease:
    return await claim_one(queue)


async def _stopping(queue: Queue, job_id: str) -> Lease:
    lease = await claim_one(queue)
    await queue.cancel(job_id, None, force=True)
    return lease


async def _finished(queue: Queue, outcome: Outcome) -> Lease:
    lease = await claim_one(queue)
    await queue.finish(ref(lease), outcome)
    return lease


async def _succeeded(queue: Queue, job_id: str) -> Lease:
    return await _finished(queue, DONE)


async def _failed(queue: Queue, job_id: str) -> Lease:
    return await _finished(queue, BROKEN)


async def _cancelled(queue: Queue, job_id: str) -> Lease:
    return await _finished(queue, STOPPED)


SITUATIONS: Mapping[str, tuple[State, Arrange]] = {
    "waiting": ("queued", _untouched),
    "delayed": ("queued", _delayed),
    "prefetched": ("running", _prefetched),
    "running": ("running", _running),
    "stopping": ("running", _stopping),
    "succeeded": ("succeeded", _succeeded),
    "failed": ("failed", _failed),
    "cancelled": ("cancelled", _cancelled),
}


# The operations; each may be refused with a CallerError.


async def _finish(scene: Scene, outcome: Outcome) -> None:
    await scene.queue.finish(scene.lease, outcome)


async def _renew(scene: Scene, *, started: bool) -> None:
    said = News(scene.job_id, scene.lease.token, started, (("progress", {"fraction": 0.5}),))
    await scene.queue.renew(HOLDER, [said])


async def _let_the_lease_run_out(scene: Scene) -> None:
    scene.clock.forward(TERMS.lease_s + 1)
    await scene.queue.sweep()


async def _revoke(scene: Scene) -> None:
    await scene.queue.add_key(Key("ada", "Ada", b"ada", ("caller",), 0.0))
    await scene.queue.revoke_key("ada", cancel_waiting=True)


OPERATIONS: Mapping[str, Callable[[Scene], Awaitable[object]]] = {
    "claim": lambda scene: claim(scene.queue, worker="worker-2"),
    "start": lambda scene: _renew(scene, started=True),
    "renew": lambda scene: _renew(scene, started=False),
    "succeed": lambda scene: _finish(scene, DONE),
    "fail": lambda scene: _finish(scene, BROKEN),
    "fail, try again": lambda scene: _finish(scene, TRY_AGAIN),
    "stop": lambda scene: _finish(scene, STOPPED),
    "hand back": lambda scene: scene.queue.hand_back([scene.lease]),
    "cancel": lambda scene: scene.queue.cancel(scene.job_id, "ada"),
    "force-cancel": lambda scene: scene.queue.cancel(scene.job_id, "ada", force=True),
    "lease runs out": _let_the_lease_run_out,
    "worker dies": lambda scene: scene.queue.lose(HOLDER),
    "model gone": lambda scene: scene.queue.sweep(models=()),
    "key revoked": _revoke,
    "delete": lambda scene: scene.queue.delete(scene.job_id, "ada"),
}

LED_TO: Mapping[str, Mapping[str, State]] = {
    "waiting": {
        "claim": "running",
        "cancel": "cancelled",
        "force-cancel": "cancelled",
        "model gone": "failed",
        "key revoked": "cancelled",
    },
    "delayed": {
        "cancel": "cancelled",
        "force-cancel": "cancelled",
        "model gone": "failed",
        "key revoked": "cancelled",
    },
    "prefetched": {
        "succeed": "succeeded",
        "fail": "failed",
        "fail, try again": "queued",
        "stop": "cancelled",
        "hand back": "queued",
        "cancel": "cancelled",
        "force-cancel": "cancelled",
        "lease runs out": "queued",
        "worker dies": "queued",
    },
    "running": {
        "succeed": "succeeded",
        "fail": "failed",
        "fail, try again": "queued",
        "stop": "cancelled",
        "hand back": "queued",
        "lease runs out": "queued",
        "worker dies": "queued",
    },
    "stopping": {
        "succeed": "succeeded",
        "fail": "cancelled",
        "fail, try again": "cancelled",
        "stop": "cancelled",
        "hand back": "cancelled",
        "lease runs out": "cancelled",
        "worker dies": "cancelled",
    },
    "succeeded": {},
    "failed": {},
    "cancelled": {},
}
"""Where each operation leads from each situation; what is not listed changes no state."""

AT_THE_CAP: Mapping[str, State] = {
    "fail, try again": "failed",
    "lease runs out": "failed",
    "worker dies": "failed",
}
"""Where operations on a running job lead when it has no attempt left."""


async def scene_of(queue: Queue, clock: Clock, situation: str, max_attempts: int = 3) -> Scene:
    job_id = await submit(queue, max_attempts=max_attempts)
    state, arrange = SITUATIONS[situation]
    lease = await arrange(queue, job_id)
    scene = Scene(queue, clock, job_id, ref(lease) if lease else LeaseRef(job_id, "0" * 32))
    assert (await scene.job()).state == state
    return scene


async def outcome_of(scene: Scene, operation: str) -> State | None:
    """The state after the operation; None when the job is gone."""
    try:
        await OPERATIONS[operation](scene)
    except CallerError:
        return (await scene.job()).state
    if operation == "delete":
        with pytest.raises(CallerError):
            await scene.job()
        return None
    return (await scene.job()).state


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_an_operation_leads_where_it_shall(
    open_queue: OpenQueue, clock: Clock, situation: str, operation: str
) -> None:
    queue = await open_queue()
    clock.forward(TERMS.lease_s)  # past the first lease time, in which nothing is swept
    scene = await scene_of(queue, clock, situation)
    before = await scene.job()
    after = await outcome_of(scene, operation)
    if operation == "delete" and before.ended:
        assert after is None
        return
    assert after == LED_TO[situation].get(operation, before.state)
    assert after == before.state or after in TRANSITIONS[before.state]
    if before.ended:
        assert await scene.job() == before


@pytest.mark.parametrize("operation", AT_THE_CAP)
@pytest.mark.parametrize("situation", ["prefetched", "running"])
async def test_without_an_attempt_left_a_lost_run_is_the_last(
    open_queue: OpenQueue, clock: Clock, situation: str, operation: str
) -> None:
    queue = await open_queue()
    clock.forward(TERMS.lease_s)
    scene = await scene_of(queue, clock, situation, max_attempts=1)
    assert await outcome_of(scene, operation) == AT_THE_CAP[operation]


@pytest.mark.parametrize(("origin", "target"), list(product(TRANSITIONS, TRANSITIONS)))
def test_every_pair_of_states_is_reached_if_and_only_if_the_table_says_so(
    origin: State, target: State
) -> None:
    """The expected moves above, each of which ran on the real SQL, are the table: no more and no less."""
    situations = [name for name, (state, _) in SITUATIONS.items() if state == origin]
    led_to = {state for name in situations for state in LED_TO[name].values()}
    assert (target in led_to) == (target in TRANSITIONS[origin])


def test_the_ended_states_are_those_that_nothing_leaves() -> None:
    assert {"succeeded", "failed", "cancelled"} == ENDED


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_nothing_is_stuck_for_ever(open_queue: OpenQueue, clock: Clock, situation: str) -> None:
    """Time and one working worker bring a job to its end from every situation."""
    queue = await open_queue()
    scene = await scene_of(queue, clock, situation)
    for _ in range(3):
        clock.forward(TERMS.lease_s + TERMS.retry_most_s)
        await queue.sweep()
        for lease in await claim(queue):
            await queue.finish(ref(lease), DONE)
    ends = {"stopping": "cancelled", "failed": "failed", "cancelled": "cancelled"}
    assert (await scene.job()).state == ends.get(situation, "succeeded")

"""Random interleavings of everything that can happen to jobs, beside a simple model of what shall come of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from queue_implementations import IMPLEMENTATIONS
from queue_scene import (
    BROKEN,
    DONE,
    MODEL,
    PLENTY,
    STOPPED,
    TERMS,
    TRY_AGAIN,
    Clock,
    all_jobs,
    claim,
    new_job,
    news,
    ref,
    want,
)

from officina.errors import BudgetSpent, LeaseLost, QueueFull, StillActive, UnknownRequest
from officina.job import Depth, Event, Job, Lease, Outcome, State, new_secret
from officina.keys import KeyChange, KeyLimits, mint
from officina.queue.protocol import Queue, Taker

T = TypeVar("T")

WORKERS = st.sampled_from(["host-1/a", "host-1/b", "host-2/a"])
KEYS = st.sampled_from(["ada", "bob"])
TIMES_S = st.sampled_from(
    [0.5, 4.0, TERMS.lease_s - 1, TERMS.lease_s + 1, TERMS.retry_most_s * 2, 8 * 86400.0]
)
OUTCOMES = st.sampled_from([DONE, BROKEN, TRY_AGAIN, STOPPED])


@dataclass
class Expected:
    """What the model knows of one job."""

    key_id: str
    max_attempts: int
    most_outputs: int = 1
    state: State | None = "queued"
    """None when the job has been removed."""
    attempts: int = 0
    delayed: bool = False
    started: bool = False
    stop_wish: bool = False
    token: str = ""
    worker: str = ""
    lease_until: float = 0.0
    answer: Job | None = None
    """What finish said to the token; the same token again gets the same answer while nothing else happened."""
    seen: Job | None = None
    """The job when it was first seen ended; it never changes again."""
    events: list[Event] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        return self.state == "queued" or (self.state == "running" and not self.started)

    @property
    def ended(self) -> bool:
        return self.state in ("succeeded", "failed", "cancelled")

    def held_by(self, token: str) -> bool:
        """Whether this token is that of a lease in force."""
        return self.state == "running" and self.token == token

    def end(self, state: State) -> None:
        self.state, self.stop_wish = state, False

    def requeue(self, *, delayed: bool) -> None:
        self.state, self.delayed, self.started, self.stop_wish = "queued", delayed, False, False

    def fail_attempt(self, *, retry: bool) -> None:
        if self.stop_wish:
            self.end("cancelled")
        elif retry and self.attempts < self.max_attempts:
            self.requeue(delayed=True)
        else:
            self.end("failed")

    def finish(self, outcome: Outcome) -> None:
        if outcome.kind == "failed":
            self.fail_attempt(retry=outcome.retry)
        else:
            self.end(outcome.kind)


class QueueMachine(RuleBasedStateMachine):
    """Does things to a queue at random and checks after each that it is as the model says."""

    jobs = Bundle("jobs")
    leases = Bundle("leases")

    def __init__(self, implementation: str) -> None:
        super().__init__()
        self.clock = Clock()
        self.expected: dict[str, Expected] = {}
        self.taken: tuple[Taker, list[Lease]] | None = None
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.open = IMPLEMENTATIONS[implementation]
        self.opened: list[Queue] = []
        self.limits = {"ada": KeyLimits(), "bob": KeyLimits()}
        self.start()
        for key_id in self.limits:
            key = msgspec.structs.replace(mint(key_id, ("caller",))[0], id=key_id)
            self.run(self.queue.add_key(key))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def start(self) -> None:
        async def opened() -> Queue:
            return await self.open(Path(self.folder.name), TERMS, self.clock)

        self.queue = self.run(opened())
        self.opened.append(self.queue)
        self.no_expiry_before = self.clock.now + TERMS.lease_s

    def teardown(self) -> None:
        try:
            self.run(self.work_everything_to_its_end())
        finally:
            for queue in self.opened:
                self.run(queue.close())
            self.runner.close()
            self.folder.cleanup()

    async def work_everything_to_its_end(self) -> None:
        """No accepted job is lost: time and a worker bring each one to an end."""
        for key_id in self.limits:
            await self.queue.change_key(key_id, KeyChange(limits={"max_running": None}))
        open_ones = [job_id for job_id, job in self.expected.items() if job.state and not job.ended]
        for _ in range(4):
            self.clock.forward(TERMS.lease_s + 2 * TERMS.retry_most_s)
            await self.queue.sweep()
            for lease in await claim(self.queue, 1000):
                await self.queue.finish(ref(lease), DONE)
        for job_id in open_ones:
            assert (await self.queue.get(job_id, None)).ended

    def ready(self) -> dict[str, Expected]:
        return {
            job_id: job for job_id, job in self.expected.items() if job.state == "queued" and not job.delayed
        }

    # What a caller does

    @rule(
        target=jobs,
        key_id=KEYS,
        level=st.sampled_from([0, 1, 2]),
        cost=st.sampled_from([1.0, 3.0]),
        max_attempts=st.integers(1, 3),
        most_outputs=st.integers(1, 2),
    )
    def submit(self, key_id: str, level: int, cost: float, max_attempts: int, most_outputs: int) -> Any:
        job = new_job(key_id, level=level, cost=cost, max_attempts=max_attempts, most_outputs=most_outputs)
        budget = self.limits[key_id].daily_outputs
        if budget is not None and self.held(key_id) + most_outputs > budget:
            with pytest.raises(BudgetSpent):
                self.run(self.queue.submit(job, PLENTY))
            return multiple()
        self.run(self.queue.submit(job, PLENTY))
        self.expected[job.id] = Expected(key_id, max_attempts, most_outputs)
        return job.id

    def held(self, key_id: str) -> int:
        """What the open jobs of a key make at most; no run of this machine makes anything."""
        open_ones = [job for job in self.expected.values() if job.state and not job.ended]
        return sum(job.most_outputs for job in open_ones if job.key_id == key_id)

    @rule(
        key_id=KEYS,
        max_running=st.sampled_from([None, 1, 2]),
        daily_outputs=st.sampled_from([None, 2, 5]),
    )
    def change_limits(self, key_id: str, max_running: int | None, daily_outputs: int | None) -> None:
        limits = {"max_running": max_running, "daily_outputs": daily_outputs}
        self.limits[key_id] = self.run(self.queue.change_key(key_id, KeyChange(limits=limits))).limits
        assert self.limits[key_id] == KeyLimits(max_running=max_running, daily_outputs=daily_outputs)

    @rule(key_id=KEYS)
    def submit_to_a_full_queue(self, key_id: str) -> None:
        waiting = sum(job.state == "queued" and job.key_id == key_id for job in self.expected.values())
        with pytest.raises(QueueFull):
            self.run(self.queue.submit(new_job(key_id), waiting))

    @rule(job_id=jobs, force=st.booleans())
    def cancel(self, job_id: str, force: bool) -> None:
        expected = self.expected[job_id]
        if expected.state is None:
            return
        answer = self.run(self.queue.cancel(job_id, expected.key_id, force=force))
        if expected.waits:
            expected.end("cancelled")
        elif expected.state == "running":
            expected.stop_wish = expected.stop_wish or force
        assert answer.job.state == expected.state
        assert answer.stopping == (force and expected.state == "running")

    @rule(job_id=jobs)
    def delete(self, job_id: str) -> None:
        expected = self.expected[job_id]
        if expected.ended:
            self.run(self.queue.delete(job_id, None))
            expected.state = None
            return
        with pytest.raises(UnknownRequest if expected.state is None else StillActive):
            self.run(self.queue.delete(job_id, None))

    # What a worker does

    @rule(
        target=leases,
        worker=WORKERS,
        n=st.integers(1, 3),
        idle=st.integers(0, 3),
        most=st.sampled_from([None, None, 2]),
    )
    def claim(self, worker: str, n: int, idle: int, most: int | None) -> Any:
        taker = Taker(worker, new_secret(), n, idle)
        order = self.run(self.in_order(self.ready()))
        wanted = msgspec.structs.replace(want(), max_running=most)
        leases = list(self.run(self.queue.claim(taker, [wanted])))
        assert [lease.job_id for lease in leases] == self.allowed(order, taker, most)
        assert [lease.started for lease in leases] == [place < idle for place in range(len(leases))]
        self.note_claimed(worker, leases)
        self.taken = (taker, leases)
        return multiple(*leases)

    def allowed(self, order: Sequence[Job], taker: Taker, most: int | None) -> list[str]:
        """What a claim gives: the first that its key and the model have room for, but nothing limited ahead."""
        running = Counter(job.key_id for job in self.expected.values() if job.state == "running")
        left, taken = list(order), list[str]()
        while left and len(taken) < taker.n:
            starts = len(taken) < taker.idle
            caps = {key_id: limits.max_running for key_id, limits in self.limits.items()}
            able = [job for job in left if (cap := caps[job.key_id]) is None or running[job.key_id] < cap]
            if not starts and (most is not None or caps[left[0].key_id] is not None):
                break
            if not able or (most is not None and running.total() >= most):
                break
            left.remove(able[0])
            taken.append(able[0].id)
            running[able[0].key_id] += 1
        return taken

    async def in_order(self, job_ids: Iterable[str]) -> list[Job]:
        found = [await self.queue.get(job_id, None) for job_id in job_ids]
        return sorted(found, key=lambda job: (job.tag, job.seq))

    def note_claimed(self, worker: str, leases: Sequence[Lease]) -> None:
        for lease in leases:
            job = self.expected[lease.job_id]
            job.state, job.attempts, job.started, job.answer = (
                "running",
                job.attempts + 1,
                lease.started,
                None,
            )
            job.token, job.worker, job.lease_until = lease.token, worker, self.clock.now + TERMS.lease_s
            assert lease.attempt == job.attempts

    @precondition(lambda self: self.taken is not None)
    @rule(target=leases)
    def claim_again(self) -> Any:
        """The answer to the last claim was lost; what it gave is given again, and perhaps more to fill up."""
        assert self.taken is not None
        taker, before = self.taken
        held = {lease.token for lease in before if self.expected[lease.job_id].held_by(lease.token)}
        leases = list(self.run(self.queue.claim(taker, [want()])))
        assert held <= {lease.token for lease in leases}
        assert len(leases) <= max(taker.n, len(held))
        more = [lease for lease in leases if lease.token not in held]
        self.note_claimed(taker.worker, more)
        self.taken = (taker, leases)
        return multiple(*more)

    @rule(lease=leases, started=st.booleans(), lines=st.integers(0, 2))
    def renew(self, lease: Lease, started: bool, lines: int) -> None:
        expected = self.expected[lease.job_id]
        said = tuple(("log", {"line": str(n)}) for n in range(lines))
        answer = self.run(self.queue.renew(expected.worker, [news(lease, started=started, events=said)]))
        held = expected.held_by(lease.token)
        assert answer.lost == (() if held else (lease.job_id,))
        if held:
            expected.lease_until = self.clock.now + TERMS.lease_s
            expected.started = expected.started or started

    @rule(lease=leases, outcome=OUTCOMES)
    def finish(self, lease: Lease, outcome: Outcome) -> None:
        expected = self.expected[lease.job_id]
        if expected.held_by(lease.token):
            expected.answer = self.run(self.queue.finish(ref(lease), outcome))
            expected.finish(outcome)
            return
        try:
            answer = self.run(self.queue.finish(ref(lease), outcome))
        except LeaseLost:
            repeated = expected.answer is not None and expected.token == lease.token
            assert not repeated or expected.state is None or expected.answer != self.now(lease.job_id)
        else:
            assert answer == self.now(lease.job_id), "a lost lease changes nothing"

    def now(self, job_id: str) -> Job:
        return self.run(self.queue.get(job_id, None))

    @rule(lease=leases)
    def hand_back(self, lease: Lease) -> None:
        expected = self.expected[lease.job_id]
        held = expected.held_by(lease.token)
        assert self.run(self.queue.hand_back([ref(lease)])) == int(held)
        if held and expected.stop_wish:
            expected.end("cancelled")
        elif held:
            expected.requeue(delayed=False)
            expected.attempts -= 1

    # What time and trouble do

    @rule(seconds=TIMES_S)
    def time_passes(self, seconds: float) -> None:
        self.clock.forward(seconds)

    @rule()
    def sweep(self) -> None:
        now = self.clock.now
        running = [job for job in self.expected.values() if job.state == "running"]
        for job in running:
            if now >= self.no_expiry_before and job.lease_until < now:
                job.fail_attempt(retry=True)
        for job_id, job in self.expected.items():
            if self.is_expired(job_id, job):
                job.state = None
        due = [job for job_id, job in self.expected.items() if self.is_due(job_id, job)]
        self.run(self.queue.sweep())
        for job in due:
            job.delayed = False

    def is_expired(self, job_id: str, job: Expected) -> bool:
        finished_at = self.now(job_id).finished_at if job.ended else None
        return finished_at is not None and finished_at < self.clock.now - TERMS.retention_s

    def is_due(self, job_id: str, job: Expected) -> bool:
        run_at = self.now(job_id).run_at if job.state == "queued" else None
        return run_at is not None and run_at <= self.clock.now

    @rule(host=st.sampled_from(["host-1/", "host-2/a", "host-3/"]))
    def lose(self, host: str) -> None:
        lost = [
            job for job in self.expected.values() if job.state == "running" and job.worker.startswith(host)
        ]
        for job in lost:
            job.fail_attempt(retry=True)
        swept = self.run(self.queue.lose(host))
        assert swept.retried + swept.failed + swept.cancelled == len(lost)

    @rule(cleanly=st.booleans())
    def reopen(self, cleanly: bool) -> None:
        if cleanly:
            self.run(self.queue.close())
        self.start()

    # What always holds

    @invariant()
    def every_job_is_as_expected(self) -> None:
        self.run(self.check_jobs())

    async def check_jobs(self) -> None:
        await asyncio.gather(*(self.check_job(*each) for each in self.expected.items()))

    async def check_job(self, job_id: str, expected: Expected) -> None:
        if expected.state is None:
            with pytest.raises(UnknownRequest):
                await self.queue.get(job_id, None)
            return
        job = await self.queue.get(job_id, None)
        assert (job.state, job.attempts) == (expected.state, expected.attempts)
        assert job.attempts <= expected.max_attempts
        assert job.waiting == expected.waits
        assert (job.finished_at is not None) == expected.ended
        assert (job.run_at is not None) == (expected.state == "queued" and expected.delayed)
        if expected.seen is not None:
            assert job == expected.seen, "an ended job changed"
        expected.seen = job if expected.ended else None
        await self.check_events(job_id, expected)

    async def check_events(self, job_id: str, expected: Expected) -> None:
        events = list(await self.queue.events(job_id))
        assert [event.n for event in events] == list(range(1, len(events) + 1))
        assert events[: len(expected.events)] == expected.events, "history was rewritten"
        kinds = [event.kind for event in events]
        assert kinds[0] == "queued"
        assert kinds.count("ended") == int(expected.ended)
        assert not expected.ended or kinds[-1] == "ended"
        expected.events = events

    @invariant()
    def the_counts_are_those_of_the_jobs(self) -> None:
        states = Counter(job.state for job in self.expected.values())
        depth = self.run(self.queue.depth()).get(MODEL, Depth())
        assert (depth.waiting, depth.running) == (states["queued"], states["running"])
        listed = {job.id for job in self.run(all_jobs(self.queue))}
        assert listed == {job_id for job_id, job in self.expected.items() if job.state is not None}

    @invariant()
    def what_keys_take_is_counted(self) -> None:
        uses = self.run(self.queue.use(list(self.limits)))
        for key_id, use in uses.items():
            states = Counter(job.state for job in self.expected.values() if job.key_id == key_id)
            assert (use.waiting, use.running) == (states["queued"], states["running"])
            if self.limits[key_id].is_budgeted:
                assert use.held_outputs == self.held(key_id)

    @invariant()
    def each_worker_hears_of_its_stop_wishes(self) -> None:
        for worker in ("host-1/a", "host-1/b", "host-2/a"):
            wishes = {
                job_id for job_id, job in self.expected.items() if job.stop_wish and job.worker == worker
            }
            assert set(self.run(self.queue.renew(worker, [])).stop) == wishes


EXAMPLES = {"sqlite": 60, "postgres": 12}
"""How many histories are tried; each step on a server takes many times as long as in a file."""


@pytest.mark.parametrize("name", sorted(IMPLEMENTATIONS))
def test_whatever_happens_an_accepted_job_is_never_lost_and_ends_once(name: str) -> None:
    run_state_machine_as_test(
        lambda: QueueMachine(name),
        settings=settings(
            max_examples=EXAMPLES[name],
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )

"""A run can be stopped for certain, and what was stopped or lost leaves no result behind."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from gateway_double import Job
from worker_scene import PICTURES, Scene, alive, png, working


async def running(scene: Scene, engine: str) -> Job:
    """Submit a job, and wait until its engine says that it works."""
    job = scene.gateway.submit(engine)
    await scene.gateway.until(job.progress)
    return job


@pytest.mark.parametrize("engine", ["slow", "catcher"])
async def test_a_run_that_listens_is_stopped_and_its_process_kept(tmp_path: Path, engine: str) -> None:
    async with working(tmp_path) as scene:
        job = await running(scene, engine)
        scene.gateway.wish_stop(job)
        outcome = await scene.gateway.result(job)
        assert outcome.kind == "cancelled"
        assert outcome.run_s > 0
        assert alive(job.pid)
        assert (await running(scene, engine)).pid == job.pid


@pytest.mark.parametrize("engine", ["stubborn", "busy"])
async def test_a_run_that_does_not_listen_is_killed_and_its_process_replaced(
    tmp_path: Path, engine: str
) -> None:
    async with working(tmp_path) as scene:
        job = await running(scene, engine)
        scene.gateway.wish_stop(job)
        assert (await scene.gateway.result(job)).kind == "cancelled"
        assert not alive(job.pid)
        assert (await scene.gateway.result(scene.gateway.submit("echo"))).kind == "succeeded"


async def test_a_stop_does_not_touch_the_run_in_the_next_slot(tmp_path: Path) -> None:
    async with working(tmp_path, slots=2) as scene:
        unwanted, other = await running(scene, "stubborn"), await running(scene, "slow")
        scene.gateway.wish_stop(unwanted)
        await scene.gateway.result(unwanted)
        assert alive(other.pid)
        assert not other.ended


async def test_a_job_is_stopped_while_its_inputs_are_fetched(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        name = scene.gateway.store(png(2, 2))
        scene.gateway.hold(name)
        job = scene.gateway.submit("echo", {"pictures": [name]}, media=PICTURES)
        await scene.gateway.until(lambda: scene.gateway.calls["files"])
        scene.gateway.wish_stop(job)
        assert (await scene.gateway.result(job)).kind == "cancelled"
        assert (await scene.gateway.result(scene.gateway.submit("echo"))).kind == "succeeded"


async def test_a_job_is_stopped_while_its_engine_loads(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        job = scene.gateway.submit("broken", options={"how": "never"})
        await scene.gateway.until(lambda: job.renewals)
        scene.gateway.wish_stop(job)
        assert (await scene.gateway.result(job)).kind == "cancelled"
        assert (await scene.gateway.result(scene.gateway.submit("echo"))).kind == "succeeded"


async def test_a_job_that_waits_for_its_turn_is_stopped_without_a_run(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        first, ahead = await running(scene, "slow"), scene.gateway.submit("echo")
        await scene.gateway.until(lambda: ahead.state == "running")
        scene.gateway.wish_stop(ahead)
        outcome = await scene.gateway.result(ahead)
        assert (outcome.kind, outcome.run_s) == ("cancelled", 0)
        assert not first.ended
        assert not ahead.started


def has_come_so_far(job: Job, events: int) -> bool:
    return job.ended or (job.started and len(job.events) >= events)


async def test_a_job_is_stopped_fifty_times_at_any_moment_of_its_run(tmp_path: Path) -> None:
    async with working(tmp_path, slots=2) as scene:
        jobs = [scene.gateway.submit("slow", {"seconds": n / 500}) for n in range(50)]
        for number, job in enumerate(jobs):
            await scene.gateway.until(partial(has_come_so_far, job, number % 3))
            scene.gateway.wish_stop(job)
        kinds = {(await scene.gateway.result(job)).kind for job in jobs}
        assert kinds <= {"succeeded", "cancelled"}
        assert "cancelled" in kinds


async def test_a_lost_lease_ends_its_run_and_drops_its_result(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        job = await running(scene, "slow")
        first = job.token
        job.input["seconds"] = 0
        job.events.clear()
        scene.gateway.expire(job)
        assert (await scene.gateway.result(job)).kind == "succeeded"
        assert job.attempt == 2
        assert job.ended_by not in {"", first}


async def test_a_lease_that_is_lost_when_its_outputs_are_stored_is_dropped(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        scene.gateway.failing["jobs"] = [503] * 3
        job = scene.gateway.submit("echo")
        await scene.gateway.until(lambda: scene.gateway.calls["jobs"])
        job.state = "cancelled"
        assert (await scene.gateway.result(scene.gateway.submit("echo"))).kind == "succeeded"
        await scene.end()
        assert job.outcome is None
        assert any(line.startswith("409") for line in scene.gateway.refused)

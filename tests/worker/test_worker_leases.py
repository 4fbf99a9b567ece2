"""Leases are kept while runs go on, and neither lost answers nor restarts of the gateway lose a result."""

from __future__ import annotations

from pathlib import Path

import pytest
from gateway_double import GatewayDouble, Job
from worker_scene import PICTURES, Scene, png, working

NEW_SINCE_0_1 = ("memory_mb", "release", "straight", "files_url", "memo", "forget", "drain", "draining")
"""Fields of the link that a gateway of release 0.1 knows nothing of."""


async def running(scene: Scene, engine: str = "slow", seconds: float = 60) -> Job:
    """Submit a job, and wait until its engine says that it works."""
    job = scene.gateway.submit(engine, {"seconds": seconds})
    await scene.gateway.until(job.progress)
    return job


async def test_leases_are_renewed_while_the_engine_holds_its_interpreter(tmp_path: Path) -> None:
    async with working(tmp_path, GatewayDouble(lease_s=0.3)) as scene:
        job = await running(scene, "busy")
        renewals = job.renewals
        await scene.gateway.until(lambda: job.renewals > renewals + 5)


async def test_a_gateway_of_the_release_before_is_served(tmp_path: Path) -> None:
    gateway = GatewayDouble(lease_s=0.3, lacking=NEW_SINCE_0_1)
    async with working(tmp_path, gateway) as scene:
        assert (await gateway.result(gateway.submit("echo"))).kind == "succeeded"
        stopped = await running(scene)
        renewals = stopped.renewals
        await gateway.until(lambda: stopped.renewals > renewals + 2)
        gateway.wish_stop(stopped)
        assert (await gateway.result(stopped)).kind == "cancelled"
        given_up = await running(scene)
        scene.hurry.set()
        await scene.end()
        assert gateway.handed_back == [given_up.id]
    assert not gateway.refused
    [hello] = gateway.hellos.values()
    assert (hello.memory_mb, hello.release) == (0, "")


async def test_a_worker_without_leases_does_not_renew(tmp_path: Path) -> None:
    async with working(tmp_path, GatewayDouble(lease_s=0.3)) as scene:
        await scene.gateway.result(scene.gateway.submit("echo"))
        before = scene.gateway.calls["renew"]
        await scene.gateway.result(scene.gateway.submit("echo"))
        assert scene.gateway.calls["renew"] <= before + 3


async def test_the_inputs_of_the_next_job_are_fetched_while_the_first_one_runs(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        first = await running(scene)
        name = scene.gateway.store(png(2, 2))
        jobs = [scene.gateway.submit("echo", {"pictures": [name]}, media=PICTURES) for _ in range(3)]
        await scene.gateway.until(lambda: scene.gateway.calls["files"])
        assert [job.state for job in jobs] == ["running", "queued", "queued"], "one ahead, not more"
        assert not jobs[0].started
        scene.gateway.wish_stop(first)
        assert (await scene.gateway.result(jobs[0])).kind == "succeeded"
        assert jobs[0].started, "told when its turn came"


async def test_a_claim_asks_for_every_idle_slot_and_for_one_job_ahead_only_when_one_runs(
    tmp_path: Path,
) -> None:
    async with working(tmp_path, slots=2) as scene:
        await scene.gateway.until(lambda: scene.gateway.claims)
        await running(scene)
        await running(scene)
        await scene.gateway.until(lambda: scene.gateway.claims[-1].idle == 0)
        assert [(asked.n, asked.idle) for asked in scene.gateway.claims] == [(2, 2), (2, 1), (1, 0)]


async def test_a_claim_whose_answer_was_lost_is_asked_again_by_its_nonce(tmp_path: Path) -> None:
    gateway = GatewayDouble()
    gateway.losing["claim"] = 2
    async with working(tmp_path, gateway, slots=2) as scene:
        jobs = [gateway.submit("echo") for _ in range(2)]
        for job in jobs:
            assert (await gateway.result(job)).kind == "succeeded"
            assert job.attempt == 1
        assert len({asked.nonce for asked in gateway.claims[:3]}) == 1
        assert await scene.end() == 0


async def test_an_end_whose_answer_was_lost_is_told_again_under_the_same_token(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        scene.gateway.losing["finish"] = 3
        job = scene.gateway.submit("echo")
        await scene.gateway.result(job)
        await scene.gateway.until(lambda: scene.gateway.calls["finish"] == 4)
        assert await scene.end() == 0
        assert job.attempt == 1
        assert scene.gateway.refused == []


@pytest.mark.parametrize("forgetful", [False, True])
async def test_a_restart_of_the_gateway_loses_no_run(tmp_path: Path, forgetful: bool) -> None:
    async with working(tmp_path) as scene:
        job = await running(scene, seconds=0.4)
        await scene.gateway.stop()
        await scene.gateway.start(forgetful=forgetful)
        assert (await scene.gateway.result(job)).kind == "succeeded"
        assert job.attempt == 1
        assert (await scene.gateway.result(scene.gateway.submit("echo"))).kind == "succeeded"
        assert len(scene.gateway.hellos) == 1


async def test_a_run_that_ends_while_the_gateway_is_away_is_told_when_it_is_back(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        name = scene.gateway.store(png(2, 2))
        scene.gateway.hold(name)
        job = scene.gateway.submit("echo", {"pictures": [name]}, media=PICTURES)
        await scene.gateway.until(lambda: scene.gateway.calls["files"])
        scene.gateway.failing = {"finish": [500, 502, 503], "jobs": [503]}
        scene.gateway.release(name)
        await scene.gateway.until(lambda: scene.gateway.calls["finish"] == 3)
        await scene.gateway.stop()
        await scene.gateway.start(forgetful=True)
        assert (await scene.gateway.result(job)).kind == "succeeded"
        assert job.attempt == 1


async def test_a_worker_waits_for_a_gateway_that_is_not_there_yet(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        await scene.gateway.stop()
        second = Scene(scene.gateway, scene.options, scene.stop, scene.hurry)
        second.begin()
        await scene.gateway.start()
        job = scene.gateway.submit("echo")
        assert (await scene.gateway.result(job)).kind == "succeeded"
        assert await second.end() == 0


async def test_a_key_that_is_refused_ends_the_worker(tmp_path: Path) -> None:
    gateway = GatewayDouble()
    gateway.keys.clear()
    async with working(tmp_path, gateway) as scene:
        assert await scene.code() == 77


async def test_a_key_that_is_revoked_ends_the_worker_and_its_runs(tmp_path: Path) -> None:
    async with working(tmp_path, GatewayDouble(lease_s=0.3)) as scene:
        job = await running(scene)
        scene.gateway.keys.clear()
        assert await scene.code() == 77
        assert not job.ended


async def test_a_gateway_of_another_version_ends_the_worker_with_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = GatewayDouble()
    gateway.failing["register"] = [400]
    async with working(tmp_path, gateway) as scene:
        assert await scene.code() == 78
    assert "register fails" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gateway": "gateway.example"}, "must start with http:// or https://"),
        ({"gateway": "http://gateway.example"}, "Plain http to another machine"),
        ({"key": ""}, "needs a key"),
        ({"key": "two\nlines"}, "needs a key"),
        ({"slots": 0}, "at least one slot"),
        ({"engines": ("colage",)}, "There is no engine 'colage'; known are"),
    ],
)
async def test_a_worker_that_is_set_up_wrongly_says_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict[str, object], words: str
) -> None:
    async with working(tmp_path, **options) as scene:
        assert await scene.code() == 78
    assert words in capsys.readouterr().out

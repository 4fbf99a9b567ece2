"""A worker as a process: it ends as it is told to, takes its engines along, and leaves nothing behind."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
from gateway_double import GatewayDouble, Job
from worker_scene import alive, beside, until


async def running(gateway: GatewayDouble, engine: str, seconds: float = 60) -> Job:
    """Submit a job, and wait until its engine says that it works."""
    job = gateway.submit(engine, {"seconds": seconds})
    await gateway.until(job.progress)
    return job


def left_behind(folder: Path) -> list[Path]:
    return list(folder.glob("officina-worker-*"))


async def test_a_signal_lets_the_run_end_and_hands_the_next_one_back(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path) as worker:
        job = await running(gateway, "slow", seconds=1)
        ahead = gateway.submit("slow")
        await gateway.until(lambda: ahead.state == "running")
        worker.send(signal.SIGTERM)
        await gateway.until(lambda: gateway.handed_back)
        assert not job.ended
        code, log = await worker.ended()
        assert code == 0, log
        assert job.outcome is not None
        assert job.outcome.kind == "succeeded"
        assert (ahead.state, ahead.attempt, ahead.started) == ("queued", 0, False)
        assert left_behind(tmp_path) == []
        assert not alive(job.pid)


async def test_a_run_that_outlasts_the_drain_time_is_handed_back(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path, "--drain", "0.2") as worker:
        job = await running(gateway, "stubborn")
        worker.send(signal.SIGTERM)
        assert (await worker.ended())[0] == 0
        assert (job.state, job.attempt) == ("queued", 0)
        assert not alive(job.pid)


async def test_the_second_signal_hands_back_at_once(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path) as worker:
        job = await running(gateway, "stubborn")
        ahead = gateway.submit("echo")
        await gateway.until(lambda: ahead.state == "running")
        worker.send(signal.SIGINT)
        await gateway.until(lambda: gateway.handed_back == [ahead.id])
        worker.send(signal.SIGINT)
        assert (await worker.ended())[0] == 0
        assert gateway.handed_back == [ahead.id, job.id]


async def test_a_worker_that_waits_for_work_stops_at_once(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path) as worker:
        await gateway.until(lambda: gateway.claims)
        worker.send(signal.SIGTERM)
        assert (await worker.ended())[0] == 0
        assert left_behind(tmp_path) == []


async def test_what_a_broken_off_claim_was_given_is_handed_back(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path) as worker:
        gateway.losing["claim"] = 10**6
        job = gateway.submit("echo")
        await gateway.until(lambda: job.state == "running")
        gateway.losing["claim"] = 0
        worker.send(signal.SIGTERM)
        assert (await worker.ended())[0] == 0
        assert job.ended or gateway.handed_back == [job.id]


async def test_a_worker_that_is_killed_takes_its_engine_along(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path) as worker:
        await running(gateway, "slow")
        pids = [child.pid for child in psutil.Process(worker.pid).children(recursive=True)]
        assert pids
        worker.send(signal.SIGKILL)
        await worker.ended()
        await until(lambda: not any(alive(pid) for pid in pids))


async def test_a_busy_engine_ends_with_a_killed_worker_too(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path) as worker:
        job = await running(gateway, "busy")
        worker.send(signal.SIGKILL)
        await worker.ended()
        await until(lambda: not alive(job.pid))


async def test_a_worker_ends_at_once_with_its_parent_and_so_does_the_engine(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path) as worker:
        job = await running(gateway, "stubborn")
        worker.let_go()
        assert (await worker.ended())[0] == 0
        assert gateway.handed_back == [job.id]
        assert not alive(job.pid)
        assert left_behind(tmp_path) == []


async def test_a_worker_ends_with_its_parent_when_the_gateway_is_gone_as_well(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path) as worker:
        job = await running(gateway, "stubborn")
        await gateway.stop()
        worker.let_go()
        assert (await worker.ended())[0] == 0
        assert not alive(job.pid)


async def test_what_a_killed_worker_left_is_removed_by_the_next(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway:
        async with beside(gateway, tmp_path) as first:
            await running(gateway, "stubborn")
            first.send(signal.SIGKILL)
            await first.ended()
        (stale,) = left_behind(tmp_path)
        async with beside(gateway, tmp_path) as second, beside(gateway, tmp_path) as third:
            await gateway.until(lambda: len({asked.worker_id for asked in gateway.claims}) == 3)
            assert stale not in left_behind(tmp_path)
            assert len(left_behind(tmp_path)) == 2, "workers that live keep theirs"
            for worker in (second, third):
                worker.send(signal.SIGTERM)
                assert (await worker.ended())[0] == 0


async def test_inputs_and_outputs_lie_in_a_private_folder(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path):
        await running(gateway, "slow")
        (folder,) = left_behind(tmp_path)
        modes = {path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]}
        assert modes == {0}


async def test_the_key_appears_in_no_log_and_in_no_argument(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway, beside(gateway, tmp_path, "--log-format", "json") as worker:
        job = gateway.submit("raiser", {"what": "bug", "prompt": "a secret wish"})
        outcome = await gateway.result(job)
        assert "operator" in str(outcome.failure)
        command = psutil.Process(worker.pid).cmdline()
        environment = psutil.Process(worker.pid).children()[0].environ()
        worker.send(signal.SIGTERM)
        code, log = await worker.ended()
        assert code == 0
        assert "ValueError" in log
        assert not any(secret in log for secret in ("a-worker-key", "a secret wish", job.token))
        assert not any("a-worker-key" in word for word in command)
        assert "OFFICINA_WORKER_KEY" not in environment


async def test_a_worker_that_still_looks_for_its_gateway_stops_at_once(tmp_path: Path) -> None:
    async with GatewayDouble() as gateway:
        await gateway.stop()
        async with beside(gateway, tmp_path) as worker:
            await until(lambda: left_behind(tmp_path))
            worker.send(signal.SIGTERM)
            assert (await worker.ended())[0] == 0
            assert left_behind(tmp_path) == []

"""`officina fleet ray` on a cluster of several nodes: placing, scaling, and whatever dies."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ray.cluster_utils import Cluster
from road_server import ECHO, Server, serving

from ray_scene import DEADLINE_S, ENGINE, add_node, fleet, lose, new_cluster, on_node, reached


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head and two nodes with a GPU each."""
    made = new_cluster()
    add_node(made)
    add_node(made)
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gateway without workers of its own, quick to give up on those it has."""
    folder = tmp_path_factory.mktemp("gateway")
    settings = folder / "officina.toml"
    settings.write_text(f'[engines."{ECHO}"]\nengine = "{ENGINE}"\ndeadline_s = 120\n')
    flags = ("--config", str(settings), "--lease-s", "2", "--retry-s", "0.1")
    with serving(folder / "data", *flags, workers=0) as running:
        yield running


def attempts(server: Server, request_id: str) -> int:
    return int(server.http.get(f"/v1/requests/{request_id}").json()["attempts"])


def test_workers_come_with_the_queue_and_go_without_breaking_off_what_runs(
    cluster: Cluster, server: Server, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with fleet(cluster, "scaled", server, "--gpus", "0.5", "--max", "3", "--quiet", "1") as running:
        short = [server.submit({"prompt": "copy", "seconds": 0.5}) for _ in range(5)]
        long = server.submit({"prompt": f"await {gate}"})  # last, so that none is fetched ahead behind it
        workers = reached(lambda: len(found := running.processes()) == 3 and found)
        gpus = [each.environ()["CUDA_VISIBLE_DEVICES"] for each in workers.values()]
        assert gpus == ["0"] * 3  # the first of its node
        assert [server.result(each, 60)["status"] for each in short] == ["succeeded"] * 5

        reached(lambda: len(running.processes()) == 1)
        assert server.status(long)["status"] == "in_progress"
        gate.touch()
        assert server.result(long, 60)["status"] == "succeeded"
        assert attempts(server, long) == 1

        reached(lambda: not running.processes())
        assert running.stop() == 0


def test_a_driver_that_was_killed_finds_its_workers_again_and_a_stop_lets_them_drain(
    cluster: Cluster, server: Server, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    bounds = ("--gpus", "0.5", "--min", "2", "--max", "2")
    with fleet(cluster, "found", server, *bounds) as running:
        reached(lambda: len(running.workers()) == 2)
        workers = set(running.processes())
        drivers = psutil.Process(running.process.pid).children()
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        psutil.wait_procs(drivers, 30)
        assert not any(each.is_running() for each in drivers)
        assert server.run({"prompt": "copy"})["status"] == "succeeded"

    with fleet(cluster, "found", server, *bounds) as again:
        reached(lambda: again.said().count("fleet_driven") == 2)
        request_id = server.submit({"prompt": f"await {gate}"})
        server.wait_for(request_id, "in_progress")
        assert set(again.processes()) == workers
        again.process.terminate()
        reached(lambda: again.said().count("worker_drains") == 2)
        gate.touch()
        assert again.process.wait(DEADLINE_S) == 0
        assert not again.processes()
    assert attempts(server, request_id) == 1
    assert server.result(request_id)["status"] == "succeeded"


def test_a_node_that_dies_under_load_loses_nothing_and_its_worker_is_placed_elsewhere(
    cluster: Cluster, server: Server
) -> None:
    with fleet(cluster, "moved", server, "--gpus", "0.5", "--min", "2", "--max", "2") as running:
        reached(lambda: len(running.workers()) == 2)
        jobs = [server.submit({"prompt": "copy", "seconds": 1}) for _ in range(8)]
        server.wait_for(jobs[1], "in_progress")

        before = running.processes()
        names = {each: each.cmdline()[5:7] for each in before.values()}
        lost = next(each for each in cluster.worker_nodes if on_node(each) & before.keys())
        lose(cluster, lost)

        assert [server.result(each, 60)["status"] for each in jobs] == ["succeeded"] * 8
        [left] = cluster.worker_nodes
        after = reached(lambda: len(found := running.processes()) == 2 and found)
        assert after.keys() <= on_node(left)
        assert sorted(each.cmdline()[5:7] for each in after.values()) == sorted(names.values())
        for each in jobs:
            assert server.events(each)[-1]["kind"] == "ended"
        assert running.stop() == 0


def test_when_the_head_dies_the_driver_says_so_and_the_workers_go_on(
    cluster: Cluster, server: Server
) -> None:
    with fleet(cluster, "headless", server, "--gpus", "1", "--min", "1") as running:
        reached(running.workers)
        lose(cluster, cluster.head_node)
        assert server.run({"prompt": "copy"})["status"] == "succeeded"
        reached(lambda: "driver_ended" in running.said())
        assert running.process.poll() is None
        assert server.run({"prompt": "copy"})["status"] == "succeeded"
        assert running.stop() == 69
        assert "workers_left" in running.said()

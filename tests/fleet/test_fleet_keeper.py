"""What stands on a node: keeps a worker running, lets it drain, and takes it along when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from road_server import ECHO, HERE, Server, serving, until

from officina.fleet.keeper import Keeper, Report
from officina.fleet.order import Errand

ENGINE = "road_engines:Echo"


@pytest.fixture(autouse=True)
def _importable_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server without workers of its own, quick to give up on those it has."""
    with serving(tmp_path / "data", "--lease-s", "2", "--retry-s", "0.1", workers=0) as running:
        yield running


def errand_for(server: Server, key: str = "") -> Errand:
    asked = {"name": "workers", "scopes": ["worker"]}
    key = key or str(server.http.post("/v1/keys", json=asked).json()["key"])
    return Errand(server.url, key, engines=ENGINE)


def pid_of(name: str, parent: int | None = None) -> int:
    """The process of the worker of that name; 0 while there is none."""
    children = psutil.Process(parent).children()
    return next((each.pid for each in children if name in _words(each)), 0)


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def ended(keeper: Keeper) -> bool:
    return keeper.report().phase == "ended"


def test_a_worker_runs_jobs_until_it_is_drained_and_what_runs_comes_to_its_end(server: Server) -> None:
    keeper = Keeper(errand_for(server), "kept")
    request_id = server.submit({"prompt": "copy", "seconds": 1})
    server.wait_for(request_id, "in_progress")
    assert keeper.report() == Report("working")

    keeper.drain()

    assert server.result(request_id)["status"] == "succeeded"
    assert server.http.get(f"/v1/requests/{request_id}").json()["attempts"] == 1
    until(lambda: ended(keeper))
    assert not pid_of("kept")


def test_a_worker_that_dies_is_started_again(server: Server) -> None:
    keeper = Keeper(errand_for(server), "again")
    first = until(lambda: pid_of("again"))
    os.kill(first, signal.SIGKILL)
    second = until(lambda: (found := pid_of("again")) != first and found)
    assert second and server.run({"prompt": "copy"})["status"] == "succeeded"
    keeper.drain()
    until(lambda: ended(keeper))


def test_a_worker_that_the_gateway_lets_go_stays_away(server: Server) -> None:
    keeper = Keeper(errand_for(server), "let-go")
    until(lambda: server.http.get(f"/v1/models/{ECHO}").json()["ready"])
    [worker] = server.http.get("/v1/workers").json()["workers"]
    server.http.post(f"/v1/workers/{worker['worker_id']}/drain")
    until(lambda: ended(keeper))
    assert keeper.report() == Report("ended")


def test_a_worker_whose_key_is_refused_says_so_and_can_still_be_let_go(server: Server) -> None:
    keeper = Keeper(errand_for(server, "ofk_wrong"), "refused")
    until(lambda: keeper.report().refusal == 77)
    keeper.drain()
    until(lambda: ended(keeper))


KEEP = """
import sys
from officina.fleet.keeper import Keeper
from officina.fleet.order import Errand
keeper = Keeper(Errand(sys.argv[1], sys.argv[2], engines=sys.argv[3]), "orphan")
sys.stdin.read()
"""


def test_a_worker_ends_when_the_process_of_its_keeper_is_killed(server: Server) -> None:
    errand = errand_for(server)
    command = [sys.executable, "-c", KEEP, errand.gateway, errand.key, ENGINE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        worker = psutil.Process(until(lambda: pid_of("orphan", process.pid)))
        process.kill()
        worker.wait(20)
    assert not worker.is_running()

"""Workers on other machines: labels, draining, neighbouring releases, and the one that was cut off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cutting_proxy import cutting_proxy
from road_server import ECHO, HERE, PATIENT, Server, serving, until

ENGINE = "road_engines:Echo"
ROOT = "/worker/v1"

HELLO_OF_0_1 = {"name": "old", "engines": [ENGINE], "slots": 1, "version": 1, "labels": {}}
CLAIM_OF_0_1 = {"nonce": "n-1", "n": 1, "idle": 1, "engines": [ENGINE], "warm": [], "wait_s": 5.0}
"""What a worker says that knows nothing of labels it has, memory, release and draining; ids are added."""


@contextmanager
def working(gateway: str, key: str, log: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of its own, as somebody starts it by hand; it is ended with what it runs."""
    command = [
        *(sys.executable, "-m", "officina", "worker", "--gateway", gateway, "--engines", ENGINE),
        *("--log-format", "json", *flags),
    ]
    environment = {**os.environ, "OFFICINA_WORKER_KEY": key, "PYTHONPATH": str(HERE)}
    with log.open("ab") as sink:
        process = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink)
    try:
        yield process
    finally:
        for ending in (signal.SIGTERM, signal.SIGINT):
            if process.poll() is None:
                process.send_signal(ending)
        process.wait(30)


def worker_key(server: Server) -> str:
    asked = {"name": "workers", "scopes": ["worker"]}
    return str(server.http.post("/v1/keys", json=asked).json()["key"])


def workers(server: Server) -> list[dict[str, Any]]:
    return list(server.http.get("/v1/workers").json()["workers"])


def claiming(server: Server, count: int = 1) -> list[dict[str, Any]]:
    """The workers, once so many are there and make the model ready."""
    until(lambda: len(workers(server)) == count and server.http.get(f"/v1/models/{ECHO}").json()["ready"])
    return workers(server)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Server]:
    """A server without workers of its own, quick to give up on those it has."""
    with serving(tmp_path / "data", "--lease-s", "2", "--retry-s", "0.1", workers=0) as server:
        yield server


def test_a_worker_says_what_it_is(alone: Server, tmp_path: Path) -> None:
    flags = ("--name", "studio-1", "--slots", "2", "--label", "gpu=a100", "--label", "room=2")
    with working(alone.url, worker_key(alone), tmp_path / "log", *flags):
        [worker] = claiming(alone)

    assert (worker["name"], worker["slots"], worker["busy"]) == ("studio-1", 2, 0)
    assert worker["labels"] == {"gpu": "a100", "room": "2"}
    assert worker["memory_mb"] > 0 and worker["release"] and not worker["is_draining"]
    assert worker["gateway"] == alone.url


def test_a_worker_that_is_drained_finishes_its_run_and_ends_well(alone: Server, tmp_path: Path) -> None:
    with working(alone.url, worker_key(alone), tmp_path / "log") as process:
        [worker] = claiming(alone)
        running = alone.submit({"prompt": "copy", "seconds": 2})
        alone.wait_for(running, "in_progress")
        waiting = alone.submit({"prompt": "copy"})

        answer = alone.http.post(f"/v1/workers/{worker['worker_id']}/drain")

        assert (answer.status_code, answer.json()["is_draining"], answer.json()["busy"]) == (202, True, 1)
        assert process.wait(30) == 0
        assert alone.result(running)["status"] == "succeeded"
        assert alone.status(waiting)["status"] == "in_queue"
        assert alone.http.get(f"/v1/requests/{running}").json()["attempts"] == 1
    assert alone.http.post("/v1/workers/worker-none/drain").status_code == 404
    assert alone.new_key().post(f"/v1/workers/{worker['worker_id']}/drain").status_code == 403


def test_an_idle_worker_hears_at_once_that_it_shall_end(alone: Server, tmp_path: Path) -> None:
    with working(alone.url, worker_key(alone), tmp_path / "log") as process:
        [worker] = claiming(alone)
        alone.http.post(f"/v1/workers/{worker['worker_id']}/drain")
        assert process.wait(10) == 0
    assert not alone.http.get(f"/v1/models/{ECHO}").json()["ready"]


def test_a_local_worker_that_was_drained_stays_away(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        [worker] = claiming(server)
        server.http.post(f"/v1/workers/{worker['worker_id']}/drain")
        until(lambda: workers(server) == [])
        request_id = server.submit({"prompt": "copy"})
        server.http.get(f"/v1/requests/{request_id}/result", params={"wait": 1})
        assert (workers(server), server.status(request_id)["status"]) == ([], "in_queue")


def test_a_model_that_asks_for_a_label_runs_on_workers_that_have_it(tmp_path: Path) -> None:
    settings = tmp_path / "officina.toml"
    settings.write_text(f'[engines."{ECHO}"]\nengine = "{ENGINE}"\nrequires = ["gpu=a100"]\n')
    with serving(tmp_path / "data", "--config", str(settings), workers=0) as server:
        key = worker_key(server)
        request_id = server.submit({"prompt": "copy"})
        with working(server.url, key, tmp_path / "plain", "--label", "gpu=t4"):
            until(lambda: len(workers(server)) == 1)
            server.http.get(f"/v1/requests/{request_id}/result", params={"wait": 1})
            assert server.status(request_id)["status"] == "in_queue"
            assert not server.http.get(f"/v1/models/{ECHO}").json()["ready"]
            with working(server.url, key, tmp_path / "large", "--label", "gpu=a100"):
                assert server.result(request_id)["status"] == "succeeded"


def test_a_worker_that_was_cut_off_comes_too_late_and_there_is_one_result(
    alone: Server, tmp_path: Path
) -> None:
    key = worker_key(alone)
    log = tmp_path / "far"
    with cutting_proxy(alone.url) as proxy, working(proxy.url, key, log, "--name", "far"):
        claiming(alone)
        request_id = alone.submit({"prompt": "copy", "seconds": 4}, PATIENT)
        alone.wait_for(request_id, "in_progress")
        proxy.cut()
        with working(alone.url, key, tmp_path / "near", "--name", "near"):
            result = alone.result(request_id, 60)
            assert result["status"] == "succeeded"
            proxy.mend()
            until(lambda: b"lost" in log.read_bytes())
            assert alone.result(request_id) == result

    record = alone.http.get(f"/v1/requests/{request_id}").json()
    assert record["attempts"] == 2
    assert [each["type"] for each in record["history"]] == ["worker_lost"]
    assert [each["kind"] for each in alone.events(request_id)].count("ended") == 1


def test_a_worker_of_the_release_before_is_served(alone: Server) -> None:
    http = alone.client(worker_key(alone))

    def said(word: str, **message: Any) -> httpx.Response:
        return http.post(f"{ROOT}/{word}", json=message)

    hello = said("register", **HELLO_OF_0_1).json()
    assert {"worker_id", "lease_s", "fetch", "max_output_bytes", "version", "warm"} <= set(hello)
    name = {"worker_id": hello["worker_id"]}
    request_id = alone.submit({"prompt": "copy"})
    [work] = said("claim", **name, **CLAIM_OF_0_1).json()["work"]
    assert work["job_id"] == request_id
    lease = {"job_id": work["job_id"], "token": work["token"]}
    news = [{**lease, "started": True, "events": [], "memo": None}]
    renewal = said("renew", **name, news=news, wait_s=0.0).json()
    assert (renewal["lost"], renewal["stop"]) == ([], [])
    failure = {"type": "engine_failed", "message": "It broke."}
    outcome = {"kind": "failed", "failure": failure, "retry": False, "run_s": 0.1}
    assert said("finish", **name, lease=lease, outcome=outcome).json() == {"state": "failed"}


def test_a_worker_that_nobody_knows_is_asked_to_say_hello_again(alone: Server) -> None:
    http = alone.client(worker_key(alone))
    answer = http.post(f"{ROOT}/claim", json={"worker_id": "worker-gone", **CLAIM_OF_0_1})
    assert (answer.status_code, answer.json()["error_code"]) == (404, 404003)

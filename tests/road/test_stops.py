"""Starting, stopping, dying and starting again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from road_server import HERE, Server, serving, start, until


def test_the_first_key_is_in_a_file_for_its_owner_alone(idle: Server) -> None:
    path = idle.data / "first-key"

    assert path.stat().st_mode & 0o777 == 0o600
    assert idle.key not in idle.log.read_text()


def test_everything_in_the_data_folder_is_for_its_owner_alone(server: Server) -> None:
    server.run({"prompt": "copy"})

    open_to_others = [path for path in server.data.rglob("*") if path.stat().st_mode & 0o077]

    assert open_to_others == []


def test_a_second_server_on_the_same_folder_is_refused_with_a_sentence(idle: Server) -> None:
    done = _serve(idle.data)

    assert done.returncode != 0
    assert "Another officina server is using the data folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "officina.db").write_bytes(b"not a database, but long enough to be looked at" * 100)

    done = _serve(tmp_path)

    assert done.returncode != 0
    assert "restore a backup" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_newer_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    import apsw

    db = apsw.Connection(str(tmp_path / "officina.db"))
    db.pragma("user_version", 99)
    db.close()

    done = _serve(tmp_path)

    assert done.returncode != 0
    assert "upgrade officina" in done.stderr


def test_a_port_in_use_is_refused_with_a_sentence(idle: Server, tmp_path: Path) -> None:
    done = _serve(tmp_path, "--port", idle.url.rsplit(":", 1)[1])

    assert done.returncode != 0
    assert "another port with --port" in done.stderr


def test_an_address_for_others_needs_a_public_url(tmp_path: Path) -> None:
    done = _serve(tmp_path, "--host", "0.0.0.0")

    assert done.returncode != 0
    assert "public_url" in done.stderr


def test_what_was_accepted_is_there_after_a_kill(tmp_path: Path) -> None:
    first = start(tmp_path / "data", workers=0)
    ids = [first.submit({"prompt": "copy"}) for _ in range(20)]
    first.stop(signal.SIGKILL)

    with serving(tmp_path / "data") as second:
        results = [second.result(each)["status"] for each in ids]

    assert results == ["succeeded"] * 20


def test_a_running_job_goes_on_after_its_gateway_was_killed(tmp_path: Path) -> None:
    first = start(tmp_path / "data")
    request_id = first.submit({"prompt": "copy", "seconds": 2})
    first.wait_for(request_id, "in_progress")
    family = psutil.Process(first.process.pid).children(recursive=True)
    first.stop(signal.SIGKILL)
    until(lambda: not any(_lives(each) for each in family))

    with serving(tmp_path / "data") as second:
        assert second.result(request_id, wait=60)["status"] == "succeeded"


def test_a_stop_lets_the_run_finish_and_leaves_the_rest_waiting(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as first:
        running = first.submit({"prompt": "copy", "seconds": 1.5})
        waiting = [first.submit({"prompt": "copy", "seconds": 1}) for _ in range(3)]
        first.wait_for(running, "in_progress")

    with serving(tmp_path / "data", workers=0) as second:
        assert second.result(running, wait=0)["status"] == "succeeded"
        assert {second.status(each)["status"] for each in waiting} == {"in_queue"}


def test_a_server_that_lets_its_runs_finish_sends_new_callers_away(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        request_id = server.submit({"prompt": "copy", "seconds": 2})
        server.wait_for(request_id, "in_progress")
        assert "connection" not in server.http.get("/readyz").headers
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.http.get("/readyz").status_code == 503)
        answer = server.http.get(f"/v1/requests/{request_id}/status")
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert answer.json()["status"] == "in_progress"


def test_a_stop_hands_back_what_takes_too_long_without_counting_the_attempt(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--drain-s", "0.5") as first:
        request_id = first.submit({"prompt": "copy", "seconds": 2.5})
        first.wait_for(request_id, "in_progress")

    with serving(tmp_path / "data") as second:
        assert second.result(request_id)["status"] == "succeeded"
        starts = [event["attempt"] for event in second.events(request_id) if event["kind"] == "started"]
    assert starts == [1, 1]


def test_a_killed_worker_is_replaced_and_its_job_tried_again(server: Server) -> None:
    request_id = server.submit({"prompt": "copy", "seconds": 1})
    server.wait_for(request_id, "in_progress")
    [worker] = psutil.Process(server.process.pid).children()

    os.kill(worker.pid, signal.SIGKILL)

    assert server.result(request_id, wait=60)["status"] == "succeeded"
    reasons = [event["reason"] for event in server.events(request_id) if "reason" in event]
    assert reasons == ["worker_lost"]


def test_a_crash_of_the_engine_is_tried_again_and_told_with_its_exit_code(server: Server) -> None:
    once = server.submit({"prompt": "crash_once"})
    always = server.submit({"prompt": "crash"})

    assert server.result(once)["status"] == "succeeded"
    error = server.result(always)["error"]
    assert error["type"] == "engine_crashed"
    assert "exit code 3" in error["message"]


def test_a_bug_of_the_engine_fails_the_run_without_its_details(server: Server) -> None:
    error = server.run({"prompt": "fail"})["error"]

    assert error["type"] == "engine_failed"
    assert "a bug" not in error["message"]


def test_a_run_past_the_deadline_of_its_model_is_ended(server: Server) -> None:
    error = server.result(server.submit({"prompt": "hang"}), wait=60)["error"]

    assert error["type"] == "deadline_exceeded"
    assert "3 s" in error["message"]


def test_a_worker_by_hand_serves_a_gateway_without_one(tmp_path: Path) -> None:
    with serving(tmp_path / "data", workers=0) as server:
        made = server.http.post("/v1/keys", json={"name": "worker", "scopes": ["worker"]}).json()
        request_id = server.submit({"prompt": "copy"})
        with _worker(server.url, made["key"]):
            assert server.result(request_id)["status"] == "succeeded"


def test_a_worker_elsewhere_outlives_its_gateway_and_its_run_can_still_be_stopped(tmp_path: Path) -> None:
    first = start(tmp_path / "data", "--lease-s", "6", workers=0)
    port = first.url.rsplit(":", 1)[1]
    made = first.http.post("/v1/keys", json={"name": "worker", "scopes": ["worker"]}).json()
    request_id = first.submit({"prompt": "copy", "seconds": 2.9})
    with _worker(first.url, made["key"]):
        first.wait_for(request_id, "in_progress")
        first.stop(signal.SIGKILL)
        with serving(tmp_path / "data", "--port", port, "--lease-s", "6", workers=0) as second:
            until(lambda: second.http.get("/readyz").json().get("workers") == 1)
            assert second.result(request_id)["status"] == "succeeded"
            longer = second.submit({"prompt": "copy", "seconds": 2.9})
            second.wait_for(longer, "in_progress")
            forced = second.http.post(f"/v1/requests/{longer}/cancel", params={"force": "true"}).json()
            assert forced["outcome"] == "cancelled"
            assert [each["kind"] for each in second.events(request_id)].count("started") == 1


def test_a_backup_of_the_running_server_is_a_server_again(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as first:
        [url] = (result := first.run({"prompt": "copy"}))["output"]["images"]
        picture = first.http.get(url).content
        tar = tmp_path / "all.tar"
        tar.write_bytes(first.http.post("/v1/backup").content)

    subprocess.run(
        [sys.executable, "-m", "officina", "restore", str(tar), "--data", str(tmp_path / "again")], check=True
    )
    (tmp_path / "again" / "first-key").write_text(first.key)
    with serving(tmp_path / "again", workers=0) as second:
        again = second.result(result["request_id"], wait=0)
        assert second.http.get(again["output"]["image"]).content == picture


def test_connections_that_wait_do_not_hold_up_a_stop(tmp_path: Path) -> None:
    with serving(tmp_path / "data", workers=0) as server:
        request_id = server.submit({"prompt": "copy"})
        stream = server.http.stream("GET", f"/v1/requests/{request_id}/events")
        with stream as events:
            lines = events.iter_lines()
            assert next(lines) == "id: 1"
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises((StopIteration, httpx.TransportError)):
                while True:
                    next(lines)
        assert server.process.wait(20) == 0


def test_readiness_tells_the_workers_and_metrics_the_queue(server: Server) -> None:
    server.run({"prompt": "copy"})

    ready = until(lambda: server.client(None).get("/readyz").json())
    figures = server.http.get("/metrics").text

    assert ready == {"status": "ready", "workers": 1, "store": "ok"}
    assert 'officina_runs_total{model="tests/echo",outcome="succeeded"}' in figures
    assert 'officina_jobs_waiting{model="tests/echo"}' in figures
    assert 'route="/v1/models/{model_id:path}"' in figures


@contextmanager
def _worker(url: str, key: str) -> Iterator[None]:
    worker = subprocess.Popen(
        [sys.executable, "-m", "officina", "worker", "--gateway", url, "--engines", "road_engines:Echo"],
        env={**os.environ, "OFFICINA_WORKER_KEY": key, "PYTHONPATH": str(HERE)},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        worker.terminate()
        assert worker.wait(20) == 0


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _serve(data: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "officina",
        "serve",
        "--data",
        str(data),
        "--workers",
        "0",
        "--port",
        "0",
        *flags,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=data.parent)


def test_the_version_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "officina", "--version"], capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 0
    assert done.stdout.split()[-1][0].isdigit()

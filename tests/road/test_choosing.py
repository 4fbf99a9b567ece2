"""Which engine answers: in the operator's order, over to the next when one is down, and never twice paid for."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from road_engines import png
from road_server import ECHO, PATIENT, Server, serving, until

GOOD, DOWN, UNLOADABLE, WARM = (f"road_engines:{name}" for name in ("Echo", "Down", "Unloadable", "Warm"))


@contextmanager
def choosing(folder: Path, choices: Any, *flags: str) -> Iterator[Server]:
    """A server where these engines serve the model, the preferred one first."""
    table = msgspec.json.encode({ECHO: choices}).decode()
    with serving(folder, "--engines", table, "--retry-s", "0.05", *flags) as server:
        until(lambda: server.http.get("/readyz").json()["workers"] or None)
        yield server


def engines_of(server: Server, request_id: str) -> list[str]:
    """The engines that began an attempt, in order."""
    return [event["engine"] for event in server.events(request_id) if event["kind"] == "started"]


def test_the_first_choice_answers_while_it_is_up(tmp_path: Path) -> None:
    with choosing(tmp_path, [{"engine": GOOD}, {"engine": WARM}]) as server:
        result = server.result(server.submit({"prompt": "copy"}))

    assert (result["status"], result["engine"]) == ("succeeded", GOOD)


def test_the_next_choice_takes_over_when_one_is_down_and_the_catalogue_says_so(tmp_path: Path) -> None:
    with choosing(tmp_path, [{"engine": DOWN}, {"engine": GOOD}]) as server:
        request_id = server.submit({"prompt": "copy"})
        result = server.result(request_id)
        listed = server.http.get(f"/v1/models/{ECHO}").json()
        second = server.submit({"prompt": "copy"})
        server.result(second)
        tried = engines_of(server, request_id), engines_of(server, second)

    assert (result["status"], result["engine"]) == ("succeeded", GOOD)
    assert tried == ([DOWN, GOOD], [GOOD]), "the second request does not try what is known to be down"
    assert (listed["engine"], listed["ready"]) == (GOOD, True)


def test_an_engine_that_cannot_be_loaded_is_down_too(tmp_path: Path) -> None:
    with choosing(tmp_path, [{"engine": UNLOADABLE}, {"engine": GOOD}]) as server:
        assert server.result(server.submit({"prompt": "copy"}))["engine"] == GOOD


def test_what_may_have_been_paid_for_is_not_ordered_elsewhere(tmp_path: Path) -> None:
    with choosing(tmp_path, [{"engine": DOWN, "options": {"orders": True}}, {"engine": GOOD}]) as server:
        result = server.result(server.submit({"prompt": "copy"}))

    assert (result["status"], result["engine"]) == ("failed", DOWN)
    assert result["error"]["message"] == "The other side is down."


def test_the_operator_may_allow_to_pay_twice(tmp_path: Path) -> None:
    choices = [{"engine": DOWN, "options": {"orders": True}}, {"engine": GOOD}]
    with choosing(tmp_path, choices, "--fall-over-paid") as server:
        result = server.result(server.submit({"prompt": "copy"}))

    assert (result["status"], result["engine"]) == ("succeeded", GOOD)


def test_an_attempt_after_a_crash_finds_the_memo_and_what_was_charged_is_the_cost(tmp_path: Path) -> None:
    with choosing(tmp_path, {"engine": GOOD}) as server:
        upload = server.upload(png(4, 4))
        request_id = server.submit({"prompt": "order", "image_urls": [upload["id"]]}, model=PATIENT)
        server.result(request_id)
        result = server.http.get(f"/v1/requests/{request_id}/result?include_cost=true").json()

    assert result["status"] == "succeeded", result
    assert result["notes"]["resumed"] == f"order {request_id[-4:]} of attempt 1"
    assert result["notes"]["addresses"] == [0], "a server on loopback has no public address to give"
    assert result["cost"] == 0.07


def test_a_submit_is_refused_while_nothing_is_ready_where_the_operator_wants_it_so(tmp_path: Path) -> None:
    with serving(tmp_path, "--when-not-ready", "refuse", workers=0) as server:
        answer = server.http.post(f"/v1/models/{ECHO}", json={"prompt": "copy"})
        listed = server.http.get(f"/v1/models/{ECHO}").json()

    assert (answer.status_code, answer.json()["error_code"]) == (503, 503002)
    assert "no worker with the engine 'road_engines:Echo' is ready" in answer.json()["message"]
    assert answer.headers["retry-after"] == "30"
    assert (listed["ready"], bool(listed["not_ready_reason"])) == (False, True)


def test_a_warm_model_is_loaded_before_its_first_request(tmp_path: Path) -> None:
    with choosing(tmp_path, {"engine": WARM}, "--warm", ECHO) as server:
        until(lambda: server.http.get(f"/v1/models/{ECHO}").json()["ready"] or None)
        asked_at = time.time()
        result = server.result(server.submit({"prompt": "copy"}))

    assert result["notes"]["loaded_at"] < asked_at


def test_a_warm_model_that_is_not_there_stops_the_start_with_a_suggestion(tmp_path: Path) -> None:

    command = [sys.executable, "-m", "officina", "serve", "--data", str(tmp_path / "data"), "--port", "0"]
    done = subprocess.run(
        [*command, "--warm", "bytedance/dreamina-4-0/edot"], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 78
    assert "bytedance/dreamina-4-0/edit" in done.stderr

"""Submitting, following, cancelling, listing and deleting, at a server where everything waits."""

from __future__ import annotations

import json
import signal
import socket

import pytest
from cli_scene import SEED, Shell, said, until

from officina.cli.exits import Code

BOAT = ("image_urls=@boat.jpg", "prompt=black and white", "widthxheight=1024")


def submitted(shell: Shell, *words: object) -> str:
    return shell("submit", SEED, *BOAT, *words).out.strip()


def status(shell: Shell, request_id: str) -> str:
    return str(shell("status", request_id, "--json").json["status"])


def test_submit_prints_the_request_id_alone(idle: Shell) -> None:
    request_id = submitted(idle)
    assert idle("status", request_id).out.startswith("in_queue, number ")


def test_submit_sends_what_was_typed_with_its_files_uploaded(idle: Shell) -> None:
    done = idle("submit", SEED, *BOAT, "image_urls=@boat.jpg", "--json", "--priority", "high")
    assert set(done.json) == {"request_id", "status_url", "result_url", "cancel_url"}
    assert done.err.count("Uploading boat.jpg") == 1


def test_a_priority_goes_ahead_of_ones_own_requests(idle: Shell) -> None:
    later = submitted(idle)
    first = submitted(idle, "--priority", "high")
    place = {each: idle("status", each, "--json").json["queue_position"] for each in (later, first)}
    assert place[first] < place[later]


def test_an_input_comes_from_a_file_or_from_stdin(idle: Shell) -> None:
    body = {"image_urls": ["@boat.jpg"], "prompt": "black and white"}
    (idle.folder / "body.json").write_text(json.dumps(body))
    for words, stdin in (
        (("--input", "body.json"), ""),
        (("@body.json",), ""),
        (("@-",), json.dumps(body)),
        (("--input", "-"), json.dumps(body)),
    ):
        assert idle("submit", SEED, *words, stdin=stdin).out.strip()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["promt=x"], 'did you mean "prompt"?'),
        (["prompt=x", "scale=7"], "image_urls is required"),
        (["prompt=x", "scale=7"], "must be at most 1, got 7"),
        (["image_urls=ftp://example.org/a.png", "prompt=x"], "ftp:// addresses are not fetched"),
        (["image_urls=@none.jpg", "prompt=x"], "There is no file none.jpg."),
    ],
)
def test_a_bad_input_is_told_with_every_problem(words: list[str], sentence: str, idle: Shell) -> None:
    assert sentence in idle("submit", SEED, *words, code=Code.BAD_INPUT).words


def test_an_unknown_model_is_told(idle: Shell) -> None:
    done = idle("run", "bytedance/dreamina-9/edit", "prompt=x", code=Code.BAD_INPUT)
    assert "No model 'bytedance/dreamina-9/edit' is offered here" in done.err


def test_a_word_that_is_no_field_is_wrong_usage(idle: Shell) -> None:
    assert '"hello" is not name=value' in idle("run", SEED, "hello", code=Code.USAGE).err


def test_a_refused_input_is_json_with_its_problems(idle: Shell) -> None:
    error = idle("submit", SEED, "prompt=x", "--json", code=Code.BAD_INPUT).json["error"]
    assert error["message"] == "ValidationError: Input validation failed"
    assert error["exit_code"] == 65
    assert [problem["loc"] for problem in error["detail"]["problems"]] == [["body", "image_urls"]]


def test_a_rejected_key_is_told_what_to_do(idle: Shell) -> None:
    done = idle("requests", "--key", "ofk_wrong", code=Code.KEY_REJECTED)
    assert "The API key is unknown" in done.err
    assert "Give a key with --key or OFFICINA_KEY" in done.err


def test_the_first_key_is_not_sent_to_other_servers(idle: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(60)
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        with idle.started("requests", "--url", url):
            connection, _ = other.accept()
            with connection:
                assert b"authorization" not in connection.recv(65536).lower()


def test_a_server_that_is_not_there_is_told(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = shell("status", "x", "--url", url, code=Code.UNREACHABLE)
    assert "cannot be reached" in done.err
    assert "officina serve" in done.err


def test_url_and_key_come_from_the_environment(idle: Shell, shell: Shell) -> None:
    data = idle.folder / "officina-data"
    url, key = (data / "address").read_text().strip(), (data / "first-key").read_text().strip()
    elsewhere = Shell(shell.folder, OFFICINA_URL=url, OFFICINA_KEY=key)
    assert elsewhere("requests", "--limit", 1, "--json").json.keys() == {"requests"}


def test_a_request_that_waits_is_cancelled_and_deleted(idle: Shell) -> None:
    request_id = submitted(idle)
    refused = idle("delete", request_id, code=Code.BAD_INPUT)
    assert "has not ended" in refused.words
    assert idle("cancel", request_id).out.startswith("cancelled")
    assert "The request was cancelled." in idle("result", request_id, code=Code.FAILED).err
    assert idle("result", request_id, "--json", code=Code.FAILED).json["status"] == "cancelled"
    assert idle("delete", request_id).out == "deleted\n"
    done = idle("status", request_id, code=Code.BAD_INPUT)
    assert request_id in done.err
    assert "404001" in done.err


def test_cancelling_what_has_ended_is_no_success(idle: Shell) -> None:
    request_id = submitted(idle)
    idle("cancel", request_id)
    assert idle("cancel", request_id, "--json").json["outcome"] == "cancelled"


def test_a_result_that_is_not_there_yet_asks_to_try_again(idle: Shell) -> None:
    request_id = submitted(idle)
    done = idle("result", request_id, "--wait", 0.2, code=Code.TRY_AGAIN)
    assert "The request has not ended: in_queue." in done.err
    assert idle("result", request_id, "--json", code=Code.TRY_AGAIN).json["status"] == "in_queue"


def test_requests_are_listed_newest_first_and_by_state(idle: Shell) -> None:
    old, new = submitted(idle), submitted(idle)
    idle("cancel", old)
    waiting = [
        each["request_id"] for each in idle("requests", "--state", "in_queue", "--json").json["requests"]
    ]
    assert waiting[0] == new
    assert old not in waiting
    shown = idle("requests", "--limit", 2).out.splitlines()
    assert shown[0].split() == ["REQUEST", "STATUS", "MODEL", "SUBMITTED", "ENDED"]
    assert shown[1].startswith(new)
    assert shown[2].startswith(old)
    assert "cancelled" in shown[2]
    assert "must be one of" in idle("requests", "--state", "odd", code=Code.BAD_INPUT).words


def test_run_shows_the_place_in_the_queue_and_leaves_the_request_when_its_time_is_over(idle: Shell) -> None:
    done = idle("run", SEED, *BOAT, "--timeout", 1, code=Code.TRY_AGAIN)
    assert "waiting, number " in done.err
    request_id = done.err.partition("Request ")[2].split()[0]
    assert f"Request: {request_id}" in done.err
    assert status(idle, request_id) == "in_queue"


def test_an_interrupt_cancels_a_run_that_waits(idle: Shell) -> None:
    with idle.started("run", SEED, *BOAT) as process:
        request_id = said(process, "Request ").split()[1]
        said(process, "waiting")
        process.send_signal(signal.SIGINT)
        assert said(process, "Interrupted") == f"Error: Interrupted: request {request_id} is cancelled.\n"
        assert process.wait(60) == Code.INTERRUPTED
    until(lambda: status(idle, request_id) == "cancelled")

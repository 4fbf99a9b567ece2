"""`officina run` from a prompt to a picture, with the shipped engine and with a worker of one's own."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_scene import SEED, Shell, said, until
from PIL import Image

from officina.cli.exits import Code

BOAT = ("image_urls=@boat.jpg", "widthxheight=1024")
SLOW = json.dumps({SEED: {"engine": "slow_engine:Slow"}})


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, busy: Shell) -> Iterator[Shell]:
    """A server that leaves all work to a worker started by hand, whose engine takes as long as it is told."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "boat.jpg").write_bytes((busy.folder / "boat.jpg").read_bytes())
    shell = Shell(folder)
    with shell.serving("--engines", SLOW) as server:
        made = shell("keys", "create", "worker", "--scope", "worker")
        (folder / "key").write_text(made.out)
        words = (
            "--gateway",
            server["url"],
            "--key-file",
            "key",
            "--engines",
            "slow_engine:Slow",
            "--drain",
            1,
        )
        log = folder / "worker.log"
        with log.open("w") as sink, shell.started("worker", *words, stderr=sink) as worker:
            yield shell
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0, log.read_text()


def test_run_saves_the_picture_under_its_request_id_and_prints_the_path(busy: Shell) -> None:
    done = busy("run", SEED, *BOAT, "prompt=black and white")
    request_id = done.err.partition("Request ")[2].split()[0]
    path = Path(done.out.strip())
    assert path.name.startswith(f"{request_id}-1.")
    with Image.open(busy.folder / path) as picture:
        assert picture.size == (1024, 1024)
        red, green, blue = picture.convert("RGB").split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()
    assert "running" in done.err


def test_run_tells_machines_what_the_server_said_and_where_the_files_are(busy: Shell) -> None:
    done = busy("run", SEED, *BOAT, "prompt=black and white", "--out", "a/b", "--name", "grey", "--json")
    said = done.json
    assert said["status"] == "succeeded"
    assert said["engine"] == "collage"
    assert [Path(file).stem for file in said["files"]] == ["grey-1"]
    assert (busy.folder / said["files"][0]).is_file()
    result = busy("result", said["request_id"], "--download", "again")
    assert (busy.folder / result.out.strip()).read_bytes() == (busy.folder / said["files"][0]).read_bytes()


def test_run_gives_the_urls_where_nothing_shall_be_downloaded(busy: Shell) -> None:
    before = set(busy.folder.iterdir())
    done = busy("run", SEED, *BOAT, "prompt=black and white", "--no-download")
    assert done.out.startswith("http://127.0.0.1:")
    assert set(busy.folder.iterdir()) == before


def test_a_run_that_fails_says_why_what_to_change_and_which_it_was(busy: Shell) -> None:
    done = busy("run", SEED, *BOAT, "prompt=xyzzy plugh", code=Code.FAILED)
    assert "not_understood" in done.err
    assert "xyzzy plugh" in done.err
    assert "Change the input" in done.err
    request_id = done.err.partition("Request: ")[2].strip()
    error = busy("result", request_id, code=Code.FAILED)
    assert "not_understood" in error.err
    machine = busy("result", request_id, "--json", code=Code.FAILED).json
    assert machine["error"]["type"] == "not_understood"


def test_a_worker_started_by_hand_runs_what_its_engine_serves(slow: Shell) -> None:
    done = slow("run", SEED, *BOAT, "prompt=0", "--json")
    assert done.json["engine"] == "slow_engine:Slow"
    assert done.json["notes"] == {"took": "0"}
    assert slow("doctor", "--json", code=None).json["findings"][-1]["grade"] == "ok"


def test_a_second_interrupt_stops_what_runs_by_force(slow: Shell) -> None:
    with slow.started("run", SEED, *BOAT, "prompt=600") as process:
        request_id = said(process, "Request ").split()[1]
        said(process, "halfway")
        process.send_signal(signal.SIGINT)
        said(process, "Ctrl-C once more")
        process.send_signal(signal.SIGINT)
        assert f"request {request_id} is" in said(process, "Interrupted")
        assert process.wait(60) == Code.INTERRUPTED
    until(lambda: slow("status", request_id).out.strip() == "cancelled")


def test_cancel_leaves_what_runs_unless_forced(slow: Shell) -> None:
    request_id = slow("submit", SEED, *BOAT, "prompt=600").out.strip()
    until(lambda: slow("status", request_id, "--wait", 5).out.strip() == "in_progress")
    refused = slow("cancel", request_id, code=Code.FAILED)
    assert refused.out.startswith("not_cancellable")
    assert "--force stops it" in refused.err
    slow("cancel", request_id, "--force", code=None)
    until(lambda: slow("status", request_id, "--wait", 5).out.strip() == "cancelled")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (
            ["--gateway", "http://192.0.2.1:8000"],
            Code.SETUP,
            "Plain http to another machine would show the key",
        ),
        (["--gateway", "https://example.org", "--engines", "pain"], Code.SETUP, "There is no engine 'pain'"),
        (["--gateway", "example.org"], Code.SETUP, "must start with http"),
    ],
)
def test_a_worker_that_cannot_work_says_why(
    words: list[str], code: Code, sentence: str, shell: Shell
) -> None:
    worker = Shell(shell.folder, OFFICINA_WORKER_KEY="ofk_any")
    assert sentence in worker("worker", *words, code=code).words


def test_a_worker_without_a_key_is_told_where_it_goes(shell: Shell) -> None:
    done = shell("worker", "--gateway", "https://example.org", code=Code.SETUP)
    assert "OFFICINA_WORKER_KEY" in done.words

"""`officina workers`: who works for a server, and letting one go."""

from __future__ import annotations

import time

from cli_scene import Shell

from officina.cli.exits import Code


def test_a_server_without_workers_says_so(idle: Shell) -> None:
    assert idle("workers", "list", "--json").json == {"workers": []}
    assert "No workers" in idle("workers", "list").out


def test_a_worker_is_listed_and_drained(shell: Shell) -> None:
    with shell.serving(workers=1):
        found: list[dict[str, object]] = []
        end = time.monotonic() + 60
        while not found:
            assert time.monotonic() < end, "no worker came"
            found = shell("workers", "list", "--json").json["workers"]
        [worker] = found
        assert "alive" in shell("workers", "list").out
        said = shell("workers", "drain", str(worker["worker_id"]), "--json").json
        assert (said["worker_id"], said["is_draining"]) == (worker["worker_id"], True)


def test_an_unknown_worker_cannot_be_drained(idle: Shell) -> None:
    assert "There is no worker" in idle("workers", "drain", "worker-x", code=Code.BAD_INPUT).err

"""`officina keys`: through the running server, or in its folder at rest."""

from __future__ import annotations

import pytest
from cli_scene import SEED, Shell

from officina.cli.exits import Code


@pytest.fixture
def resting(shell: Shell) -> Shell:
    """A shell in the folder of a server that has stopped."""
    with shell.serving():
        pass
    return shell


def listed(shell: Shell) -> dict[str, dict[str, object]]:
    return {key["name"]: key for key in shell("keys", "list", "--json").json["keys"]}


def test_a_key_of_the_running_server_works_at_once_until_it_is_revoked(idle: Shell) -> None:
    made = idle("keys", "create", "ci", "--json").json
    assert made["scopes"] == ["caller"]
    assert idle("requests", "--key", made["key"]).code == 0
    assert "admin" in idle("keys", "list", "--key", made["key"], code=Code.KEY_REJECTED).err
    assert idle("keys", "revoke", made["id"]).out == f"{made['id']} (ci) is revoked.\n"
    assert "revoked" in idle("requests", "--key", made["key"], code=Code.KEY_REJECTED).err


def test_a_secret_is_printed_alone_and_never_listed(idle: Shell) -> None:
    secret = idle("keys", "create", "robot", "--scope", "worker", "--scope", "caller").out.strip()
    assert secret.startswith("ofk_")
    shown = idle("keys", "list").out
    assert secret not in shown
    assert "caller, worker" in shown


def test_revoking_may_cancel_what_waits(idle: Shell) -> None:
    made = idle("keys", "create", "gone", "--json").json
    words = ("image_urls=@boat.jpg", "prompt=black and white", "--key", made["key"])
    request_id = idle("submit", SEED, *words).out.strip()
    idle("keys", "revoke", made["id"], "--cancel-waiting")
    assert idle("status", request_id).out == "cancelled\n"


def test_keys_are_kept_in_the_folder_of_a_server_at_rest(resting: Shell) -> None:
    made = resting("keys", "create", "night", "--scope", "admin", "--json").json
    assert listed(resting)["night"]["scopes"] == ["admin"]
    with resting.serving():
        assert "first key" in resting("keys", "list", "--key", made["key"]).out
    assert resting("keys", "revoke", made["id"], "--json").json["revoked_at"]
    assert listed(resting)["night"]["revoked_at"]


def test_an_unknown_key_cannot_be_revoked(resting: Shell, idle: Shell) -> None:
    assert "There is no key key_x" in resting("keys", "revoke", "key_x", code=Code.BAD_INPUT).err
    assert "There is no key key_x" in idle("keys", "revoke", "key_x", code=Code.BAD_INPUT).err


def test_where_there_is_neither_folder_nor_server_nothing_is_made(shell: Shell) -> None:
    done = shell("keys", "create", "x", code=Code.SETUP)
    assert "There is no database in officina-data" in done.err
    assert not (shell.folder / "officina-data").exists()


def test_limits_are_given_with_a_key_and_changed_later(idle: Shell, resting: Shell) -> None:
    for shell in (idle, resting):
        made = shell("keys", "create", "shop", "--rate", "60", "--daily-usd", "2.5", "--json").json
        assert "60 a minute, 2.5 USD a day" in shell("keys", "list").out.replace("\n", " ")
        said = shell("keys", "limit", made["id"], "--max-running", "2").out
        assert said == f"{made['id']} (shop): 60 a minute, 2 running, 2.5 USD a day.\n"
        lifted = shell("keys", "limit", made["id"], "--lift", "--burst", "3", "--json").json["limits"]
        assert {name: value for name, value in lifted.items() if value is not None} == {"burst": 3}


def test_a_key_cannot_be_given_a_limit_of_nothing(idle: Shell) -> None:
    assert idle("keys", "limit", "key_x", "--max-running", "0", code=Code.USAGE).out == ""

"""`officina doctor`: what it finds, and what it says to do."""

from __future__ import annotations

from typing import Any

import pytest
from cli_scene import Shell


def findings(shell: Shell, *words: object, code: int | None = None) -> dict[str, dict[str, Any]]:
    told = shell("doctor", *words, "--json", code=code).json["findings"]
    return {finding["about"]: finding for finding in told}


def test_a_running_server_is_well(idle: Shell) -> None:
    found = findings(idle)
    for about in ("officina", "SQLite", "Engine libraries", "Catalog", "Data folder", "Disk", "Database"):
        assert found[about]["grade"] == "ok", found[about]
    assert found["Server"]["text"].endswith("is ready")
    assert found["In use"]["text"] == "by a running server"
    assert found["Workers"]["grade"] == "warn"


def test_the_weights_are_as_shipped(shell: Shell) -> None:
    assert findings(shell)["Weights"]["grade"] == "ok"


def test_every_setting_is_shown_with_where_it_came_from(shell: Shell) -> None:
    (shell.folder / "officina.toml").write_text("slots = 3")
    shell.environment["OFFICINA_LEASE_S"] = "20"
    settings = {each["name"]: each for each in shell("doctor", "--json", code=None).json["settings"]}
    assert settings["slots"] == {"name": "slots", "value": "3", "source": "file officina.toml"}
    assert settings["lease_s"]["source"] == "environment OFFICINA_LEASE_S"
    assert settings["port"]["source"] == "default"


def test_a_wrong_setting_is_a_failure_among_the_other_findings(shell: Shell) -> None:
    (shell.folder / "officina.toml").write_text("port = -1")
    found = findings(shell, code=1)
    assert "must be at least 0" in found["Settings"]["text"]
    assert found["SQLite"]["grade"] == "ok"


def test_a_folder_that_others_may_read_is_told(shell: Shell) -> None:
    data = shell.folder / "officina-data"
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    finding = findings(shell)["Data folder"]
    assert finding["grade"] == "warn"
    assert f"chmod 700 {data.name}" in finding["hint"]


@pytest.mark.parametrize("damage", [b"not a database", b""])
def test_a_damaged_database_is_a_failure_with_a_way_out(damage: bytes, shell: Shell) -> None:
    with shell.serving():
        pass
    database = shell.folder / "officina-data" / "officina.db"
    whole = database.read_bytes()
    database.write_bytes(damage or whole[:4096] + b"\xff" * (len(whole) - 4096))
    finding = findings(shell, code=1)["Database"]
    assert finding["grade"] == "fail"
    assert "restore" in finding["hint"]


def test_too_little_disk_is_a_failure(shell: Shell) -> None:
    (shell.folder / "officina-data").mkdir(mode=0o700)
    (shell.folder / "officina.toml").write_text("disk_reserve_mb = 1000000000")
    assert "lower disk_reserve_mb" in findings(shell, code=1)["Disk"]["hint"]


def test_a_public_url_in_the_clear_is_told(shell: Shell) -> None:
    (shell.folder / "officina.toml").write_text('public_url = "http://officina.example.org"')
    assert "TLS" in findings(shell, "--url", "http://127.0.0.1:1")["public_url"]["hint"]


def test_people_read_a_line_for_each_finding_and_a_summary(shell: Shell) -> None:
    shown = shell("doctor", code=None).out
    assert "SETTING" in shown
    assert "warn Data folder" in shown
    assert "`officina serve` makes it." in shown
    assert "to look at" in shown.splitlines()[-1]

"""`officina backup` and `officina restore`."""

from __future__ import annotations

import stat
import tarfile
from pathlib import Path

import pytest
from cli_scene import SEED, Shell

from officina.cli.exits import Code


def test_a_backup_of_the_running_server_is_restored_with_requests_keys_and_files(
    idle: Shell, shell: Shell
) -> None:
    request_id = idle("submit", SEED, "image_urls=@boat.jpg", "prompt=black and white").out.strip()
    secret = (idle.folder / "officina-data" / "first-key").read_text().strip()
    tar = shell.folder / "night.tar"
    assert idle("backup", "--to", tar, "--json").json["size_bytes"] == tar.stat().st_size
    assert stat.S_IMODE(tar.stat().st_mode) == 0o600
    with tarfile.open(tar) as archive:
        assert any(member.name.startswith("files/") for member in archive)
    shell("restore", tar, "--data", "officina-data")
    with shell.serving():
        assert shell("status", request_id, "--key", secret).out.startswith("in_queue")


def test_a_folder_at_rest_is_backed_up_without_a_server(shell: Shell) -> None:
    with shell.serving():
        pass
    assert shell("backup", "--to", "b.tar").out.startswith("b.tar: ")
    assert shell("restore", "b.tar", "--data", "new", "--json").json["files"] >= 1
    assert "is not empty" in shell("restore", "b.tar", "--data", "new", code=Code.SETUP).err


def test_a_backup_needs_an_admin(idle: Shell, tmp_path: Path) -> None:
    secret = idle("keys", "create", "plain").out.strip()
    url = (idle.folder / "officina-data" / "address").read_text().strip()
    tar = tmp_path / "b.tar"
    words = ("backup", "--to", tar, "--url", url, "--key", secret)
    assert "admin" in idle(*words, code=Code.KEY_REJECTED).err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["backup", "--to", "b.tar"], Code.SETUP, "There is no database"),
        (
            ["backup", "--to", "b.tar", "--url", "http://127.0.0.1:1"],
            Code.UNREACHABLE,
            "cannot be reached",
        ),
        (["restore", "none.tar", "--data", "new"], Code.SETUP, "cannot be unpacked"),
    ],
)
def test_a_backup_that_cannot_be_made_leaves_no_file(
    words: list[str], code: Code, sentence: str, shell: Shell
) -> None:
    assert sentence in shell(*words, code=code).err
    assert not (shell.folder / "b.tar").exists()


def test_a_backup_into_a_folder_that_is_not_there_is_told(idle: Shell) -> None:
    assert "cannot be written" in idle("backup", "--to", "nowhere/b.tar", code=Code.DISK).err

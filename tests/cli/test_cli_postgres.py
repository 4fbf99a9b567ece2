"""Commands while `database` names PostgreSQL: what they say when it is away, refuses, or cannot do what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_scene import SEED, Shell

import pictures
from officina.cli.exits import Code
from postgres_server import apart, databases


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """An empty database of this test's own."""
    yield apart(databases().of(tmp_path))
    databases().give_back(tmp_path)


@pytest.mark.parametrize("words", [["serve", "--port", "0"], ["keys", "list"], ["keys", "create", "ada"]])
def test_a_database_that_is_away_is_one_sentence_and_no_reason_not_to_start_again(
    words: list[str], shell: Shell
) -> None:
    shell.environment["OFFICINA_DATABASE"] = "postgresql://officina:s3cret@127.0.0.1:1/officina"
    done = shell(*words, code=Code.UNREACHABLE)
    assert done.err.count("\n") == 1
    assert "PostgreSQL at 127.0.0.1:1 cannot be reached" in done.err
    assert "s3cret" not in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("wrong", "right", "sentence"),
    [
        ("officina@", "nobody-known:s3cret@", "refuses the user 'nobody-known' or its password"),
        ("/test_", "/none_", "make it with `createdb --encoding=UTF8 none_"),
        ("127.0.0.1:", "127.0.0.1:x", "database must be a URL like postgresql://"),
    ],
)
def test_serve_says_in_one_sentence_what_the_database_refuses(
    wrong: str, right: str, sentence: str, url: str, shell: Shell
) -> None:
    done = shell("serve", "--port", 0, "--database", url.replace(wrong, right), code=Code.SETUP)
    assert done.err.count("\n") == 1
    assert sentence in done.err
    assert "s3cret" not in done.err


def test_a_failing_database_is_json_for_those_who_ask_for_json(shell: Shell) -> None:
    done = shell("serve", "--json", "--database", "postgresql://127.0.0.1:1/x", code=Code.UNREACHABLE)
    assert done.json["error"]["exit_code"] == Code.UNREACHABLE


def test_a_backup_is_left_to_the_means_of_postgresql_and_no_file_or_folder_is_made(
    url: str, shell: Shell
) -> None:
    shell.environment["OFFICINA_DATABASE"] = url
    done = shell("backup", "--to", "b.tar", code=Code.SETUP)
    assert "back it up with `pg_dump`" in done.err
    assert sorted(shell.folder.iterdir()) == [shell.folder / "postgres-url"]


def test_a_server_on_postgresql_says_so_when_it_is_asked_for_a_backup(url: str, shell: Shell) -> None:
    with shell.serving("--database", url) as said:
        secret = (shell.folder / "officina-data" / "first-key").read_text().strip()
        words = ("backup", "--to", "b.tar", "--url", said["url"], "--key", secret)
        assert "back it up with `pg_dump`" in shell(*words, code=Code.UNREACHABLE).err
    assert not (shell.folder / "b.tar").exists()


def test_a_dump_of_the_database_and_the_files_beside_it_are_a_backup(url: str, shell: Shell) -> None:
    (shell.folder / "boat.jpg").write_bytes(pictures.saved("JPEG", (320, 240)))
    with shell.serving("--database", url):
        request_id = shell("submit", SEED, "image_urls=@boat.jpg", "prompt=black and white").out.strip()
    server, restored = databases().server, f"{url.rpartition('/')[2]}_restored"
    dump = str(server.folder / "officina.dump")
    server.run("pg_dump", "--format=custom", f"--file={dump}", url)
    server.run("createdb", "--encoding=UTF8", f"--maintenance-db={url}", restored)
    server.run("pg_restore", "--no-owner", f"--dbname={server.url(restored)}", dump)
    with shell.serving("--database", server.url(restored), workers=1):
        shell("result", request_id, "--wait", 60)

"""`officina migrate`: from a data folder to PostgreSQL, as an operator does it."""

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
    """An empty database of this test's own, with a password that the server does not ask for."""
    yield apart(databases().of(tmp_path)).replace("officina@", "officina:s3cret@")
    databases().give_back(tmp_path)


def waiting(shell: Shell, *, count: int = 1) -> list[str]:
    """Serve a folder for a moment; the requests that wait in it then."""
    (shell.folder / "boat.jpg").write_bytes(pictures.saved("JPEG", (320, 240)))
    with shell.serving():
        words = ("submit", SEED, "image_urls=@boat.jpg", "prompt=black and white")
        return [shell(*words).out.strip() for _ in range(count)]


def test_a_request_that_waited_is_run_after_the_move_with_the_same_key_and_files(
    url: str, shell: Shell
) -> None:
    (request_id,) = waiting(shell)
    done = shell("migrate", "--to", url, "--json")
    assert done.json["rows"]["jobs"] == 1
    assert done.json["old_database"].endswith("officina.db.moved")
    assert "s3cret" not in done.out + done.err
    with shell.serving("--database", url, workers=1):
        shell("result", request_id, "--wait", 60, "--download", "out")
    assert len(list((shell.folder / "out").iterdir())) == 1


def test_people_are_told_what_was_moved_and_what_to_do_next(url: str, shell: Shell) -> None:
    waiting(shell)
    done = shell("migrate", "--to", url)
    assert "jobs 1 " in done.words
    assert "jobs: 1\n" in done.err
    for sentence in ("Now set `database`", "Then start `officina serve`", "Files stay in", "is kept as"):
        assert sentence in done.err
    assert "s3cret" not in done.out + done.err


def test_the_database_of_the_settings_is_the_target_unless_another_is_given(url: str, shell: Shell) -> None:
    waiting(shell)
    shell.environment["OFFICINA_DATABASE"] = url
    done = shell("migrate")
    assert "Now set `database`" not in done.err
    assert "serve" in done.err


def test_nothing_starts_on_a_folder_whose_database_was_moved_until_it_is_told_where(
    url: str, shell: Shell
) -> None:
    waiting(shell)
    shell("migrate", "--to", url)
    for words in (("serve", "--port", 0), ("keys", "list"), ("backup", "--to", "b.tar")):
        assert "was moved to PostgreSQL: set `database`" in shell(*words, code=Code.SETUP).err
    assert "It was moved before." in shell("migrate", "--to", url, code=Code.SETUP).err
    assert not (shell.folder / "officina-data" / "officina.db").exists()
    data = shell.folder / "officina-data"
    (data / "officina.db.moved").rename(data / "officina.db")
    with shell.serving():
        pass


def test_a_server_that_leaves_an_old_database_behind_says_so_in_its_log(url: str, shell: Shell) -> None:
    waiting(shell)
    with shell.serving("--database", url):
        pass
    assert "`officina migrate` moves it" in (shell.folder / "serve.log").read_text()


def test_a_move_whose_last_step_was_cut_off_is_completed_when_it_is_given_again(
    url: str, shell: Shell
) -> None:
    waiting(shell)
    data = shell.folder / "officina-data"
    shell("migrate", "--to", url)
    (data / "officina.db.moved").rename(data / "officina.db")
    assert "was there already" in shell("migrate", "--to", url).err
    assert (data / "officina.db.moved").exists()


def test_a_folder_in_use_is_refused(url: str, idle: Shell) -> None:
    assert "stop it" in idle("migrate", "--to", url, code=Code.TRY_AGAIN).err


def test_an_old_file_of_an_earlier_move_is_never_overwritten(url: str, shell: Shell) -> None:
    waiting(shell)
    aside = shell.folder / "officina-data" / "officina.db.moved"
    aside.write_bytes(b"precious")
    assert "move that file away" in shell("migrate", "--to", url, code=Code.SETUP).err
    assert aside.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ([], Code.USAGE, "Which PostgreSQL database to move to is not said"),
        (["--to", "mysql://x/y"], Code.SETUP, "must be a URL like postgresql://"),
        (
            ["--to", "postgresql://u:s3cret@127.0.0.1:1/x"],
            Code.SETUP,
            "There is no database in officina-data",
        ),
    ],
)
def test_a_wrong_call_is_one_sentence_and_makes_no_folder(
    words: list[str], code: Code, sentence: str, shell: Shell
) -> None:
    done = shell("migrate", *words, code=code)
    assert sentence in done.err
    assert "s3cret" not in done.err
    assert not (shell.folder / "officina-data").exists()


def test_a_target_that_is_away_or_occupied_leaves_the_folder_as_it_was(url: str, shell: Shell) -> None:
    waiting(shell)
    away = "postgresql://u:s3cret@127.0.0.1:1/x"
    assert "cannot be reached" in shell("migrate", "--to", away, code=Code.UNREACHABLE).err
    with shell.serving("--database", url, "--data", "other"):
        pass
    assert "has rows already (keys: 1" in shell("migrate", "--to", url, code=Code.SETUP).err
    with shell.serving():
        assert shell("requests", "--json").json

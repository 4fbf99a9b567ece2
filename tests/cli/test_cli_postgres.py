"""Commands while `database` names PostgreSQL: what they say when it is away, refuses, or cannot do what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_scene import Shell

from officina.cli.exits import Code
from postgres_server import apart, databases


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """An empty database of this test's own."""
    yield apart(databases().of(tmp_path))
    databases().give_back(tmp_path)


def test_serve_says_in_one_sentence_that_the_database_is_away_and_may_be_started_again(shell: Shell) -> None:
    away = "postgresql://officina:s3cret@127.0.0.1:1/officina"
    done = shell("serve", "--port", 0, "--database", away, code=Code.UNREACHABLE)
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

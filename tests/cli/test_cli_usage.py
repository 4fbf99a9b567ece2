"""Help, suggestions, and what a wrong command line is told."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest
from cli_scene import COMMAND, Shell

from officina import __version__
from officina.cli.app import COMMANDS
from officina.cli.exits import MEANINGS, Code


def test_officina_alone_shows_every_command(shell: Shell) -> None:
    shown = shell().out
    assert all(f" {name} " in shown for name in COMMANDS)


def test_the_version_is_told(shell: Shell) -> None:
    assert shell("--version").out == f"officina {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_needs_no_server(name: str, shell: Shell) -> None:
    shown = shell(name, "--help").words
    assert f"Usage: officina {name}" in shown
    assert "Exit codes: 0 done" in shown


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["serv"], "No such command 'serv'. Did you mean 'serve'?"),
        (["keys", "creat"], "Did you mean 'create'?"),
        (["serve", "--prot", "1"], "No such option: --prot"),
        (["serve", "--prot", "1"], "--port"),
        (["status"], "Missing argument"),
        (["status", "x", "--wait", "61"], "60"),
        (["run", "a/b", "--priority", "urgent"], "is not one of 'high', 'normal', 'low'"),
        (["status", "x", "--url", "ftp://example.org"], "is not a base URL"),
        (["status", "x", "--key", "a b"], "The key holds blanks"),
        (["worker"], "Missing option"),
    ],
)
def test_a_wrong_command_line_is_told_what_is_wrong(words: list[str], sentence: str, shell: Shell) -> None:
    assert sentence in shell(*words, code=Code.USAGE).words


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANINGS) | {Code.BUG} == set(Code)


def test_the_shell_completes_commands_and_model_ids(shell: Shell) -> None:
    asked = {"_OFFICINA_COMPLETE": "complete_bash", "COMP_WORDS": "officina requ", "COMP_CWORD": "1"}
    assert Shell(shell.folder, **asked)().out.split() == ["requests"]
    asked |= {"COMP_WORDS": "officina run bytedance", "COMP_CWORD": "2"}
    assert Shell(shell.folder, **asked)().out.split() == ["bytedance/dreamina-4-0/edit"]


def test_colours_are_for_terminals_and_for_those_who_want_them(shell: Shell) -> None:
    assert "\x1b[" not in shell("models", "list", "--offline").out
    assert "\x1b[" in _on_terminal(shell, "status", "x", "--url", "http://127.0.0.1:9")
    uncoloured = Shell(shell.folder, NO_COLOR="1")
    assert "\x1b[31m" not in _on_terminal(uncoloured, "status", "x", "--url", "http://127.0.0.1:9")


def _on_terminal(shell: Shell, *words: str) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    environment = {**shell.environment, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=shell.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # how Linux says that the other side has gone
        pass
    finally:
        os.close(ours)
        process.wait(60)
    return shown.decode()

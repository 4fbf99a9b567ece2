"""The command line as data: every command with its options, and a way to parse a line without running it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import dropwhile, groupby
from pathlib import Path
from typing import Any

from typer.main import get_command

from officina.cli.app import app

_ENDS = frozenset("();<>|&\n")
_VARIABLE = re.compile(r"[A-Z_]+=")


@cache
def commands() -> dict[str, set[str]]:
    """The options of every command, by its whole name."""
    return dict(_walk(get_command(app), "officina"))


def parse(words: list[str]) -> None:
    """Parse the words after `officina` as the program would; raises when they make no sense."""
    command: Any = get_command(app)
    context = command.make_context("officina", ["--help"], resilient_parsing=True)
    while hasattr(command, "list_commands"):
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, words, parent=context)


def named(words: list[str]) -> tuple[str, set[str]]:
    """The command that the words begin with, and the options that they mention."""
    known = commands()
    path = "officina"
    for word in words:
        if f"{path} {word}" not in known:
            break
        path = f"{path} {word}"
    return path, {word.partition("=")[0] for word in words if word.startswith("--")}


def calls(script: str) -> Iterator[list[str]]:
    """The arguments of every call of `officina` in a shell script or a unit file."""
    text = script.replace("\\\n", " ").replace("ExecStart=", "")
    lexer = shlex.shlex(text, posix=True, punctuation_chars="".join(sorted(_ENDS)))
    lexer.whitespace, lexer.whitespace_split = " \t", True
    for is_end, words in groupby(lexer, lambda word: set(word) <= _ENDS):
        program, *arguments = _without_prefix([] if is_end else list(words))
        if Path(program).name == "officina" and arguments:
            yield arguments


def _without_prefix(words: list[str]) -> list[str]:
    """The words of a command from its program on; `sudo -u somebody` and variables are passed over."""
    if words[:2] == ["sudo", "-u"]:
        return words[3:]
    return list(dropwhile(_VARIABLE.match, words)) or [""]


def _walk(command: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    context = command.make_context(name, [], resilient_parsing=True)
    shown = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    options = [each for each in shown if each.param_type_name == "option"]
    yield name, {word for each in options for word in (*each.opts, *each.secondary_opts)}
    for child in getattr(command, "list_commands", lambda _: [])(context):
        yield from _walk(command.get_command(context, child), f"{name} {child}")

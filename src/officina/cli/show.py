"""What commands print: answers on stdout (for people, or JSON), everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from officina.cli.exits import Code, Failure, failure_of

_WIDE = 4096
"""Columns where nobody looks: lines in a pipe are never broken."""


class Screen:
    """Where a command prints. Nothing that it is given is read as markup."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._out = _console(stderr=False)
        self.err = _console(stderr=True)

    def give(self, machine: Any, human: RenderableType) -> None:
        """Print the answer: one JSON value, or what people read."""
        if self.as_json:
            text = msgspec.json.encode(machine, enc_hook=str)
            text = msgspec.json.format(text, indent=2) if self._out.is_terminal else text
            sys.stdout.write(text.decode() + "\n")
        else:
            self._out.print(human, soft_wrap=isinstance(human, str | Text))
        sys.stdout.flush()

    def say(self, sentence: str, style: str = "dim") -> None:
        """Tell people something beside the answer."""
        self.err.print(Text(sentence, style=style), soft_wrap=True)

    def fail(self, failure: Failure) -> None:
        """Tell why the command failed."""
        if self.as_json:
            self.give(failure.as_json(), "")
            return
        head = f"Error ({failure.kind}): " if failure.kind else "Error: "
        self.err.print(Text.assemble((head, "bold red"), failure.message), soft_wrap=True)
        for name, value in failure.facts.items():
            if name != "problems":  # those are lines of the message already
                self.say(f"  {name}: {value}")
        if failure.todo:
            self.err.print(Text(failure.todo), soft_wrap=True)
        if failure.request_id:
            self.say(f"Request: {failure.request_id}")


@contextmanager
def screen(as_json: bool = False) -> Iterator[Screen]:
    """Give a screen to a command, and end the command by what it raises."""
    shown = Screen(as_json)
    try:
        yield shown
    except KeyboardInterrupt:
        sys.exit(Code.INTERRUPTED)
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        shown.fail(failure)
        sys.exit(failure.code)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Plain columns; the first, by which a row is known, is never broken."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for n, name in enumerate(columns):
        made.add_column(name, no_wrap=n == 0, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, object]], title: str = "") -> Text:
    """Names and values, one pair on a line, which only the terminal itself breaks; without empty values."""
    told = [(name, str(value)) for name, value in pairs if value not in (None, "", ())]
    width = max((len(name) for name, _ in told), default=0)
    made = Text(f"{title}\n" if title else "", style="")
    made.stylize("bold green")
    for name, value in told:
        made.append(f"{name:<{width}}  ", style="bold")
        made.append(value.replace("\n", "\n" + " " * (width + 2)) + "\n")
    made.rstrip()
    return made


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console

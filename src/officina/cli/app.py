"""The list of commands, each imported only when it is the one that is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

from officina import __version__
from officina.cli.exits import EPILOG


class Entry(NamedTuple):
    """Where a command is: the module that has it under its own name, and the place in help."""

    module: str
    panel: str


_BEGIN, _RUNS, _SERVER = "Begin", "Requests", "The server"
COMMANDS: Mapping[str, Entry] = {
    "demo": Entry("demo", _BEGIN),
    "serve": Entry("serve", _BEGIN),
    "run": Entry("run", _RUNS),
    "submit": Entry("run", _RUNS),
    "status": Entry("requests", _RUNS),
    "result": Entry("requests", _RUNS),
    "cancel": Entry("requests", _RUNS),
    "delete": Entry("requests", _RUNS),
    "requests": Entry("requests", _RUNS),
    "models": Entry("models", _SERVER),
    "engines": Entry("engines", _SERVER),
    "keys": Entry("keys", _SERVER),
    "worker": Entry("worker", _SERVER),
    "workers": Entry("workers", _SERVER),
    "fleet": Entry("fleet", _SERVER),
    "collage": Entry("collage", _SERVER),
    "doctor": Entry("doctor", _SERVER),
    "migrate": Entry("migrate", _SERVER),
    "backup": Entry("backup", _SERVER),
    "restore": Entry("backup", _SERVER),
}


class _Commands(Mapping[str, Any]):
    """The commands by their names; looking one up imports it."""

    def __getitem__(self, name: str) -> Any:
        entry = COMMANDS[name]
        found = getattr(importlib.import_module(f"officina.cli.{entry.module}"), name)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False)
            single.command(name, epilog=EPILOG)(found)
            found = single
        command = get_command(found)
        command.name = name
        cast("Any", command).rich_help_panel = entry.panel
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("Any", _Commands())

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the order of help."""
        return list(COMMANDS)


app = typer.Typer(
    cls=_Group,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"officina {__version__}")
        raise typer.Exit


@app.callback()
def officina(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """A self-hosted Model API: submit picture edits, follow them, collect the results.

    `officina demo` shows all of it in a minute.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())

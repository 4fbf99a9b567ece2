"""`officina serve`: the gateway with its local workers. Its flags are made from the settings."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

import typer

from officina.cli import options, start
from officina.settings import Settings


def _as_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one flag for each setting, in the place of its `**flags`."""
    written = inspect.signature(command, eval_str=True).parameters.values()
    own = [each for each in written if each.kind != each.VAR_KEYWORD]
    kinds = typing.get_type_hints(Settings)
    flags = [_flag(each, kinds[each.name]) for each in dataclasses.fields(Settings)]
    command.__signature__ = inspect.Signature([*flags, *own])  # type: ignore[attr-defined]
    return command


def _flag(setting: dataclasses.Field[Any], kind: Any) -> inspect.Parameter:
    """One setting as a parameter that is None unless the flag is given.

    Values stay text: the settings convert what comes from flags as they do for the environment.
    """
    name = setting.name.replace("_", "-")
    words = [f"--{name}/--no-{name}"] if kind is bool else [f"--{name}"]
    origin = typing.get_origin(kind)
    wanted: Any = bool if kind is bool else list[str] if origin is tuple else str
    metavar = {tuple: "TEXT ...", dict: "JSON"}.get(origin, f"{getattr(kind, '__name__', kind)}".lower())
    option = typer.Option(
        *words, help=_help(setting), show_default=False, metavar=None if kind is bool else metavar
    )
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[wanted | None, option],
    )


def _help(setting: dataclasses.Field[Any]) -> str:
    default = setting.default
    if isinstance(default, bool):
        default = "on" if default else "off"
    has_one = default is not dataclasses.MISSING and default not in ("", ())
    return str(setting.metadata["help"]) + (f" Default: {default}." if has_one else "")


@_as_flags
def serve(
    *,
    config: options.Config = None,
    as_json: options.Json = False,
    with_parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    **flags: Any,
) -> None:
    """Start the server, with its workers, until Ctrl-C.

    Every setting can also stand in officina.toml or in the environment, as OFFICINA_PORT for --port; a flag
    wins over the environment, the environment over the file. `officina doctor` shows what holds.

    With --json, the first line on stdout is a JSON object with url, data and first_key_file, once the server
    takes calls. The log goes to stderr.
    """
    given = {name: value for name, value in flags.items() if value not in (None, [])}
    start.start(start.Order(given, config, as_json, with_parent))

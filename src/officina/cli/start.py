"""Starts the server; and reads a plain `officina serve` line itself, which keeps the process small.

Typer and what it imports would cost the gateway 9 MB and a third of its time to start. So the usual command
lines are read here, by the fields of Settings; any other (help, a typing error, shell completion) is left to
Typer, whose `serve` ends in the same `start`.
"""

from __future__ import annotations

import shlex
import signal
import sys
import typing
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from officina.cli import show, target
from officina.settings import Settings, load

if TYPE_CHECKING:
    from officina.serve import Serving


@dataclass(frozen=True, slots=True)
class Order:
    """What `serve` was asked for: settings by their names, and its own options."""

    settings: dict[str, Any] = field(default_factory=dict)
    config: Path | None = None
    as_json: bool = False
    with_parent: int | None = None


def read(words: Sequence[str]) -> Order | None:
    """Read the flags of `serve`; None when the line needs Typer."""
    given: dict[str, list[str]] = {}
    kinds = typing.get_type_hints(Settings)
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or "_" in flag:
            return None
        if flag == "--json" or (kinds.get(name) is bool and not equals):
            given[name] = ["true"]
        elif kinds.get(name.removeprefix("no_")) is bool and not equals:
            given[name.removeprefix("no_")] = ["false"]
        elif name in kinds or name in ("config", "with_parent"):
            found = value if equals else _value(left)
            if found is None:
                return None
            given.setdefault(name, []).append(found)
        else:
            return None
    return _order(given, kinds)


def _value(left: Iterator[str]) -> str | None:
    """The word after a flag, if it cannot be a flag itself."""
    word = next(left, "-")
    return None if word.startswith("-") else word


def _order(given: dict[str, list[str]], kinds: dict[str, Any]) -> Order | None:
    parent = given.get("with_parent", ["0"])[-1]
    if not parent.isdecimal():
        return None
    settings = {
        name: values if typing.get_origin(kinds[name]) is tuple else values[-1]
        for name, values in given.items()
        if name in kinds
    }
    config = Path(given["config"][-1]) if "config" in given else None
    return Order(settings, config, "json" in given, int(parent) or None)


def start(order: Order) -> None:
    """Serve until SIGTERM or SIGINT; exits with a sentence and a code when it cannot."""
    with show.screen(order.as_json) as screen, ExitStack() as until_stopped:
        if order.with_parent:
            from officina.child.lifeline import end_with_parent

            end_with_parent(order.with_parent, signal.SIGTERM)
        settings = load(order.settings, config=order.config).settings
        from officina import logs
        from officina.serve import run

        logs.configure(settings.log_format, settings.log_level)

        def ready(serving: Serving) -> None:
            until_stopped.enter_context(target.announced(settings.data, serving.url))
            _announce(screen, settings, serving)

        run(settings, ready)


def _announce(screen: show.Screen, settings: Settings, serving: Serving) -> None:
    from officina.catalog import FIRST

    key_file = settings.data / target.FIRST_KEY_FILE
    has_key_file = key_file.exists()
    machine = {
        "url": serving.url,
        "data": str(settings.data.absolute()),
        "first_key_file": str(key_file.absolute()) if has_key_file else None,
    }
    key = f"$(cat {shlex.quote(str(key_file))})" if has_key_file else "YOUR_KEY"
    on_terminal = sys.stdout.isatty()  # secrets are printed to nothing else
    lines = [
        ("Pages", serving.url),
        ("Sign in", serving.sign_in_url if on_terminal else ""),
        ("Data folder", settings.data),
        ("First key", f"in {key_file}" if has_key_file else "not here; `officina keys create` makes another"),
        ("", serving.gateway.first_key if on_terminal else ""),
        ("Try it", f'curl {serving.url}/v1/models -H "Authorization: Bearer {key}"'),
        ("Or", f"officina run {FIRST} image_urls=@boat.jpg prompt='black and white'"),
    ]
    screen.give(machine, show.facts(lines, title=f"Officina serves at {serving.url} until Ctrl-C."))

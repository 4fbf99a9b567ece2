"""The table of engines: their names, where their classes are, and what they need.

An engine is one file (or package) beside this one and one line in ENGINES. An engine that lives elsewhere is
named by its class, `package.module:Class`, and used only by a worker whose operator lists it, as in
`--engines collage,my_engines.posters:PosterEngine`. Such a module must be importable: install it, or name its
folder in PYTHONPATH.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from officina.errors import MissingExtra, OperatorError
from officina.run import Engine


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """One engine: its class as `module:Class`, what it is, and the extra that installs what it `needs`."""

    target: str
    summary: str
    extra: str = ""
    needs: tuple[str, ...] = ()


ENGINES: Mapping[str, EngineEntry] = {
    "collage": EngineEntry(
        "officina.engines.collage:CollageEngine",
        "Edits pictures on the CPU: cuts out, composes and adjusts what the prompt names.",
    ),
    "diffusers": EngineEntry(
        "officina.engines.diffusers:DiffusersEngine",
        "Runs open-weight picture models of the diffusers library on a GPU of this machine.",
        extra="diffusers",
        needs=("torch", "diffusers", "transformers"),
    ),
}
"""Every engine that we ship, by its name in the catalog and in settings."""


def available(table: Mapping[str, EngineEntry] = ENGINES) -> tuple[str, ...]:
    """The shipped engines that can be used here, told without importing any of them."""
    return tuple(name for name, entry in table.items() if not _missing(entry))


def check(names: Iterable[str], table: Mapping[str, EngineEntry] = ENGINES) -> tuple[str, ...]:
    """Check the names that an operator gives.

    Raises:
        OperatorError: an engine is unknown.
        MissingExtra: something that an engine needs is not installed.
    """
    return tuple(_checked(name, table) for name in names)


def load(name: str, options: Mapping[str, Any]) -> Engine:
    """Import an engine and make it ready; slow, and only done in the engine's own process."""
    entry = ENGINES.get(name)
    module, _, attribute = (entry.target if entry else name).partition(":")
    engine = getattr(importlib.import_module(module), attribute)(options)
    return cast("Engine", engine)


def _checked(name: str, table: Mapping[str, EngineEntry]) -> str:
    entry = table.get(name)
    if entry is None and ":" not in name:
        known = ", ".join(sorted(table))
        raise OperatorError(f"There is no engine {name!r}; known are {known}; others are named module:Class.")
    if entry is not None and (missing := _missing(entry)):
        remedy = f"pip install 'officina[{entry.extra}]'" if entry.extra else "install officina again"
        raise MissingExtra(f"The engine {name!r} needs {', '.join(missing)}, not installed here: {remedy}.")
    return name


def _missing(entry: EngineEntry) -> list[str]:
    module = entry.target.partition(":")[0]
    return [each for each in (module, *entry.needs) if importlib.util.find_spec(each) is None]

"""The table of engines: their names, where their classes are, and what they need.

An engine is one file (or package) beside this one and one line in ENGINES. Another package adds one with
one line of its own, an entry point of the group `officina.engines`: `posters = "my.posters:PosterEngine"`.
An engine without either is named by its class, `package.module:Class`, and used only by a worker whose
operator lists it, as in `--engines collage,my.posters:PosterEngine`. Such a module must be importable:
install it, or name its folder in PYTHONPATH.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
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
    lacks: str = ""
    """`module:function` that tells, from a model's options, what this machine lacks; "" for nothing."""
    lint: str = ""
    """What finds all that is wrong with a model's options, as `module:function`; it needs no extra."""


ENGINES: Mapping[str, EngineEntry] = {
    "collage": EngineEntry(
        "officina.engines.collage:CollageEngine",
        "Edits pictures on the CPU: cuts out, composes and adjusts what the prompt names.",
    ),
    "remote": EngineEntry(
        "officina.engines.remote:RemoteEngine",
        "Orders the work elsewhere: RunComfy, another Officina, ModelArk, Jimeng, OpenAI images routes.",
        lacks="officina.engines.remote.engine:lacks",
    ),
    "comfyui": EngineEntry(
        "officina.engines.comfyui.engine:ComfyUIEngine",
        "Runs workflows on ComfyUI servers of one's own.",
        extra="comfyui",
        needs=("websockets",),
        lint="officina.engines.comfyui.options:problems",
        lacks="officina.engines.comfyui.reach:lacks",
    ),
    "diffusers": EngineEntry(
        "officina.engines.diffusers:DiffusersEngine",
        "Runs open-weight picture models of the diffusers library on a GPU of this machine.",
        extra="diffusers",
        needs=("torch", "diffusers", "transformers"),
        lacks="officina.engines.diffusers.weights:lacks",
    ),
}
"""Every engine that we ship, by its name in the catalog and in settings."""


PLUG_INS = "officina.engines"
"""The entry-point group of engines that other packages bring."""


def known() -> Mapping[str, EngineEntry]:
    """Every engine that has a name here: the shipped ones, and those of installed plug-ins."""
    found = {
        point.name: EngineEntry(point.value, f"From the plug-in {_package(point)}.")
        for point in entry_points(group=PLUG_INS)
    }
    return {**found, **ENGINES}


def available(table: Mapping[str, EngineEntry] | None = None) -> tuple[str, ...]:
    """The engines that can be used here, told without importing any of them."""
    return tuple(name for name, entry in (table or known()).items() if not _missing(entry))


def lacking(name: str, options: Mapping[str, Any]) -> str:
    """What this machine lacks to run a model on that engine, as the end of a sentence; "" for nothing.

    Looks for packages, weights, secrets and servers, and imports nothing heavy.
    """
    entry = known().get(name)
    if entry is None:
        module = name.partition(":")[0]
        return "" if ":" in name and _is_there(module) else f"no engine {name!r} is installed here"
    if missing := _missing(entry):
        return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; {_remedy(entry)}"
    return str(_attribute(entry.lacks)(options)) if entry.lacks else ""


def check(names: Iterable[str], table: Mapping[str, EngineEntry] | None = None) -> tuple[str, ...]:
    """Check the names that an operator gives.

    Raises:
        OperatorError: an engine is unknown.
        MissingExtra: something that an engine needs is not installed.
    """
    return tuple(_checked(name, table or known()) for name in names)


def linters(table: Mapping[str, EngineEntry] = ENGINES) -> dict[str, Callable[..., Iterable[str]]]:
    """By engine, what finds all that is wrong with the options of a model, given its input schema too."""
    return {name: _attribute(entry.lint) for name, entry in table.items() if entry.lint}


def load(name: str, options: Mapping[str, Any]) -> Engine:
    """Import an engine and make it ready; slow, and only done in the engine's own process."""
    entry = ENGINES.get(name) or (None if ":" in name else known().get(name))
    return cast("Engine", _attribute(entry.target if entry else name)(options))


def _checked(name: str, table: Mapping[str, EngineEntry]) -> str:
    entry = table.get(name)
    if entry is None and ":" not in name:
        known = ", ".join(sorted(table))
        raise OperatorError(f"There is no engine {name!r}; known are {known}; others are named module:Class.")
    if entry is not None and (missing := _missing(entry)):
        raise MissingExtra(
            f"The engine {name!r} needs {', '.join(missing)}, not installed here: {_remedy(entry)}."
        )
    return name


def _remedy(entry: EngineEntry) -> str:
    return f"pip install 'officina[{entry.extra}]'" if entry.extra else "install officina again"


def _attribute(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _missing(entry: EngineEntry) -> list[str]:
    module = entry.target.partition(":")[0]
    return [each for each in (module, *entry.needs) if not _is_there(each)]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False

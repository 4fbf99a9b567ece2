"""Fills a workflow: the caller's input goes into the inputs of nodes that the model binds."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from officina.engines.comfyui.graph import Target, Workflow, ends, without
from officina.engines.comfyui.options import Binding, Options
from officina.errors import RunError
from officina.run import Run

_SIZE = re.compile(r"\s*(\d+)\s*[x×*]\s*(\d+)", re.IGNORECASE)
_PREFIX = "filename_prefix"


@dataclass(frozen=True, slots=True)
class Filled:
    """A workflow to send, and what is worth telling about how it was filled."""

    workflow: Workflow
    notes: dict[str, Any] = field(default_factory=dict)


def uploads(options: Options, run: Run) -> Mapping[str, tuple[tuple[Target, Path | None], ...]]:
    """For each field of files, the inputs that it sets, each with its file, or None where none was given.

    Raises:
        RunError: `not_understood`, when there are more files than the workflow takes.
    """
    found = {}
    for name, bindings in options.bindings.items():
        slots = [each.files for each in bindings if each.files]
        files = run.files.get(name, ())
        if slots and len(files) > (most := max(map(len, slots))):
            message = f"This workflow takes at most {most} files in {name!r}, got {len(files)}: give fewer."
            raise RunError("not_understood", message)
        placed = [(at, files[n] if n < len(files) else None) for some in slots for n, at in enumerate(some)]
        if placed:
            found[name] = tuple(placed)
    return found


def fill(options: Options, run: Run, uploaded: Mapping[Path, str]) -> Filled:
    """Fill the workflow for a run whose files the server knows by these names (by none when it is not sent).

    A field that was not given leaves what the workflow itself has. A picture that was not given takes its
    node out, with all nodes that cannot do without it.

    Raises:
        RunError: `not_understood`, when nothing is left of the workflow, or a size cannot be read.
    """
    filled = Filled(
        {name: {**node, "inputs": dict(node["inputs"])} for name, node in options.workflow.items()}
    )
    for name, bindings in options.bindings.items():
        for binding in bindings:
            _set(filled, binding, name, run)
    workflow = _with_files(filled.workflow, options, run, uploaded)
    _own_names(workflow, f"{run.job_id}-{run.attempt}")
    if ignored := list(_ignored(options, run)):
        filled.notes["ignored"] = ignored
    return Filled(workflow, filled.notes)


def seed_of(job_id: str) -> int:
    """The seed of a job that named none: as good as random, and the same again when the job is run again."""
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4], "big")


def legal_size(size: tuple[int, int], multiple: int, max_pixels: int) -> tuple[int, int]:
    """The size of about the same ratio, in pixels, that a model can make: not larger, in whole multiples."""
    width, height = size
    shrink = min(1.0, math.sqrt(max_pixels / (width * height))) if max_pixels else 1.0
    return (
        max(multiple, round(width * shrink / multiple) * multiple),
        max(multiple, round(height * shrink / multiple) * multiple),
    )


def _set(filled: Filled, binding: Binding, name: str, run: Run) -> None:
    value = run.input.get(name)
    if binding.seed:
        given = isinstance(value, int) and value >= 0
        seed = value if given else seed_of(run.job_id)
        filled.notes["seed"] = seed
        _put(filled.workflow, binding.seed, seed)
    elif value is None or binding.files:
        return
    elif binding.width:
        _set_size(filled, binding, _size(name, value))
    else:
        _put(filled.workflow, binding.to, _scaled(binding, value))


def _set_size(filled: Filled, binding: Binding, size: tuple[int, int]) -> None:
    width, height = legal_size(size, binding.multiple, binding.max_pixels)
    _put(filled.workflow, binding.width, width)
    _put(filled.workflow, binding.height, height)
    if (width, height) != size:
        filled.notes["rendered"] = f"{width}x{height}"


def _size(name: str, value: object) -> tuple[int, int]:
    found = _SIZE.match(str(value))
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (width and height):
        raise RunError(
            "not_understood", f"{name!r} must be a size such as 1024x1024, got {str(value)[:60]!r}."
        )
    return width, height


def _scaled(binding: Binding, value: Any) -> Any:
    if (
        (binding.times, binding.add) == (1, 0)
        or isinstance(value, bool)
        or not isinstance(value, int | float)
    ):
        return value
    return value * binding.times + binding.add


def _put(workflow: Workflow, targets: tuple[Target, ...], value: Any) -> None:
    for each in targets:
        workflow[each.node]["inputs"][each.name] = value


def _with_files(workflow: Workflow, options: Options, run: Run, uploaded: Mapping[Path, str]) -> Workflow:
    saving = ends(workflow)
    for name, placed in uploads(options, run).items():
        for at, path in placed:
            if path is not None:
                workflow[at.node]["inputs"][at.name] = uploaded.get(path, "")
            elif at.node in workflow:
                workflow = without(workflow, at.node, options.optional)
        if not saving & set(workflow):
            raise RunError("not_understood", f"This workflow needs more files in {name!r} than were given.")
    return workflow


def _own_names(workflow: Workflow, name: str) -> None:
    """Let saved files carry the job's name, so that no run is answered with the files of an earlier one.

    ComfyUI keeps what nodes made; a node that saves is run again only when one of its inputs has changed.
    """
    for node in workflow.values():
        if isinstance(prefix := node["inputs"].get(_PREFIX), str):
            node["inputs"][_PREFIX] = f"{prefix}-{name}" if prefix else name


def _ignored(options: Options, run: Run) -> Iterator[str]:
    yield from (
        name for name, value in run.input.items() if name not in options.bindings and value is not None
    )

"""What model.toml says to the comfyui engine, and everything that can be wrong with it.

    [options]
    servers = ["http://127.0.0.1:8188"]
    optional = ["31.inputs.latent"]     # inputs that a node can do without, when their picture is not given
    outputs = ["9"]                     # the nodes whose files are the result; all that save, when empty

    [options.bindings]
    prompt = "6.inputs.text"                                        # a field is one input, or several
    steps = ["12.inputs.steps", "14.inputs.steps"]
    guidance = { to = "7.inputs.cfg", times = 6, add = 1 }          # a number on another scale
    image_urls = { files = ["20.inputs.image", "30.inputs.image"] } # the first picture here, the second there
    seed = { seed = "5.inputs.noise_seed" }                         # made up when the caller gives none
    "width×height" = { width = "8.inputs.width", height = "8.inputs.height", multiple = 16 }

The workflow itself is the file workflow.json beside model.toml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from officina.engines.comfyui.graph import NotAWorkflow, Target, Workflow, read, target

HERE = ("http://127.0.0.1:8188",)
"""Where ComfyUI answers when nobody says otherwise."""

_Names = str | tuple[str, ...]
_KINDS = ("to", "files", "seed", "width")
_FILE_FORMATS = frozenset(f"{kind}_uri{s}" for kind in ("image", "video", "audio") for s in ("", "s"))


class BadOptions(ValueError):
    """The options cannot be used; the message is a sentence."""


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A binding as it is written."""

    to: _Names = ()
    files: _Names = ()
    seed: _Names = ()
    width: _Names = ()
    height: _Names = ()
    times: float = 1
    add: float = 0
    multiple: int = 1
    max_pixels: int = 0


class _Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options as they are written."""

    workflow: dict[str, Any]
    bindings: dict[str, str | tuple[str | _Written, ...] | _Written]
    servers: tuple[str, ...] = HERE
    optional: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    key_env: str = ""
    patience_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Binding:
    """What one field of the input sets in the workflow; one of the first four is not empty."""

    to: tuple[Target, ...] = ()
    files: tuple[Target, ...] = ()
    seed: tuple[Target, ...] = ()
    width: tuple[Target, ...] = ()
    height: tuple[Target, ...] = ()
    times: float = 1
    add: float = 0
    multiple: int = 1
    max_pixels: int = 0
    """The largest area of a size; 0 is none."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every input that it sets."""
        return (*self.to, *self.files, *self.seed, *self.width, *self.height)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a model, read and checked."""

    workflow: Workflow
    bindings: Mapping[str, tuple[Binding, ...]]
    servers: tuple[str, ...]
    optional: frozenset[Target]
    outputs: tuple[str, ...]
    patience_s: float
    """How long a server may be out of reach in the middle of a run before the attempt ends."""


def parse(given: Mapping[str, Any]) -> Options:
    """Read the options.

    Raises:
        BadOptions: the first thing that is wrong with them.
    """
    if "workflow" not in given:
        raise BadOptions(
            "The model has no workflow.json: `officina models import-comfyui` makes such a model."
        )
    try:
        written = msgspec.convert(dict(given), _Options)
        workflow = read(written.workflow)
        made = Options(
            workflow=workflow,
            bindings={name: tuple(_bindings(name, each)) for name, each in written.bindings.items()},
            servers=tuple(_server(each) for each in written.servers),
            optional=frozenset(target(each) for each in written.optional),
            outputs=written.outputs,
            patience_s=written.patience_s,
        )
    except msgspec.ValidationError as error:
        raise BadOptions(f"options: {error}.") from None
    except NotAWorkflow as error:
        raise BadOptions(f"workflow.json: {error}") from None
    except ValueError as error:
        raise BadOptions(f"options: {error}.") from None
    for sentence in _unknown_nodes(made):
        raise BadOptions(sentence)
    return made


def problems(given: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Everything wrong with the options of a model whose input schema this is, a sentence each."""
    try:
        options = parse(given)
    except BadOptions as error:
        yield str(error)
        return
    fields: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    for name in fields:
        if name not in options.bindings:
            yield f"options.bindings: the field {name!r} sets nothing in the workflow; bind it or drop it."
    for name, bindings in options.bindings.items():
        yield from (f"options.bindings: {each}" for each in _misfits(name, bindings, fields.get(name)))


def _misfits(name: str, bindings: tuple[Binding, ...], field: Mapping[str, Any] | None) -> Iterator[str]:
    slots = max((len(each.files) for each in bindings), default=0)
    if field is None:
        if not all(each.seed for each in bindings):
            yield f"input.json has no field {name!r}; add it, or drop the binding."
        return
    if bool(slots) != _holds_files(field):
        said = "files but is bound as a value" if not slots else "no files but is bound with `files`"
        yield f"the field {name!r} holds {said}; mend the one or the other."
    elif slots and field.get("type") == "array" and field.get("maxItems", slots + 1) > slots:
        yield f"the field {name!r} takes more files than are bound; set its maxItems to {slots}."


def _holds_files(field: Mapping[str, Any]) -> bool:
    items = field.get("items", {})
    return bool({field.get("format"), items.get("format")} & _FILE_FORMATS)


def _bindings(name: str, written: str | tuple[str | _Written, ...] | _Written) -> Iterator[Binding]:
    for each in written if isinstance(written, tuple) else (written,):
        binding = _Written(to=each) if isinstance(each, str) else each
        kinds = [kind for kind in _KINDS if getattr(binding, kind)]
        if len(kinds) != 1 or bool(binding.width) != bool(binding.height):
            raise ValueError(
                f"the binding of {name!r} must have `to`, `files`, `seed`, or `width` and `height`"
            )
        if binding.multiple < 1:
            raise ValueError(f"the binding of {name!r} needs a multiple of at least 1")
        parts = {part: tuple(map(target, _listed(getattr(binding, part)))) for part in (*_KINDS, "height")}
        yield Binding(
            **parts,
            times=binding.times,
            add=binding.add,
            multiple=binding.multiple,
            max_pixels=binding.max_pixels,
        )


def _listed(names: _Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _server(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no address of a server: write it as http://127.0.0.1:8188")
    return url.rstrip("/")


def _unknown_nodes(options: Options) -> Iterator[str]:
    if not options.servers:
        yield "options.servers is empty: name at least one server of ComfyUI."
    targets = [each for some in options.bindings.values() for binding in some for each in binding.targets]
    for each in (*targets, *options.optional):
        if each.node not in options.workflow:
            yield f"options: {each} names a node that workflow.json does not have."
    for node in options.outputs:
        if node not in options.workflow:
            yield f"options.outputs: workflow.json has no node {node!r}."

"""What is known of ComfyUI's nodes without asking a server, and how to read what a server says of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from officina.engines.comfyui.graph import Target, Workflow, is_link

PROMPTS = frozenset(
    {
        ("CLIPTextEncode", "text"),
        ("CLIPTextEncodeSDXL", "text_g"),
        ("CLIPTextEncodeFlux", "t5xxl"),
        ("TextEncodeQwenImageEdit", "prompt"),
        ("TextEncodeQwenImageEditPlus", "prompt"),
        ("PrimitiveString", "value"),
        ("PrimitiveStringMultiline", "value"),
    }
)
"""Inputs that are texts for people to write."""

TWINS: Mapping[str, str] = {"t5xxl": "clip_l", "text_g": "text_l"}
"""Of nodes that take a prompt twice, the other input that the same text goes to."""

PRIMITIVES = frozenset({"PrimitiveInt", "PrimitiveFloat", "PrimitiveBoolean"})
SEEDS = frozenset({"seed", "noise_seed"})
NUMBERS: Mapping[str, tuple[float, float]] = {
    "steps": (1, 100),
    "cfg": (0, 20),
    "guidance": (0, 20),
    "denoise": (0, 1),
    "strength": (0, 2),
    "strength_model": (0, 2),
    "blend_factor": (0, 1),
}
"""Names of inputs that are worth opening, and the bounds that make sense for them."""

_UPLOADS: Mapping[tuple[str, str], str] = {
    ("LoadImage", "image"): "image",
    ("LoadImageMask", "image"): "image",
    ("LoadVideo", "file"): "video",
    ("VHS_LoadVideo", "video"): "video",
    ("LoadAudio", "audio"): "audio",
}
_OPTIONAL = frozenset(
    {
        ("ReferenceLatent", "latent"),
        *(("TextEncodeQwenImageEditPlus", f"image{n}") for n in (1, 2, 3)),
        ("TextEncodeQwenImageEdit", "image"),
    }
)
_SAVES = re.compile(r"Save|PreviewImage|VideoCombine", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a server says of one input of a class: its type, bounds, choices."""

    kind: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] | None = None
    multiline: bool = False
    uploads: str = ""
    """`image`, `video` or `audio` for the name of a file that can be uploaded."""


def inputs_of(kind: str, info: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Every input of a class: `required`, `optional` or `hidden`, its name, and how it is declared."""
    groups = info.get(kind, {}).get("input") or {}
    for group, inputs in groups.items():
        yield from ((group, name, declared) for name, declared in (inputs or {}).items())


def spec(kind: str, name: str, info: Mapping[str, Any]) -> Spec:
    """What is said of an input; nothing, when nobody says anything."""
    declared = next((each for _, other, each in inputs_of(kind, info) if other == name), None)
    if not isinstance(declared, list | tuple) or not declared:
        return Spec()
    form, more = declared[0], declared[1] if len(declared) > 1 and isinstance(declared[1], Mapping) else {}
    listed = form if isinstance(form, list) else more.get("options") if form == "COMBO" else None
    return Spec(
        kind=form if isinstance(form, str) else "COMBO",
        low=more.get("min"),
        high=more.get("max"),
        choices=tuple(listed) if isinstance(listed, list) else None,
        multiline=bool(more.get("multiline")),
        uploads=next((each for each in ("image", "video", "audio") if more.get(f"{each}_upload")), ""),
    )


def upload_kind(kind: str, name: str, told: Spec) -> str:
    """What an input takes the name of an uploaded file of, `image`, `video` or `audio`; empty for others."""
    return told.uploads or _UPLOADS.get((kind, name), "")


def optional_inputs(workflow: Workflow, info: Mapping[str, Any]) -> Iterator[Target]:
    """The linked inputs that their nodes can do without."""
    for node, each in workflow.items():
        kind = each["class_type"]
        told = {name for group, name, _ in inputs_of(kind, info) if group == "optional"}
        for name, value in each["inputs"].items():
            if is_link(value) and (name in told or (kind, name) in _OPTIONAL):
                yield Target(node, name)


def saves(kind: str, info: Mapping[str, Any]) -> bool:
    """Whether nodes of a class give files to whoever ran the workflow."""
    if kind in info:
        return bool(info[kind].get("output_node"))
    return bool(_SAVES.search(kind))

"""Proposes what callers of a workflow may say: pictures, prompts, a size, a seed, numbers.

A proposal is made of the nodes as they are known everywhere, and of what a server says of its own nodes
(`/object_info`), when there is one. It is meant to be edited: what should not be open is dropped from it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from officina.engines.comfyui.graph import NotAWorkflow, Target, Workflow, ends, is_link, title, without
from officina.engines.comfyui.known import (
    NUMBERS,
    PRIMITIVES,
    PROMPTS,
    SEEDS,
    TWINS,
    Spec,
    optional_inputs,
    saves,
    spec,
    upload_kind,
)

SIZE = "width×height"
_RATIOS = ((1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16))
_STEP = 16
_MAX_SEED = 2**32 - 1
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_SIZED = re.compile(r"Empty\w*(Latent|Image)|LatentImage|Scheduler|ModelSampling", re.IGNORECASE)
_MAKES_VIDEO = re.compile(r"Video|WEBM|Animated", re.IGNORECASE)


@dataclass(slots=True)
class Proposal:
    """A model in the making: fields of its input, what each sets, and which of them must be given."""

    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    bindings: dict[str, Any] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    """Inputs of nodes that can be left out with their picture."""
    example: dict[str, Any] = field(default_factory=dict)
    makes_video: bool = False

    @property
    def category(self) -> str:
        """What goes in and what comes out: `image-to-video`."""
        formats = {node.get("format") for node in self.properties.values()}
        given = "video" if "video_uri" in formats else "image" if "image_uri" in formats else "text"
        return f"{given}-to-{'video' if self.makes_video else 'image'}"


def propose(workflow: Workflow, info: Mapping[str, Any] | None = None) -> Proposal:
    """Propose the input of a workflow.

    Raises:
        NotAWorkflow: none of its nodes saves anything.
    """
    known = info or {}
    saving = [node for node, each in workflow.items() if saves(each["class_type"], known)]
    if not saving:
        raise NotAWorkflow(
            "None of the nodes saves a picture or a video: add one, such as SaveImage, and export again."
        )
    made = Proposal(makes_video=any(_MAKES_VIDEO.search(workflow[node]["class_type"]) for node in saving))
    _Proposing(workflow, known, made).all()
    return made


class _Proposing:
    """Walks over a workflow, one kind of field after the other."""

    def __init__(self, workflow: Workflow, known: Mapping[str, Any], made: Proposal) -> None:
        self._workflow = workflow
        self._known = known
        self._made = made

    def all(self) -> None:
        """Propose every kind of field, in the order in which people shall see them."""
        self._files()
        self._prompts()
        self._size()
        self._numbers()
        self._seed()

    def _values(self) -> Iterator[tuple[Target, str, Any, Spec]]:
        """Every input that is a value: where it is, the class of its node, the value, what is known of it."""
        for node, each in self._workflow.items():
            for name, value in each["inputs"].items():
                if not is_link(value):
                    kind = each["class_type"]
                    yield Target(node, name), kind, value, spec(kind, name, self._known)

    # --- files -------------------------------------------------------------------------------------------

    def _files(self) -> None:
        found = [
            (at, kind)
            for at, name, value, told in self._values()
            if isinstance(value, str) and (kind := upload_kind(name, at.name, told))
        ]
        for at, kind in found:
            alone = sum(each == kind for _, each in found) == 1
            name = self._free(f"{kind}_url" if alone else self._slug(at) or f"{kind}_url")
            label = title(self._workflow, at.node) if self._slug(at) else kind.capitalize()
            self._made.properties[name] = _file_field(label, kind)
            self._made.bindings[name] = {"files": str(at)}
            self._made.example[name] = kind
        places = [at for at, _ in found]
        needed = [at for n, at in enumerate(places) if n == 0 or not self._can_go(at)]
        names = [*self._made.bindings]
        self._made.required += [name for name, at in zip(names, places, strict=True) if at in needed]
        for name in set(names) - set(self._made.required):
            del self._made.example[name]

    def _can_go(self, at: Target) -> bool:
        """Whether the workflow still ends as it does without this picture; notes the inputs left out."""
        may_lack = frozenset(optional_inputs(self._workflow, self._known))
        left = without(self._workflow, at.node, may_lack)
        if not left or not ends(self._workflow) <= left.keys():
            return False
        dropped = [t for t in may_lack if t.node in left and t.name not in left[t.node]["inputs"]]
        self._made.optional += sorted({str(each) for each in dropped} - {*self._made.optional})
        return True

    # --- texts -------------------------------------------------------------------------------------------

    def _prompts(self) -> None:
        for at, kind, value, told in self._values():
            if isinstance(value, str) and ((kind, at.name) in PROMPTS or told.multiline):
                self._prompt(at, value)

    def _prompt(self, at: Target, value: str) -> None:
        is_negative = self._is_negative(at.node)
        plain = "negative_prompt" if is_negative else "prompt"
        name = plain if plain not in self._made.properties else self._free(self._slug(at) or plain)
        label = {"prompt": "Prompt", "negative_prompt": "Negative prompt"}.get(
            name, title(self._workflow, at.node)
        )
        node = {"title": label, "description": "", "type": "string", "maxLength": 4000}
        if name == "prompt":
            self._made.required.append(name)
        else:
            node["default"] = value[:4000]
        self._made.properties[name] = node
        twin = Target(at.node, TWINS.get(at.name, ""))
        takes_twice = isinstance(self._workflow[twin.node]["inputs"].get(twin.name), str)
        self._made.bindings[name] = [str(at), str(twin)] if takes_twice else str(at)
        self._made.example[name] = value[:4000]

    def _is_negative(self, node: str) -> bool:
        """Whether a node feeds inputs called negative, and none that is called positive."""
        if "negative" in title(self._workflow, node).casefold():
            return True
        return node in self._before("negative") and node not in self._before("positive")

    def _before(self, name: str) -> set[str]:
        """The nodes on which any input of that name depends."""
        firsts = [each["inputs"][name] for each in self._workflow.values() if name in each["inputs"]]
        found: set[str] = set()
        ahead = [value[0] for value in firsts if is_link(value)]
        while ahead:
            node = ahead.pop()
            if node not in found and node in self._workflow:
                found.add(node)
                inputs = self._workflow[node]["inputs"].values()
                ahead += [value[0] for value in inputs if is_link(value)]
        return found

    # --- size, seed, numbers -----------------------------------------------------------------------------

    def _size(self) -> None:
        sized = [
            (node, (each["inputs"]["width"], each["inputs"]["height"]))
            for node, each in self._workflow.items()
            if _SIZED.search(each["class_type"])
            and all(type(each["inputs"].get(name)) is int for name in ("width", "height"))
        ]
        if not sized:
            return
        size = sized[0][1]
        nodes = [node for node, each in sized if each == size]
        sides = {side: [f"{node}.inputs.{side}" for node in nodes] for side in ("width", "height")}
        multiple = next(each for each in (_STEP, 8, 1) if size[0] % each == size[1] % each == 0)
        self._made.bindings[SIZE] = {**sides, "multiple": multiple}
        choices = _sizes(size)
        self._made.properties[SIZE] = {
            "title": "Size",
            "description": "Width and height in pixels.",
            "type": "string",
            "enum": choices,
            "default": choices[0],
        }

    def _numbers(self) -> None:
        for at, kind, value, told in self._values():
            if kind in PRIMITIVES and at.name == "value" and isinstance(value, int | float):
                self._number(self._slug(at) or "value", at, value, told)
            elif at.name in NUMBERS and type(value) in {int, float}:
                self._number(at.name, at, value, told)

    def _number(self, name: str, at: Target, value: float, told: Spec) -> None:
        known = self._made.properties.get(name)
        if (
            known is not None
            and known.get("default") == value
            and isinstance(self._made.bindings[name], list)
        ):
            self._made.bindings[name].append(str(at))
            return
        name = self._free(name)
        self._made.bindings[name] = [str(at)]
        self._made.properties[name] = _number_field(name, value, told, NUMBERS.get(at.name))

    def _seed(self) -> None:
        places = [str(at) for at, _, value, _ in self._values() if at.name in SEEDS and type(value) is int]
        if places:
            self._made.bindings["seed"] = {"seed": places}
            self._made.properties["seed"] = {
                "title": "Seed",
                "description": "The same seed gives the same result; made up and told when left out.",
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": _MAX_SEED,
                "default": None,
            }

    # --- names -------------------------------------------------------------------------------------------

    def _slug(self, at: Target) -> str:
        """A field's name from the title that somebody gave the node; empty when nobody gave one."""
        called = title(self._workflow, at.node)
        kind = self._workflow[at.node]["class_type"]
        shown = self._known.get(kind, {}).get("display_name", kind)
        usual = {kind.casefold(), str(shown).casefold(), "load image"}
        return "" if called.casefold() in usual else _NOT_PLAIN.sub("_", called.casefold()).strip("_")

    def _free(self, name: str) -> str:
        """The name, with a number behind it when it is taken."""
        taken, n, free = self._made.properties, 2, name
        while free in taken:
            free, n = f"{name}_{n}", n + 1
        return free


def _file_field(label: str, kind: str) -> dict[str, Any]:
    limit = {"image": 20, "video": 50, "audio": 20}[kind]
    return {
        "title": label,
        "description": "",
        "type": "string",
        "format": f"{kind}_uri",
        "validations": [
            {
                "validation_rule": "file_size_mb<=",
                "validation_value": limit,
                "validation_error": f"The file must be ≤ {limit} MB.",
            }
        ],
    }


def _number_field(name: str, value: float, told: Spec, usual: tuple[float, float] | None) -> dict[str, Any]:
    label = name.replace("_", " ").capitalize()
    if isinstance(value, bool):
        return {"title": label, "description": "", "type": "boolean", "default": value}
    kind = "integer" if type(value) is int and told.kind != "FLOAT" else "float"
    low, high = usual or (None, None)
    bounds = {"minimum": _tighter(max, low, told.low), "maximum": _tighter(min, high, told.high)}
    kept = {key: _widened(key, bound, value) for key, bound in bounds.items() if bound is not None}
    return {"title": label, "description": "", "type": kind, **kept, "default": value}


def _tighter(choose: Any, usual: float | None, told: float | None) -> float | None:
    given = [each for each in (usual, told) if each is not None]
    return choose(given) if given else None


def _widened(key: str, bound: float, value: float) -> float:
    """A bound that what the workflow itself has does not break."""
    return min(bound, value) if key == "minimum" else max(bound, value)


def _sizes(size: tuple[int, int]) -> list[str]:
    """Sizes of about the same area, the workflow's own first: `1024x768(4:3)`."""
    area = size[0] * size[1]
    found = [size]
    for wide, high in _RATIOS:
        width = math.sqrt(area * wide / high)
        found.append(
            (max(_STEP, round(width / _STEP) * _STEP), max(_STEP, round(area / width / _STEP) * _STEP))
        )
    return list(dict.fromkeys(f"{w}x{h}({_ratio(w, h)})" for w, h in found))


def _ratio(width: int, height: int) -> str:
    usual = min(_RATIOS, key=lambda pair: abs(math.log(width * pair[1] / (height * pair[0]))))
    if abs(math.log(width * usual[1] / (height * usual[0]))) < 0.05:
        return f"{usual[0]}:{usual[1]}"
    common = math.gcd(width, height)
    return f"{width // common}:{height // common}"

"""A workflow in ComfyUI's API format: nodes by id, each with its class and its inputs.

    {"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a boat", "clip": ["4", 1]}}, …}

An input is a value, or a link `[node, slot]` to the output of another node. The format is what the menu item
"Export (API)" of ComfyUI's page saves and what `POST /prompt` takes. What the page saves by itself lists its
nodes and links with their places on the canvas; no server runs that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

Node = dict[str, Any]
Workflow = dict[str, Node]

_HOW_TO_EXPORT = (
    'open it in ComfyUI, choose "Export (API)" in the menu Workflow ("Save (API Format)" in older versions, '
    "once the dev mode options are on), and take the file that this saves"
)
_INPUTS = ".inputs."


class NotAWorkflow(ValueError):
    """What was given is no workflow in API format; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """One input of one node, written `6.inputs.text`."""

    node: str
    name: str

    def __str__(self) -> str:
        return f"{self.node}{_INPUTS}{self.name}"


def target(text: str) -> Target:
    """Read a target; raises ValueError with a sentence."""
    node, found, name = text.partition(_INPUTS)
    if not (node and found and name):
        raise ValueError(f"{text!r} names no input of a node: write it as 6.inputs.text")
    return Target(node, name)


def read(given: object) -> Workflow:
    """Check that this is a workflow in API format, and take it out of the body of a `POST /prompt`.

    Raises:
        NotAWorkflow: it is something else.
    """
    if isinstance(given, Mapping) and isinstance(given.get("nodes"), list) and "links" in given:
        raise NotAWorkflow(
            f"This is a workflow as ComfyUI's page saves it, which no server runs: {_HOW_TO_EXPORT}."
        )
    if isinstance(given, Mapping) and isinstance(given.get("prompt"), Mapping):
        given = given["prompt"]
    if not isinstance(given, Mapping) or not given:
        raise NotAWorkflow(f"This is no workflow in ComfyUI's API format: {_HOW_TO_EXPORT}.")
    for name, node in given.items():
        if not isinstance(node, Mapping) or not isinstance(node.get("class_type"), str):
            raise NotAWorkflow(
                f"The node {name!r} has no class_type, so this is not API format: {_HOW_TO_EXPORT}."
            )
        if not isinstance(node.get("inputs"), Mapping):
            raise NotAWorkflow(
                f"The node {name!r} has no inputs, so this is not API format: {_HOW_TO_EXPORT}."
            )
    return {str(name): {**node, "inputs": dict(node["inputs"])} for name, node in given.items()}


def is_link(value: object) -> TypeGuard[list[Any]]:
    """Whether an input is a link to another node, rather than a value."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int


def title(workflow: Mapping[str, Node], node: str) -> str:
    """What people call a node: its title, else its class; its id when it is not of this workflow."""
    own = workflow.get(node)
    if own is None:
        return node
    meta = own.get("_meta")
    named = meta.get("title") if isinstance(meta, Mapping) else None
    return str(named or own["class_type"])


def links_to(workflow: Mapping[str, Node], node: str) -> Iterator[Target]:
    """Every input that is linked to an output of the node."""
    for other, each in workflow.items():
        for name, value in each["inputs"].items():
            if is_link(value) and value[0] == node:
                yield Target(other, name)


def ends(workflow: Mapping[str, Node]) -> set[str]:
    """The nodes whose outputs nobody takes: those that save are among them."""
    taken = {value[0] for node in workflow.values() for value in node["inputs"].values() if is_link(value)}
    return set(workflow) - taken


def without(workflow: Workflow, node: str, optional: Collection[Target]) -> Workflow:
    """The workflow without a node, and without all that cannot do without it; `optional` inputs can."""
    left = {name: {**each, "inputs": dict(each["inputs"])} for name, each in workflow.items() if name != node}
    for link in list(links_to(left, node)):
        if link in optional:
            del left[link.node]["inputs"][link.name]
        elif link.node in left:
            left = without(left, link.node, optional)
    return left

"""Whether a server can run a workflow: its nodes, their inputs, and the weights that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from officina.engines.comfyui.graph import Target, is_link, title
from officina.engines.comfyui.known import inputs_of, saves, spec
from officina.engines.comfyui.options import Options


def lacks(options: Options, info: Mapping[str, Any]) -> Iterator[str]:
    """Everything that a server lacks, by what it says of its nodes, a sentence each."""
    workflow = options.workflow
    for kind in dict.fromkeys(each["class_type"] for each in workflow.values()):
        if kind not in info:
            where = next(
                title(workflow, node) for node, each in workflow.items() if each["class_type"] == kind
            )
            yield f'has no node {kind!r}, for "{where}": update ComfyUI, or install what brings it.'
    bound = {at for some in options.bindings.values() for binding in some for at in binding.targets}
    yield from _choices(options, info, bound)
    for at in sorted(bound | options.optional, key=str):
        kind = workflow[at.node]["class_type"]
        names = {name for _, name, _ in inputs_of(kind, info)}
        if names and at.name.partition(".")[0] not in names:
            yield f'has no input {at.name!r} at "{title(workflow, at.node)}": mend the binding {at}.'
    if not any(saves(each["class_type"], info) for each in workflow.values()):
        yield "has no node in this workflow that saves anything."


def _choices(options: Options, info: Mapping[str, Any], bound: set[Target]) -> Iterator[str]:
    """What a node shall take that is not among what the server offers: weights, most often."""
    for node, each in options.workflow.items():
        for name, value in each["inputs"].items():
            told = spec(each["class_type"], name, info)
            if is_link(value) or told.choices is None or told.uploads or Target(node, name) in bound:
                continue
            if value not in told.choices:
                where = title(options.workflow, node)
                yield f'does not have {value!r} as {name} of "{where}": put it into its models folder.'

"""Writes the folder of a model that runs a workflow: plain files, made to be edited."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from officina.engines.comfyui.graph import Workflow
from officina.engines.comfyui.propose import Proposal

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_EXAMPLES: Mapping[str, str] = {
    "image": "example/boat.jpg",
    "video": "https://example.org/video.mp4",
    "audio": "https://example.org/sound.mp3",
}
_OUTPUT = {
    "output": {
        "type": "object",
        "properties": {
            "image": {"type": "string", "format": "uri"},
            "images": {"type": "array", "items": {"type": "string", "format": "uri"}},
            "video": {"type": "string", "format": "uri"},
            "videos": {"type": "array", "items": {"type": "string", "format": "uri"}},
        },
    }
}
_DEADLINE_S = 900


def files(
    model_id: str, workflow: Workflow, proposal: Proposal, servers: Sequence[str], picture: bytes
) -> Iterator[tuple[str, bytes]]:
    """The files of the model, by their names in its folder; `picture` is a JPEG file for the example."""
    schema = {
        "type": "object",
        "title": "Input schema",
        "required": proposal.required,
        "properties": proposal.properties,
    }
    name = model_id.split("/", 1)[1].replace("/", " ").replace("-", " ").replace("_", " ").capitalize()
    yield "model.toml", _facts(proposal, servers).encode()
    yield "workflow.json", _json(workflow)
    yield "input.json", _json(schema)
    yield "output.json", _json(_OUTPUT)
    example = {field: _example(proposal, field) for field in proposal.example}
    yield "example.json", _json(example)
    if _EXAMPLES["image"] in example.values():
        yield _EXAMPLES["image"], picture
    yield "texts/en.toml", _texts(name, f"Runs the ComfyUI workflow “{name}”.").encode()
    yield "texts/it.toml", _texts(name, f"Esegue il flusso di lavoro ComfyUI «{name}».").encode()


def write(folder: Path, made: Iterator[tuple[str, bytes]]) -> None:
    """Write the files into a new folder."""
    for name, content in made:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _facts(proposal: Proposal, servers: Sequence[str]) -> str:
    bindings = [f"{_key(name)} = {_toml(_short(value))}" for name, value in proposal.bindings.items()]
    optional = [f"optional = {_toml(proposal.optional)}"] if proposal.optional else []
    return "\n".join(
        [
            'engine = "comfyui"',
            'kind = "workflow"',
            f"categories = {_toml([proposal.category])}",
            'accepts = ["jpeg", "png", "webp"]',
            f"deadline_s = {_DEADLINE_S}",
            "",
            "[options]",
            f"servers = {_toml(list(servers))}",
            *optional,
            "",
            "# What each field of input.json sets in workflow.json: inputs of nodes, by their ids.",
            "[options.bindings]",
            *bindings,
            "",
        ]
    )


def _texts(name: str, description: str) -> str:
    return f"display_name = {_toml(name)}\ndescription = {_toml(description)}\n"


def _example(proposal: Proposal, name: str) -> Any:
    is_file = "files" in proposal.bindings[name]
    return _EXAMPLES[proposal.example[name]] if is_file else proposal.example[name]


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: Any) -> str:
    """A value as TOML writes it; texts are written as in JSON, which TOML reads alike."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _short(binding: Any) -> Any:
    """A binding without the brackets around a single input."""
    if isinstance(binding, Mapping):
        return {name: _short(each) for name, each in binding.items()}
    return binding[0] if isinstance(binding, list) and len(binding) == 1 else binding

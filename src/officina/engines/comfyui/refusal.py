"""Puts what ComfyUI refuses, and what its nodes raise, into sentences that name the node by its title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from officina.engines.comfyui.graph import Node, title
from officina.errors import RunError

_FOLDERS = re.compile(r"(?:\b[A-Za-z]:)?(?:[\\/][^\\/\s'\":,;]+)+[\\/](?=[^\\/\s])")
_WEIGHTS = re.compile(r".+\.(safetensors|ckpt|pth?|bin|gguf|onnx|sft|pkl)", re.IGNORECASE)
_NO_NODE = re.compile(r"node (.+) does not exist")
_MEMORY = ("OutOfMemory", "out of memory", "OOM")
_MAX_CHARS = 300
_MAX_TOLD = 4


class Unfit(RunError):
    """This server cannot run the workflow, though another one may: it lacks weights, or a node."""

    def __init__(self, message: str) -> None:
        super().__init__("engine_unavailable", message, retry=False)


def of_prompt(answer: object, workflow: Mapping[str, Node]) -> RunError:
    """Say why the server did not take the workflow: the body of a 400 of `POST /prompt`."""
    body = answer if isinstance(answer, Mapping) else {}
    told = list(_node_errors(body.get("node_errors"), workflow))
    lacking = [sentence for sentence, unfit in told if unfit]
    if lacking:
        return Unfit(" ".join(lacking[:_MAX_TOLD]))
    if told:
        message = " ".join(sentence for sentence, _ in told[:_MAX_TOLD])
        return RunError("provider_rejected", message)
    return _whole(body.get("error"), workflow)


def of_history(entry: Mapping[str, Any], workflow: Mapping[str, Node]) -> RunError | None:
    """Say why a prompt of the history failed; None for one that did not."""
    status = entry.get("status")
    if not isinstance(status, Mapping) or status.get("status_str") != "error":
        return None
    for event, data in reversed(_messages(status)):
        if event == "execution_error":
            return _raised(data, workflow)
        if event == "execution_interrupted":
            where = title(workflow, str(data.get("node_id", "")))
            message = f'Somebody interrupted the run in ComfyUI, at the node "{where}"; it is tried again.'
            return RunError("provider_failed", message)
    return RunError("provider_failed", "The run failed on the ComfyUI server, which does not say why.")


def _messages(status: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The events of a run as its history keeps them: pairs of a name and its data."""
    found = status.get("messages") or ()
    pairs = [each for each in found if isinstance(each, list | tuple) and len(each) == 2]
    return [(str(event), data) for event, data in pairs if isinstance(data, Mapping)]


def _raised(data: Mapping[str, Any], workflow: Mapping[str, Node]) -> RunError:
    where = title(workflow, str(data.get("node_id", ""))) or str(data.get("node_type"))
    kind, message = str(data.get("exception_type", "")), str(data.get("exception_message", ""))
    if any(word in f"{kind} {message}" for word in _MEMORY):
        return RunError(
            "out_of_memory",
            f'The ComfyUI server ran out of memory at the node "{where}"; smaller or fewer pictures may fit.',
        )
    return RunError("engine_failed", f'The node "{where}" failed: {_short(message or kind)}')


def _node_errors(errors: object, workflow: Mapping[str, Node]) -> Iterator[tuple[str, bool]]:
    """A sentence for every error of every node, and whether it is the server that lacks something."""
    for node, each in errors.items() if isinstance(errors, Mapping) else ():
        for error in each.get("errors", ()) if isinstance(each, Mapping) else ():
            yield _node_error(title(workflow, str(node)), error)


def _node_error(where: str, error: Mapping[str, Any]) -> tuple[str, bool]:
    extra = error.get("extra_info") or {}
    name, value = extra.get("input_name"), extra.get("received_value")
    if error.get("type") == "value_not_in_list":
        if _WEIGHTS.fullmatch(str(value)):
            lacks = f'The ComfyUI server has no file {value!r} for the node "{where}"'
            return f"{lacks}; its operator must put it into the models folder.", True
        return f'The node "{where}" does not take {value!r} as {name}.', False
    message, details = str(error.get("message", "")), str(error.get("details", ""))
    told = ": ".join(filter(None, (message, details)))
    return f'The node "{where}" cannot be run: {_short(told)}', False


def _whole(error: object, workflow: Mapping[str, Node]) -> RunError:
    """An error of the workflow as a whole; a text in old versions of ComfyUI."""
    if not isinstance(error, Mapping):
        return RunError("provider_rejected", f"The ComfyUI server refused the workflow: {_short(str(error))}")
    extra = error.get("extra_info") or {}
    kind, message = error.get("type"), str(error.get("message", ""))
    found = _NO_NODE.search(message)
    if kind == "missing_node_type" or found:
        name = extra.get("class_type") or (found[1] if found else title(workflow, str(extra.get("node_id"))))
        return Unfit(f"The ComfyUI server has no node {name!r}: its operator must install what brings it.")
    told = ": ".join(filter(None, (message, str(error.get("details", "")))))
    return RunError("provider_rejected", f"The ComfyUI server refused the workflow: {_short(told)}")


def _short(text: str) -> str:
    """The first lines of a foreign message as a sentence, without folders of the server."""
    plain = _FOLDERS.sub("", " ".join(text.split()))
    plain = plain if len(plain) <= _MAX_CHARS else f"{plain[: _MAX_CHARS - 1]}…"
    return plain if plain.endswith((".", "!", "?", "…")) else f"{plain}."

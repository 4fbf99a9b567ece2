"""Whether anything answers for a model at all, told without running it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from officina.engines.comfyui.options import BadOptions, parse
from officina.engines.comfyui.server import Server, headers_of
from officina.errors import RunError


def lacks(given: Mapping[str, Any]) -> str:
    """What is missing to run a model with these options, as the end of a sentence; "" for nothing."""
    try:
        servers = parse(given).servers
        headers = headers_of(given)
    except BadOptions as error:
        return str(error).rstrip(".")
    except RunError as error:
        return error.message.rstrip(".")
    return (
        ""
        if any(_answers(url, headers) for url in servers)
        else f"no ComfyUI answers at {', '.join(servers)}"
    )


def _answers(url: str, headers: Mapping[str, str]) -> bool:
    with closing(Server(url, headers)) as server:
        try:
            server.load()
        except RunError:
            return False
    return True

"""Takes single fields out of JSON, leniently: what is missing or of another type is None, or empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from officina_client.effects import Answer
from officina_client.errors import ServerProblem


def loads(body: bytes) -> Any:
    """Parse JSON; None when it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def json_of(answer: Answer) -> Any:
    """Give the JSON of an answer, None when it has no body. Raises ServerProblem when it is not JSON."""
    if not answer.body:
        return None
    value = loads(answer.body)
    if value is None and answer.body.strip() != b"null":
        raise ServerProblem(
            "What answered does not speak JSON, so it is not a Model API; check the base URL.",
            status=answer.status,
        )
    return value


def object_of(answer: Answer) -> Mapping[str, Any]:
    """Give the JSON object of an answer. Raises ServerProblem when it is something else."""
    value = json_of(answer)
    if not isinstance(value, Mapping):
        raise ServerProblem(
            "The server answered with something else than a JSON object.", status=answer.status
        )
    return value


def objects(raw: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Give the objects of a list."""
    items = raw.get(name)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def need(raw: Mapping[str, Any], name: str) -> str:
    """Give a text that must be there. Raises ServerProblem when it is not."""
    value = text(raw, name)
    if not value:
        raise ServerProblem(f"The server's answer lacks {name!r}, so it does not speak this contract.")
    return value


def text(raw: Mapping[str, Any], name: str) -> str | None:
    """Give a text."""
    value = raw.get(name)
    return value if isinstance(value, str) else None


def strings(value: Any) -> tuple[str, ...]:
    """Give the texts of a list, or one bare text as a list of one."""
    items = value if isinstance(value, list) else [value]
    return tuple(item for item in items if isinstance(item, str) and item)


def number(raw: Mapping[str, Any], name: str) -> float | None:
    """Give a number."""
    value = raw.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def moment(raw: Mapping[str, Any], name: str) -> datetime | None:
    """Give a time, written as in ISO 8601."""
    try:
        return datetime.fromisoformat(text(raw, name) or "")
    except ValueError:
        return None

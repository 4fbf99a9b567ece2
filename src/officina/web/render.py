"""Answers: JSON, and errors in the one shape that every route uses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from officina.errors import BadKey, OfficinaError

JSON = b"application/json"
encode = msgspec.json.encode


class Answer:
    """A whole response, small enough to send at once."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body})


def json_bytes(body: bytes, status: int = 200) -> Answer:
    """An answer of JSON that is encoded already."""
    length = str(len(body)).encode()
    return Answer(status, body, [(b"content-type", JSON), (b"content-length", length)])


def json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of any value that msgspec can encode."""
    answer = json_bytes(encode(value), status)
    answer.headers += [(name.lower().encode(), text.encode()) for name, text in (headers or {}).items()]
    return answer


def error(problem: OfficinaError, headers: Mapping[str, str] | None = None) -> Answer:
    """The one shape of an error: `error_code`, the message under both names clients read, and `detail`."""
    text = f"{problem.name}: {problem.message}"
    body: dict[str, Any] = {"error_code": problem.code, "error_message": text, "message": text}
    if problem.detail:
        body["detail"] = problem.detail
    extra = {**problem.headers, **(headers or {})}
    if problem.retry_after is not None:
        extra["Retry-After"] = str(problem.retry_after)
    if isinstance(problem, BadKey):
        extra["WWW-Authenticate"] = "Bearer"
    return json(body, problem.http, extra)


def when(at: float) -> str:
    """Unix seconds as the contract writes times: ISO 8601, UTC, microseconds, `+00:00`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")

"""Tells an answer that is an error from one that is not, and raises the error that it means."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from officina_client.effects import Answer
from officina_client.errors import (
    AuthError,
    Conflict,
    InvalidInput,
    NotFound,
    OfficinaApiError,
    QueueFull,
    ServerProblem,
)
from officina_client.fields import loads, number, text

_BY_STATUS: Mapping[int, type[OfficinaApiError]] = {
    400: InvalidInput,
    401: AuthError,
    403: AuthError,
    404: NotFound,
    409: Conflict,
    413: InvalidInput,
    415: InvalidInput,
    422: InvalidInput,
    429: QueueFull,
}
_BY_CODE: Mapping[int, type[OfficinaApiError]] = {400002: OfficinaApiError, 400004: AuthError}
"""Codes that say more than the HTTP status they come with: no balance left, a key that is not accepted."""


def raise_for(answer: Answer) -> None:
    """Raise the error that the answer means, if it means one."""
    if 200 <= answer.status < 300:
        if (code := _hidden_code(answer)) is not None:
            raise _problem(answer, status=code // 1000 if 400_000 <= code < 600_000 else 500)
        return
    if 300 <= answer.status < 400:
        raise ServerProblem(
            f"The server redirects to {answer.headers.get('location', 'another address')}; redirects are "
            "never followed, so use that address itself if it is right.",
            status=answer.status,
        )
    raise _problem(answer, answer.status)


def _hidden_code(answer: Answer) -> int | None:
    """Find the error code of an error that comes with a 2xx status, as some servers send it."""
    if b'"error_code"' not in answer.body:
        return None
    body = loads(answer.body)
    code = body.get("error_code") if isinstance(body, Mapping) else None
    return code if isinstance(code, int) else None


def _problem(answer: Answer, status: int) -> OfficinaApiError:
    body = loads(answer.body)
    body = body if isinstance(body, Mapping) else {}
    code = number(body, "error_code")
    kind = _BY_CODE.get(int(code or 0)) or _BY_STATUS.get(status, OfficinaApiError)
    if status >= 500:
        kind = ServerProblem
    return kind(
        _message(body) or f"The server answered with HTTP {status}.",
        status=status,
        error_code=None if code is None else int(code),
        detail=_detail(body),
        request_id=text(body, "request_id"),
        retry_after_s=_retry_after_s(answer.headers),
    )


def _message(body: Mapping[str, Any]) -> str | None:
    names = ("error_message", "message", "error", "detail")
    return next((found for name in names if (found := text(body, name))), None)


def _detail(body: Mapping[str, Any]) -> Any:
    detail = body.get("detail")
    return tuple(detail) if isinstance(detail, list) else detail if isinstance(detail, Mapping) else ()


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After; its date form counts from the server's own Date, so no clock of ours is asked."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers["date"])
    except (KeyError, TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())

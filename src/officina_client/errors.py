"""Every error of the client, sorted by what went wrong.

    OfficinaApiError
    ├── SetupProblem        the client's base URL or key cannot be used          nothing is sent
    ├── ConnectionProblem   no answer, or only half of one                       see `.sent`
    ├── AuthError           the key is missing, wrong, or may not do this        HTTP 401, 403
    ├── NotFound            no such model, request, file or key                  HTTP 404
    ├── Conflict            not in this state, or an idempotency key used twice  HTTP 409
    ├── InvalidInput        the input breaks the model's schema; see `.detail`   HTTP 400, 413, 415, 422
    ├── QueueFull           too much is waiting; see `.retry_after_s`            HTTP 429
    ├── ServerProblem       the server failed, or does not speak the contract    HTTP 5xx, 3xx
    ├── RunFailed           the run ended badly; see `.type` and `.detail`
    ├── RunCancelled        the run was cancelled
    └── WaitTimeout         the run has not ended in the time given; it goes on

What fits none of them, such as HTTP 402, is a plain OfficinaApiError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from officina_client.values import Result


class OfficinaApiError(Exception):
    """A call to the server failed.

    `status` is the HTTP status and `error_code` the server's own number (None when no answer came);
    `detail` is what the server told beside its message: for a refused input the single problems, each a
    mapping with `loc`, `msg` and `type`. `request_id` is the request that the call was about, when there
    was one; `retry_after_s` is how long the server asks to wait, in seconds, when it does.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        error_code: int | None = None,
        detail: Any = (),
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ):
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.status = status
        self.error_code = error_code
        self.detail = detail
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        super().__init__(self.message)

    def __str__(self) -> str:
        """Give the message, followed by one line for every single problem."""
        problems = self.detail if isinstance(self.detail, list | tuple) else ()
        return "\n".join([self.message, *map(_sentence, problems)])


class SetupProblem(OfficinaApiError):
    """The client's base URL or key cannot be used; nothing was sent."""


class ConnectionProblem(OfficinaApiError):
    """The server could not be reached, or the connection broke.

    `sent` is False when the call certainly never left, so that repeating it is harmless.
    """

    def __init__(self, message: str = "", *, sent: bool = True, request_id: str | None = None):
        super().__init__(message, request_id=request_id)
        self.sent = sent


class AuthError(OfficinaApiError):
    """The key is missing, wrong or revoked, or it may not do this."""


class NotFound(OfficinaApiError):
    """There is no such model, request, file or key."""


class Conflict(OfficinaApiError):
    """The server is in a state that does not allow this call."""


class InvalidInput(OfficinaApiError):
    """The input was refused; `detail` lists every problem."""


class QueueFull(OfficinaApiError):
    """Too many requests are waiting; try again after `retry_after_s`."""


class ServerProblem(OfficinaApiError):
    """The server failed, or what answered does not speak the contract."""


class RunFailed(OfficinaApiError):
    """The run failed.

    `type` is a stable word such as `picture_damaged`, `detail` a mapping with what else is known, and
    `result` the whole answer.
    """

    def __init__(
        self,
        message: str = "",
        *,
        type: str = "unknown",  # noqa: A002
        detail: Any = (),
        request_id: str | None = None,
        result: Result | None = None,
    ):
        super().__init__(message, detail=detail, request_id=request_id)
        self.type = type
        self.result = result


class RunCancelled(OfficinaApiError):
    """The run was cancelled before it ended."""


class WaitTimeout(OfficinaApiError):
    """The run has not ended in the time given; it goes on, and can be waited for again by its id."""


def _sentence(problem: Any) -> str:
    if not isinstance(problem, Mapping):
        return f"  {problem}"
    where = ".".join(str(part) for part in problem.get("loc") or () if part != "body")
    return f"  {where}: {problem.get('msg', '')}" if where else f"  {problem.get('msg', problem)}"

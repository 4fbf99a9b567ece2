"""How a command ends: its exit code, and what it says when it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from officina.errors import RUN_ERRORS, DatabaseAway, FolderInUse, OfficinaError, OperatorError
from officina.explain import ended

if TYPE_CHECKING:
    from officina_client import OfficinaApiError


class Code(IntEnum):
    """The exit codes; from 64 on they are those of sysexits.h."""

    OK = 0
    FAILED = 1
    """The run failed or was cancelled; a check found something wrong."""
    USAGE = 64
    BAD_INPUT = 65
    """The input was refused, or there is no such model, request or key."""
    UNREACHABLE = 69
    BUG = 70
    DISK = 74
    TRY_AGAIN = 75
    KEY_REJECTED = 77
    SETUP = 78
    INTERRUPTED = 130


MEANINGS: Mapping[Code, str] = {
    Code.OK: "done",
    Code.FAILED: "the run failed or was cancelled",
    Code.USAGE: "wrong usage",
    Code.BAD_INPUT: "the input was refused, or there is no such thing",
    Code.UNREACHABLE: "the server or its database failed or cannot be reached",
    Code.DISK: "a file cannot be read or written",
    Code.TRY_AGAIN: "try again later: busy, not ended yet, or the folder is in use",
    Code.KEY_REJECTED: "the key was rejected",
    Code.SETUP: "a setting or the catalog is wrong",
    Code.INTERRUPTED: "interrupted",
}
EPILOG = "Exit codes: " + "; ".join(f"{code:d} {meaning}" for code, meaning in MEANINGS.items()) + "."


class Stop(Exception):
    """End the command with a sentence and a code."""

    def __init__(self, message: str, code: Code = Code.USAGE, *, todo: str = "") -> None:
        super().__init__(message)
        self.message = ended(message)
        self.code = code
        self.todo = todo


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command failed: for people `message` and `todo`, for programs the rest, too."""

    code: Code
    message: str
    todo: str = ""
    kind: str = ""
    """The stable word or number of the failure, where the server gave one."""
    request_id: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The failure as `--json` prints it."""
        message = self.message.partition("\n")[0]  # single problems stand in the detail
        told = {"message": message, "exit_code": int(self.code), "type": self.kind, "todo": self.todo}
        told |= {"request_id": self.request_id, "detail": self.facts}
        return {"error": {name: value for name, value in told.items() if value}}


def failure_of(error: Exception) -> Failure | None:
    """Put an error into words; None for one that nobody foresaw."""
    if isinstance(error, Stop):
        return Failure(error.code, error.message, error.todo)
    if isinstance(error, OfficinaError):
        return _own_failure(error)
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        name = f"{error.filename}: " if error.filename else ""
        return Failure(Code.DISK, f"{name}{error.strerror or error}.")
    return _api_failure(error)


def _own_failure(error: OfficinaError) -> Failure:
    if isinstance(error, FolderInUse):
        return Failure(Code.TRY_AGAIN, error.message)
    if isinstance(error, DatabaseAway):
        return Failure(Code.UNREACHABLE, error.message)
    if isinstance(error, OperatorError):
        return Failure(Code.SETUP, error.message)
    return Failure(Code.BAD_INPUT, error.message, kind=str(error.code))


def _api_failure(error: Exception) -> Failure | None:
    from officina_client import OfficinaApiError, RunFailed  # httpx: serve has no use for it

    if not isinstance(error, OfficinaApiError):
        return None
    code = _api_code(error)
    kind = error.type if isinstance(error, RunFailed) else str(error.error_code or "")
    facts = error.detail if isinstance(error.detail, Mapping) else {"problems": error.detail}
    return Failure(
        code,
        str(error),
        todo=_todo(code, error),
        kind=kind,
        request_id=error.request_id or "",
        facts={name: value for name, value in facts.items() if value},
    )


def _api_code(error: OfficinaApiError) -> Code:
    import officina_client as api

    table: tuple[tuple[type[OfficinaApiError], Code], ...] = (
        (api.SetupProblem, Code.USAGE),
        (api.AuthError, Code.KEY_REJECTED),
        (api.NotFound, Code.BAD_INPUT),
        (api.Conflict, Code.BAD_INPUT),
        (api.InvalidInput, Code.BAD_INPUT),
        (api.QueueFull, Code.TRY_AGAIN),
        (api.WaitTimeout, Code.TRY_AGAIN),
        (api.RunFailed, Code.FAILED),
        (api.RunCancelled, Code.FAILED),
    )
    if error.status in {502, 503, 504}:
        return Code.TRY_AGAIN
    return next((code for kind, code in table if isinstance(error, kind)), Code.UNREACHABLE)


def _todo(code: Code, error: OfficinaApiError) -> str:
    match code:
        case Code.KEY_REJECTED:
            return "Give a key with --key or OFFICINA_KEY; `officina keys create NAME` makes one."
        case Code.TRY_AGAIN if error.retry_after_s:
            return f"Try again in {error.retry_after_s:g} s."
        case Code.UNREACHABLE if error.status is None:
            return "Start one with `officina serve`, or give its address with --url."
        case Code.FAILED:
            return _todo_of_run(getattr(error, "type", ""))
    return ""


def _todo_of_run(kind: str) -> str:
    known = RUN_ERRORS.get(kind)
    if known is None:
        return ""
    if known.elsewhere and not known.retry:
        return "The operator of the server must act."
    return "Trying again may help." if known.retry else "Change the input: the same again ends the same."

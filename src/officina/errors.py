"""Every error of Officina, sorted by who must act.

    OfficinaError
    ├── CallerError      the caller changes the call         HTTP 4xx
    ├── ServerError      we, or the operator, must act       HTTP 5xx
    ├── OperatorError    the operator mends the set-up       raised at start, exit code 69, 75 or 78
    └── RunError         one run ended badly                 stored on the job, never raised to HTTP

A class carries a stable code, an HTTP status and whether trying again helps; its docstring is the default
message. Messages say what happened and what to do, and hold neither secrets nor paths of the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a request body: where (`loc`), in words (`msg`), and which rule (`type`)."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


class OfficinaError(Exception):
    """Something went wrong."""

    code: ClassVar[int] = 500001
    name: ClassVar[str] = "InternalError"
    http: ClassVar[int] = 500

    headers: Mapping[str, str] = {}
    """What the answer says beside the error."""

    def __init__(self, message: str = "", *, detail: Sequence[Problem] = (), retry_after: int | None = None):
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.detail = tuple(detail)
        self.retry_after = retry_after
        super().__init__(self.message)


# --- the caller must act -----------------------------------------------------------------------------------


class CallerError(OfficinaError):
    """The request cannot be served as it is."""

    code, name, http = 400000, "BadRequest", 400


class MalformedId(CallerError):
    """The id in the path is malformed."""

    code, name, http = 400001, "InvalidResourceIdentifier", 400


class UnknownModel(CallerError):
    """No model of that id is offered here; GET /v1/models lists them."""

    code, name, http = 400001, "InvalidResourceIdentifier", 404


class BadKey(CallerError):
    """The API key is missing, unknown or revoked; send `Authorization: Bearer <key>`."""

    code, name, http = 400004, "UserAccountError", 401


class BudgetSpent(CallerError):
    """The key has used up what it may take in a day; try again after midnight, UTC."""

    code, name, http = 400002, "InsufficientResources", 402


class ForeignRequest(CallerError):
    """This request belongs to another key."""

    code, name, http = 403001, "PermissionDeniedError", 403


class WrongScope(CallerError):
    """The key is valid but lacks the scope for this route."""

    code, name, http = 403003, "Forbidden", 403


class WrongOrigin(CallerError):
    """A page of another origin made this call with the session of this browser; it was refused."""

    code, name, http = 403004, "WrongOrigin", 403


class UnknownRequest(CallerError):
    """No request of that id: it never existed, was deleted, or has expired."""

    code, name, http = 404001, "ResourceNotFound", 404


class UnknownFile(CallerError):
    """No file of that name: it never existed, was deleted, or has expired."""

    code, name, http = 404001, "ResourceNotFound", 404


class UnknownWorker(CallerError):
    """This gateway does not know the worker: it has started anew; register again."""

    code, name, http = 404003, "UnknownWorker", 404


class UnknownRoute(CallerError):
    """There is nothing at this path."""

    code, name, http = 404002, "RouteNotFound", 404


class MethodNotAllowed(CallerError):
    """This path does not take that method."""

    code, name, http = 405001, "MethodNotAllowed", 405


class IdempotencyConflict(CallerError):
    """This Idempotency-Key was used with another body in the last 24 hours; use a new key."""

    code, name, http = 409001, "IdempotencyConflict", 409


class StillActive(CallerError):
    """The request has not ended yet; cancel it or wait before deleting it."""

    code, name, http = 409002, "StillActive", 409


class LeaseLost(CallerError):
    """The lease is no longer yours: the job was cancelled, taken over or has ended; drop the result."""

    code, name, http = 409003, "LeaseLost", 409


class NothingToShare(CallerError):
    """Only a request that has succeeded can be shared."""

    code, name, http = 409004, "NothingToShare", 409


class TooLarge(CallerError):
    """The request body is too large."""

    code, name, http = 413001, "PayloadTooLarge", 413


class RangeNotSatisfiable(CallerError):
    """The asked range lies outside the file."""

    code, name, http = 416001, "RangeNotSatisfiable", 416


class WrongHost(CallerError):
    """The Host header names another server than the one configured as public_url."""

    code, name, http = 421001, "MisdirectedRequest", 421


class InvalidInput(CallerError):
    """Input validation failed"""

    code, name, http = 422001, "ValidationError", 422


class QueueFull(CallerError):
    """Too many requests of this key are waiting; try again when some have started."""

    code, name, http = 429001, "QueueFull", 429


class TooManyTries(CallerError):
    """Too many attempts to sign in have failed; wait before the next one."""

    code, name, http = 429002, "TooManyTries", 429


class RateLimited(CallerError):
    """This key submits more often than it may; slow down."""

    code, name, http = 429003, "RateLimited", 429

    def __init__(self, message: str = "", *, retry_after: int | None = None, headers: Mapping[str, str] = {}):
        super().__init__(message, retry_after=retry_after)
        self.headers = headers


class TooManyProbes(CallerError):
    """This key looks at too many addresses at once, or in a minute; wait, or simply submit the run."""

    code, name, http = 429004, "TooManyProbes", 429


# --- we, or the operator, must act -------------------------------------------------------------------------


class ServerError(OfficinaError):
    """The server failed; the request was not accepted."""


class Unavailable(ServerError):
    """The server is starting, stopping or overloaded; try again shortly."""

    code, name, http = 503001, "Unavailable", 503


class NotReady(ServerError):
    """No engine of this model is ready, and the operator wants such requests refused; try again later."""

    code, name, http = 503002, "EngineNotReady", 503


class DiskFull(ServerError):
    """The server's disk is nearly full, so nothing new is accepted; the operator must free space."""

    code, name, http = 507001, "InsufficientStorage", 507


# --- the operator must act, at start -----------------------------------------------------------------------


class OperatorError(OfficinaError):
    """Officina cannot start like this."""

    code, name, http = 500002, "OperatorError", 500


class SettingsError(OperatorError):
    """A setting is wrong."""


class CatalogError(OperatorError):
    """A model of the catalog is wrong; `officina models check` lists every problem."""


class FolderInUse(OperatorError):
    """Another officina server is using this data folder."""


class DatabaseDamaged(OperatorError):
    """The database is damaged; restore a backup into an empty data folder."""


class DatabaseNewer(OperatorError):
    """The database was written by a newer officina; upgrade the program, or use another data folder."""


class DatabaseAway(OperatorError):
    """The PostgreSQL server cannot be reached; start it, or correct `database`."""


class MissingExtra(OperatorError):
    """A part of officina that is not installed is needed."""


# --- one run ended badly -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunErrorType:
    """What a run's `error.type` means, and whether another attempt can help."""

    meaning: str
    retry: bool = False
    elsewhere: bool = False
    """Whether it lies with the engine itself, so that the model's next engine may do better."""


RUN_ERRORS: Mapping[str, RunErrorType] = {
    # inputs
    "url_refused": RunErrorType("The address of an input is not allowed here: its scheme, host or redirect."),
    "url_unreachable": RunErrorType("The host of an input could not be found or did not answer.", retry=True),
    "url_timeout": RunErrorType("An input took too long to arrive.", retry=True),
    "url_not_found": RunErrorType("The host of an input answered with a 4xx status."),
    "url_server_error": RunErrorType("The host of an input answered with 5xx or 429.", retry=True),
    "input_gone": RunErrorType("An uploaded input has been deleted or has expired."),
    "file_too_large": RunErrorType("An input has more bytes than this server accepts."),
    "not_a_picture": RunErrorType("The bytes of an input are not a picture."),
    "picture_format": RunErrorType("An input is a picture of a format that the model does not take."),
    "picture_damaged": RunErrorType("A picture is truncated or damaged."),
    "picture_too_large": RunErrorType("A picture has more pixels than this server decodes."),
    "validation_failed": RunErrorType("An input breaks a rule of the model's schema; `message` says which."),
    # engine
    "not_understood": RunErrorType("The engine did not understand the prompt, or cannot do what it asks."),
    "engine_failed": RunErrorType("The engine raised an error."),
    "engine_unavailable": RunErrorType(
        "The engine could not be started on this worker.", retry=True, elsewhere=True
    ),
    "engine_crashed": RunErrorType("The process of the engine died.", retry=True),
    "out_of_memory": RunErrorType("The run needed more memory than there is.", retry=True),
    "deadline_exceeded": RunErrorType("The run took longer than the model allows.", retry=True),
    "output_refused": RunErrorType("The engine gave something that is not a picture or is too large."),
    # providers behind a remote engine
    "provider_unreachable": RunErrorType(
        "The provider could not be reached, or did not answer.", retry=True, elsewhere=True
    ),
    "provider_rejected": RunErrorType("The provider refused the input."),
    "provider_unauthorized": RunErrorType(
        "The operator's credentials are missing, or the provider refuses them.", elsewhere=True
    ),
    "provider_limited": RunErrorType(
        "The provider allows no more for now: a rate or a quota.", retry=True, elsewhere=True
    ),
    "provider_failed": RunErrorType("The provider failed, or answered nonsense.", retry=True, elsewhere=True),
    "content_refused": RunErrorType(
        "A content filter of the provider or the model refused the input or the result."
    ),
    # ours
    "worker_lost": RunErrorType("The worker stopped answering during the run.", retry=True),
    "store_failed": RunErrorType("The outputs could not be stored.", retry=True),
    "model_gone": RunErrorType("The model was removed from this server while the request waited."),
}
"""Every `error.type` that a failed run can carry."""


class RunError(OfficinaError):
    """The run failed."""

    def __init__(self, type: str, message: str, *, retry: bool | None = None, **detail: Any):  # noqa: A002
        super().__init__(message)
        self.type = type
        self.retry = RUN_ERRORS[type].retry if retry is None else retry
        self.run_detail = detail

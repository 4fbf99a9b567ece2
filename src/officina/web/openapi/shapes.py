"""The shape of every JSON body that a caller sends or reads, as types that JSON Schema is made from.

The answers themselves are written by the routes; tests hold what they write against these.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from officina.errors import RUN_ERRORS, Problem
from officina.job import EventKind

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]
Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
RequestId = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,128}$")]
Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
RunErrorType = Annotated[str, Meta(extra_json_schema={"enum": [*RUN_ERRORS]})]

StatusWord = Literal["in_queue", "in_progress", "completed", "cancelled"]
ResultWord = Literal["in_queue", "in_progress", "succeeded", "failed", "cancelled"]


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    """A JSON object with these members and no others; a member that may be missing is UNSET then."""


class Error(Shape):
    """What every route answers when it refuses; both messages are the same."""

    error_code: int
    error_message: str
    message: str
    detail: Annotated[list[Problem] | UnsetType, Meta(description="Every problem of the call.")] = UNSET


class Submitted(Shape):
    """An accepted request: it is on disk."""

    request_id: RequestId
    status_url: Url
    result_url: Url
    cancel_url: Url


class Status(Shape):
    """Where a request stands. `completed` means that it has stopped running, well or badly."""

    request_id: RequestId
    status: StatusWord
    status_url: Url
    result_url: Url
    queue_position: Annotated[int, Meta(ge=1, description="1 is next; while in_queue.")] | UnsetType = UNSET
    queue_position_estimate: bool | UnsetType = UNSET


class OutputUrls(Shape):
    """The files that a run made, as URLs; `image` and `video` when there is exactly one."""

    images: list[Url] | UnsetType = UNSET
    videos: list[Url] | UnsetType = UNSET
    image: Url | UnsetType = UNSET
    video: Url | UnsetType = UNSET


class RunFailure(Shape):
    """Why a run failed."""

    type: RunErrorType
    message: str
    detail: dict[str, Any] | UnsetType = UNSET


class Result(Shape):
    """What came of a request, or the present state while nothing has."""

    request_id: RequestId
    status: ResultWord
    model_id: str
    created_at: Time
    output: Annotated[OutputUrls | UnsetType, Meta(description="When it succeeded.")] = UNSET
    error: Annotated[RunFailure | UnsetType, Meta(description="When it failed.")] = UNSET
    finished_at: Time | UnsetType = UNSET
    engine: str | UnsetType = UNSET
    notes: Annotated[dict[str, Any] | UnsetType, Meta(description="What the engine understood.")] = UNSET
    cost: Annotated[Amount | UnsetType, Meta(description="US dollars, when asked for.")] = UNSET


class Cancelled(Shape):
    """What a cancel did; `status` has the words of /status."""

    request_id: RequestId
    status: StatusWord
    outcome: Literal["cancelled", "not_cancellable"]


class Deleted(Shape):
    """A request that was removed with its files."""

    request_id: RequestId
    deleted: Literal[True]


class Summary(Shape):
    """One line of a list of requests. `null` means not yet, or not so."""

    request_id: RequestId
    model_id: str
    status: ResultWord
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    engine: str | None
    error: RunFailure | None
    key_id: Annotated[str | UnsetType, Meta(description="With `all`.")] = UNSET
    input: Annotated[dict[str, Any] | UnsetType | None, Meta(description="With `include_input`.")] = UNSET
    output: Annotated[OutputUrls | UnsetType | None, Meta(description="With `include_output`.")] = UNSET


class Requests(Shape):
    """One page of requests, newest first; `next_cursor` is `null` on the last one."""

    requests: list[Summary]
    next_cursor: str | None


class File(Shape):
    """A kept file; `id` and `url` are both good as inputs."""

    id: Annotated[str, Meta(pattern="^file_[0-9a-f]{32}$")]
    url: Url
    filename: str
    content_type: str
    size_bytes: Count
    sha256: str
    created_at: Time
    expires_at: Time


class FailedAttempt(Shape):
    """Why one attempt failed."""

    attempt: Count
    type: RunErrorType
    message: str
    at: Time


class Link(Shape):
    """A share: `url` is a page, `result_url` the same as JSON. Neither needs a key."""

    token: str
    url: Url
    result_url: Url


class Record(Shape):
    """All that is kept of a request. `files` describes the stored files that `input` names."""

    request_id: RequestId
    model_id: str
    status: ResultWord
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    engine: str | None
    error: RunFailure | None
    key_id: str
    priority: Literal["high", "normal", "low"]
    input: dict[str, Any]
    files: list[File]
    output: OutputUrls | None
    notes: dict[str, Any] | None
    cost: Amount
    attempts: Count
    max_attempts: Count
    history: list[FailedAttempt]
    expires_at: Time | None
    share: Link | None


class Shared(Shape):
    """A share that was made."""

    request_id: RequestId
    token: str
    url: Url
    result_url: Url


class Unshared(Shape):
    """A result that is private again."""

    request_id: RequestId
    was_shared: bool


class SharedResult(Shape):
    """A result as a stranger sees it: what was asked but for its files, and what came of it."""

    model_id: str
    input: dict[str, Any]
    output: OutputUrls
    engine: str | None
    notes: dict[str, Any] | None
    created_at: Time
    finished_at: Time | None
    expires_at: Time | None


class Probe(Shape):
    """Which field of which model a file would be for, and where it is."""

    model_id: str
    field: str
    url: Annotated[str, Meta(description="An http or https URL.")]


class Probed(Shape):
    """A file behind a URL, as it was found. `problems` are the rules of the field that it breaks."""

    url: Url
    width: Annotated[int | None, Meta(description="In pixels, after the turn that EXIF asks for.")]
    height: int | None
    problems: list[RunFailure]
    file: Annotated[File, Meta(description="What was fetched; kept for an hour.")]


class Outlook(Shape):
    """What a run of a model would meet now. `null` means not known: no worker, or no run since the start."""

    waiting: Annotated[Count, Meta(description="Requests of all keys before it.")]
    running: Count
    usual_run_s: Annotated[Amount | None, Meta(description="The median of the last runs.")]
    wait_s: Annotated[
        Amount | None, Meta(description="About how long it waits, when all before it go first.")
    ]


class Model(Shape):
    """One entry of the catalogue. The schemas are the published ones, in their dialect."""

    model_id: str
    display_name: str
    description: str
    categories: list[str]
    kind: Literal["model", "workflow", "inference"]
    base_price_usd: Amount
    price_unit: Literal["output", "second"]
    pricing_note: str
    model_url: Url
    inputs: list[str]
    required_inputs: list[str]
    engine: Annotated[str, Meta(description="Which would answer now.")]
    ready: bool
    not_ready_reason: str
    outlook: Annotated[Outlook | UnsetType, Meta(description="For one model, not in lists.")] = UNSET
    input_schema: dict[str, Any] | UnsetType = UNSET
    output_schema: dict[str, Any] | UnsetType = UNSET


class Models(Shape):
    """One page of the catalogue; `total` counts all that fit."""

    models: list[Model]
    total: Count
    limit: Count
    offset: Count


class Categories(Shape):
    """Every category of the catalogue."""

    categories: list[str]


class HandedBack(Shape):
    """How many leases were still held."""

    handed_back: Count


class Finished(Shape):
    """The state of the job now; `queued` when it will be tried again."""

    state: Literal["queued", "succeeded", "failed", "cancelled"]


class Event(Shape):
    """One event of a stream of server-sent events; `data` is a JSON object that has `at` in it."""

    id: str
    event: EventKind
    data: Annotated[str, Meta(extra_json_schema={"contentMediaType": "application/json"})]

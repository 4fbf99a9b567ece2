"""What the server answers, as plain values. `raw` is the JSON as it came, for what is not named here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ENDED = frozenset({"completed", "succeeded", "failed", "cancelled"})
"""The words of the wire for a run that has ended."""

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted request. The URLs are the server's; the client itself goes by `request_id`."""

    request_id: str
    model_id: str
    idempotency_key: str
    """The key under which it was sent: the same submit with the same key gives the same request."""
    status_url: str | None = None
    result_url: str | None = None
    cancel_url: str | None = None
    raw: Raw = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Status:
    """Where a request stands: `in_queue`, `in_progress`, `completed` (well or badly) or `cancelled`."""

    request_id: str
    status: str
    queue_position: int | None = None
    """1 is next to run; only while `in_queue`."""
    is_estimate: bool = False
    """Whether the position is a rough one: so many are waiting that nobody counts them all."""
    raw: Raw = field(default_factory=dict, repr=False)

    @property
    def has_ended(self) -> bool:
        """Whether the run is over, so that `result` has its outcome."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class RunProblem:
    """Why a run failed: a stable `type`, a sentence, and the rest of what the server told."""

    type: str
    message: str
    detail: Any = None


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a request: `succeeded`, `failed`, `cancelled`, or still `in_queue` or `in_progress`."""

    request_id: str
    status: str
    images: tuple[str, ...] = ()
    """URLs of the pictures, in the order of the engine."""
    videos: tuple[str, ...] = ()
    output: Any = None
    """The output as it came; other members than pictures and videos are here."""
    engine: str | None = None
    """Which engine did the work."""
    notes: Raw = field(default_factory=dict)
    """What the engine understood and what it ignored."""
    cost: float | None = None
    """US dollars; only when asked for."""
    error: RunProblem | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    raw: Raw = field(default_factory=dict, repr=False)

    @property
    def has_ended(self) -> bool:
        """Whether the run is over, well or badly."""
        return self.status in ENDED

    @property
    def urls(self) -> tuple[str, ...]:
        """Every picture and video, pictures first."""
        return self.images + self.videos


@dataclass(frozen=True, slots=True)
class CancelOutcome:
    """The answer to a cancel: `cancelled` or `not_cancellable`, and where the request stands now."""

    request_id: str
    outcome: str
    status: str | None = None
    raw: Raw = field(default_factory=dict, repr=False)

    @property
    def is_cancelled(self) -> bool:
        """Whether the request will give no result."""
        return "cancelled" in {self.outcome, self.status}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a request's history.

    `kind` and `data`: `queued`, `started`, `progress` {"fraction", "message"}, `log` {"line"}, `ended`
    {"status"}. `id` counts from 1; it is None where the client had to poll and saw only the change.
    """

    request_id: str
    kind: str
    data: Raw = field(default_factory=dict)
    id: str | None = None

    @property
    def fraction(self) -> float | None:
        """How much is done, 0 to 1, when the event tells it."""
        value = self.data.get("fraction")
        return float(value) if isinstance(value, int | float) else None

    @property
    def at(self) -> datetime | None:
        """When it happened, when the server tells it."""
        try:
            return datetime.fromisoformat(str(self.data.get("at")))
        except ValueError:
            return None

    @property
    def message(self) -> str:
        """The words of a `progress` or `log` event, or nothing."""
        return str(self.data.get("message") or self.data.get("line") or "")


@dataclass(frozen=True, slots=True)
class FileRef:
    """An uploaded file. It may stand in an input as it is; its `url` is what is sent."""

    id: str
    url: str
    content_type: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    expires_at: datetime | None = None
    raw: Raw = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """One line of the list of requests; `status` has the words of `Result`."""

    request_id: str
    model_id: str | None
    status: str
    engine: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    raw: Raw = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """All that a server keeps of a request; `input` can be submitted again."""

    request_id: str
    model_id: str | None
    status: str
    input: Raw = field(default_factory=dict)
    engine: str | None = None
    images: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    error: RunProblem | None = None
    attempts: int = 0
    share_url: str | None = None
    """The link by which anybody may see the result; None while it is private."""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    raw: Raw = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Share:
    """A link to a result: `url` is a page, `result_url` the same as JSON; neither needs a key."""

    token: str
    url: str
    result_url: str | None = None
    raw: Raw = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Sums over runs; what was not grouped by is None. `run_s` is engine time in seconds."""

    day: str | None = None
    model_id: str | None = None
    key_id: str | None = None
    key_name: str | None = None
    runs: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    outputs: int = 0
    run_s: float = 0.0
    cost_usd: float = 0.0
    raw: Raw = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker of the server, and the ids of the requests that it holds."""

    worker_id: str
    name: str = ""
    engines: tuple[str, ...] = ()
    slots: int | None = None
    is_heard: bool = False
    """Whether it was heard of in the last minute."""
    last_seen_at: datetime | None = None
    running: tuple[str, ...] = ()
    raw: Raw = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One entry of the catalogue. `input_schema` is None unless it was asked for."""

    model_id: str
    display_name: str = ""
    description: str = ""
    categories: tuple[str, ...] = ()
    kind: str | None = None
    input_schema: Raw | None = field(default=None, repr=False)
    required_inputs: tuple[str, ...] = ()
    base_price_usd: float | None = None
    price_unit: str | None = None
    model_url: str | None = None
    raw: Raw = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key. `secret` is told once, when the key is made; afterwards it is None."""

    id: str
    name: str
    scopes: tuple[str, ...] = ()
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    secret: str | None = field(default=None, repr=False)
    raw: Raw = field(default_factory=dict, repr=False)

"""A job: its states, the moves between them, and the words the wire uses for them.

Everything about states lives here. The two queues say the same in SQL, and a test walks every pair of states
against the real statements.
"""

from __future__ import annotations

import math
import re
import secrets
import time
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]

TRANSITIONS: Mapping[State, frozenset[State]] = {
    "queued": frozenset({"running", "cancelled", "failed"}),  # claim · cancel · the model is gone
    "running": frozenset({"succeeded", "failed", "cancelled", "queued"}),  # finish · stop · retry, hand back
    "succeeded": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}
"""From each state, the states that one operation may lead to."""

ENDED: frozenset[State] = frozenset(state for state, onward in TRANSITIONS.items() if not onward)

STATUS_WORDS: Mapping[State, str] = {
    "queued": "in_queue",
    "running": "in_progress",
    "succeeded": "completed",
    "failed": "completed",
    "cancelled": "cancelled",
}
"""How `/status` and `/cancel` name a state; `completed` means "stopped running"."""

RESULT_WORDS: Mapping[State, str] = {**STATUS_WORDS, "succeeded": "succeeded", "failed": "failed"}
"""How `/result`, lists and events name a state."""

Level = Literal[0, 1, 2]
LEVELS: Mapping[str, Level] = {"high": 0, "normal": 1, "low": 2}
"""Priorities inside one key; between keys only the fair share counts."""

EventKind = Literal["queued", "started", "progress", "log", "ended"]

SHARE_PATTERN = re.compile(r"[0-9a-f]{32}")

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,128}")
FILE_ID = "file_"
"""How the id of a stored file begins; its public name follows."""


def new_id() -> str:
    """Make a request id: a UUIDv7 (RFC 9562), so ids sort by the millisecond they were made in."""
    bits = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    bits = (bits & ~(0xF << 76)) | (0x7 << 76)
    bits = (bits & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_secret() -> str:
    """Make 128 random bits as 32 hex digits: lease tokens, public file names, worker ids."""
    return secrets.token_hex(16)


def searchable(text: str) -> str:
    """Give a text as it is kept and sought: case and the ways to write one character do not matter."""
    return unicodedata.normalize("NFKC", text).casefold()


def output_key(job_id: str, attempt: int, n: int, suffix: str) -> str:
    """Where the store keeps an output: by job and attempt, so that a lost attempt's files are orphans."""
    return f"jobs/{job_id}/{attempt}/{n}{suffix}"


def incoming_key(job_id: str, attempt: int, n: int) -> str:
    """Where a worker may put an output by itself, until the gateway has looked at it."""
    return f"incoming/{job_id}/{attempt}/{n}"


class StoredFile(msgspec.Struct, frozen=True):
    """A kept file: an upload, an input made from a data URI, or an output. `name` is public, unguessable."""

    name: str
    suffix: str
    store_key: str
    key_id: str
    content_type: str
    size_bytes: int
    sha256: str
    created_at: float
    expires_at: float
    job_id: str | None = None
    filename: str = ""

    @property
    def id(self) -> str:
        """The id a caller may give as an input."""
        return FILE_ID + self.name


class NewJob(msgspec.Struct, frozen=True):
    """What submit stores. `input` is JSON; `pins` are the names of stored files that it refers to."""

    id: str
    model: str
    key_id: str
    input: bytes
    level: Level = 1
    cost: float = 1.0
    weight: float = 1.0
    max_attempts: int = 3
    pins: tuple[str, ...] = ()
    own: tuple[StoredFile, ...] = ()
    """Files made for this job alone, from data URIs; they are recorded with it and go when it goes."""
    notes: bytes | None = None
    """JSON: what submit has to say, such as fields that nobody reads; the engine's notes are added."""
    idempotency_key: str = ""
    digest: bytes = b""
    """SHA-256 of what was asked; compared when the idempotency key comes again."""
    text: str = ""
    """The free texts of the input, one per line: what a search looks in."""
    most_outputs: int = 1
    """What the run makes at most, as far as submit can tell, and `most_usd` what that costs.

    So much of the key's budget is held back until the run has ended.
    """
    most_usd: float = 0.0


class Allowance(msgspec.Struct, frozen=True):
    """Where a key stands with its rate: submits at once at most, those left now, seconds until all are."""

    limit: int
    remaining: int
    reset_s: float

    def headers(self) -> dict[str, str]:
        """As answers tell it (draft-ietf-httpapi-ratelimit-headers, version 7); the reset is rounded up."""
        told = {"Limit": self.limit, "Remaining": self.remaining, "Reset": math.ceil(self.reset_s)}
        return {f"RateLimit-{name}": str(value) for name, value in told.items()}


class Submitted(msgspec.Struct, frozen=True):
    """The answer of submit; `replayed` when an idempotency key gave back an earlier request."""

    id: str
    replayed: bool = False
    allowance: Allowance | None = None
    """Where the key stands with its rate, if it has one."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a run failed, as the caller reads it in `error`."""

    type: str
    message: str
    detail: dict[str, Any] = {}


class Output(msgspec.Struct, frozen=True):
    """One file a run made. `n` counts from 0; the gateway builds the store key from job, attempt and n."""

    n: int
    kind: Literal["image", "video"]
    content_type: str
    suffix: str
    size_bytes: int
    sha256: str


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended: with outputs, with a failure (perhaps worth another try), or stopped."""

    kind: Literal["succeeded", "failed", "cancelled"]
    outputs: tuple[Output, ...] = ()
    notes: dict[str, Any] = {}
    failure: Failure | None = None
    retry: bool = False
    forget: bool = False
    """Whether the next attempt shall start without the memo of this one, perhaps on another engine."""
    run_s: float = 0.0
    """Seconds that the engine worked in this attempt."""
    charged_usd: float | None = None
    """What a provider charged for the run, if the engine says so."""
    cost_usd: float = 0.0
    """What the run costs; set by the gateway: what was charged, else by the model's price."""


class LeaseRef(msgspec.Struct, frozen=True):
    """A lease as its holder names it: the job and the token that proves the right to it."""

    job_id: str
    token: str


class Lease(msgspec.Struct, frozen=True):
    """The right to work a job, as the queue gives it."""

    job_id: str
    token: str
    attempt: int
    model: str
    engine: str
    input: bytes
    started: bool
    memo: str = ""
    """What an earlier attempt wanted this one to know."""


class Event(msgspec.Struct, frozen=True):
    """One line of a job's history, numbered from 1. `at` is Unix seconds, UTC."""

    n: int
    kind: EventKind
    at: float
    data: dict[str, Any] = {}


class News(msgspec.Struct, frozen=True):
    """What a worker says of a lease when it renews it: events in order, and whether the run has begun."""

    job_id: str
    token: str
    started: bool = False
    events: tuple[tuple[EventKind, dict[str, Any]], ...] = ()
    memo: str | None = None
    """What the next attempt at the job shall know; None leaves what is there."""


class Renewal(msgspec.Struct, frozen=True):
    """The answer to a renewal: leases that are lost, and jobs whose caller asks them to stop."""

    lost: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    drain: bool = False
    """The worker shall finish what it runs, and end; the gateway says so, no lease does."""


class Job(msgspec.Struct, frozen=True):
    """A stored request as its caller may read it. Times are Unix seconds, UTC."""

    id: str
    model: str
    key_id: str
    state: State
    created_at: float
    tag: float = 0.0
    seq: int = 0
    attempts: int = 0
    run_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    engine: str | None = None
    output: bytes | None = None
    """JSON: `{"images": ["<public name>"], "videos": […]}`."""
    error: bytes | None = None
    notes: bytes | None = None
    cost_usd: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    @property
    def waiting(self) -> bool:
        """Whether the caller should see it as waiting: queued, or leased ahead of its turn."""
        return self.state == "queued" or (self.state == "running" and self.started_at is None)

    def status_word(self) -> str:
        """The word of `/status`."""
        return "in_queue" if self.waiting else STATUS_WORDS[self.state]

    def result_word(self) -> str:
        """The word of `/result`."""
        return "in_queue" if self.waiting else RESULT_WORDS[self.state]


class Record(msgspec.Struct, frozen=True):
    """All that is kept of a request: the job, what was asked and how, and how its attempts went."""

    job: Job
    input: bytes
    level: Level
    max_attempts: int
    history: bytes | None = None
    """JSON: a list of `{"attempt", "type", "message", "at"}`, one for each attempt that failed."""
    share: str | None = None
    """The token by which anybody may see the result; None while it is private."""


class Running(msgspec.Struct, frozen=True):
    """A job under lease, as an operator sees it; `started_at` is None while it is only fetched ahead."""

    job_id: str
    model: str
    key_id: str
    worker: str
    engine: str
    attempt: int
    started_at: float | None
    lease_until: float


class CancelAnswer(msgspec.Struct, frozen=True):
    """What cancel did: the job as it is now, and whether a running one was asked to stop."""

    job: Job
    stopping: bool = False


class Depth(msgspec.Struct, frozen=True):
    """How much of one model or key waits and runs; `oldest_s` is the age of the oldest waiting job."""

    waiting: int = 0
    running: int = 0
    oldest_s: float = 0.0


class Position(msgspec.Struct, frozen=True):
    """Where a waiting job stands: 1 is next to run. Beyond the first thousand it is an estimate."""

    place: int
    estimate: bool = False


class Stored(msgspec.Struct, frozen=True):
    """How many files of one kind are kept, and their bytes; `input` are those that came as data URIs."""

    kind: Literal["input", "output", "upload"]
    files: int
    size_bytes: int


class Storage(msgspec.Struct, frozen=True):
    """What the database and the files that it names take, in bytes."""

    database_bytes: int
    stored: tuple[Stored, ...] = ()


class Filter(msgspec.Struct, frozen=True):
    """Which requests a list shows; `states` empty means all, times are Unix seconds.

    `search` is sought in the texts of the input, wherever it stands; case does not matter.
    """

    key_id: str | None = None
    model: str | None = None
    states: tuple[State, ...] = ()
    after: float | None = None
    before: float | None = None
    cursor: str | None = None
    limit: int = 50
    search: str = ""

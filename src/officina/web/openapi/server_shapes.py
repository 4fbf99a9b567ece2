"""The shapes of what is said of the server itself: its keys, what was used, and what an operator looks at."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from officina.keys import KeyLimits, Scope
from officina.web.openapi.shapes import Amount, Count, Day, RequestId, Shape, Time


class Key(Shape):
    """A key without its secret; `hint` is how that begins."""

    id: str
    name: str
    scopes: list[Scope]
    hint: str
    weight: float
    limits: KeyLimits
    created_at: Time
    last_used_at: Time | None
    revoked_at: Time | None


class MadeKey(Key):
    """A key that was just made."""

    key: Annotated[str, Meta(description="The secret, told this once.")]


class Use(Shape):
    """What a key takes now and has taken today, UTC; `held_…` is for what waits and runs, at its most."""

    waiting: Count
    running: Count
    outputs_today: Count
    cost_usd_today: Amount
    held_outputs: Count
    held_usd: Amount
    submits_left: Annotated[int | None, Meta(description="At once; `null` without a limit on the rate.")]


class KeyInUse(Key):
    """A key, and what it takes."""

    use: Use


class OneKey(KeyInUse):
    """A key, what it takes, and the limits that hold for it: its own, else those of the settings."""

    limits_in_force: KeyLimits


class Keys(Shape):
    """Every key, oldest first."""

    keys: list[KeyInUse]


class NewKey(msgspec.Struct, frozen=True):
    """A key to be made."""

    name: Annotated[str, Meta(pattern=r"\S", description="Up to 100 characters are kept.")]
    scopes: Annotated[list[Scope], Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["caller"])
    weight: Annotated[float, Meta(ge=0.01, le=100, description="Its share relative to others.")] = 1.0
    limits: KeyLimits = KeyLimits()


class ChangedKey(msgspec.Struct, frozen=True):
    """What is to be changed of a key; what is left out stays."""

    name: Annotated[str, Meta(pattern=r"\S")] | UnsetType = UNSET
    weight: Annotated[float, Meta(ge=0.01, le=100)] | UnsetType = UNSET
    limits: (
        Annotated[KeyLimits, Meta(description="Those named; `null`: as the settings say.")] | UnsetType
    ) = UNSET


class UsageSum(Shape):
    """Sums over runs: `run_s` is engine time, `cost_usd` by the prices of the models."""

    runs: Count
    succeeded: Count
    failed: Count
    cancelled: Count
    outputs: Count
    run_s: Amount
    cost_usd: Amount


class UsageRow(UsageSum):
    """The sums of one group; the members that were not grouped by are missing."""

    day: Day | UnsetType = UNSET
    model_id: str | UnsetType = UNSET
    key_id: str | UnsetType = UNSET
    key_name: str | UnsetType = UNSET


class Usage(Shape, rename={"since": "from", "until": "to"}):
    """The usage between two days, both included."""

    since: Day
    until: Day
    group: list[Literal["day", "model", "key"]]
    rows: list[UsageRow]
    total: UsageSum


class ModelDepth(Shape):
    """What waits and runs of one model; `oldest_s` is the age of what waits longest."""

    model_id: str
    waiting: Count
    running: Count
    oldest_s: Amount


class KeyDepth(Shape):
    """What waits and runs of one key."""

    key_id: str
    key_name: str
    waiting: Count
    running: Count
    oldest_s: Amount


class Queue(Shape):
    """The queue as it is now; what is idle is left out."""

    at: Time
    waiting: Count
    running: Count
    models: list[ModelDepth]
    keys: list[KeyDepth]


class WorkerRun(Shape):
    """What a worker holds; `started_at` is `null` while it is only fetched ahead."""

    request_id: RequestId
    model_id: str
    key_id: str
    engine: str
    attempt: Count
    started_at: Time | None
    lease_until: Time


class Worker(Shape):
    """A worker since its last start; of one that is not recorded any more, only what it holds is known."""

    worker_id: str
    name: str
    is_local: bool
    is_heard: Annotated[bool, Meta(description="In the last minute.")]
    is_draining: Annotated[bool, Meta(description="Wished to finish what it runs, and end.")]
    last_seen_at: Time | None
    registered_at: Time | None
    gateway: Annotated[str, Meta(description="The gateway that it last talked to.")]
    release: str
    slots: int | None
    busy: Annotated[int, Meta(ge=0, description="Slots that run something.")]
    memory_mb: int | None
    engines: list[str]
    labels: dict[str, str]
    running: list[WorkerRun]


class Workers(Shape):
    """The workers, by name."""

    workers: list[Worker]


class FileSum(Shape):
    """How many files, and their bytes."""

    count: Count
    size_bytes: Count


class FileSums(Shape):
    """Files by kind; `input` are those that came as data URIs."""

    output: FileSum
    upload: FileSum
    input: FileSum


class Storage(Shape):
    """What is kept, what is free, and how long ended requests stay."""

    files: FileSums
    database_bytes: Count
    store: str
    free_bytes: int | None
    reserve_bytes: Count
    retention_days: Amount


class Alive(Shape):
    """The process answers."""

    status: Literal["ok"]


class Ready(Shape):
    """Submits are taken; `workers` were heard of in the last minute; how the store of the files is."""

    status: Literal["ready"]
    workers: Count
    store: Literal["ok", "unavailable"]

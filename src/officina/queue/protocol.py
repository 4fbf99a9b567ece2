"""What a queue can do. Every implementation passes the same conformance suite and state machine.

One row per job; every move is a compare-and-set on that row, and every write of a worker names its lease
token. Methods that change something return when the change is on disk. Time is the database's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from officina.job import (
    Allowance,
    CancelAnswer,
    Depth,
    Event,
    Filter,
    Job,
    Lease,
    LeaseRef,
    NewJob,
    News,
    Outcome,
    Position,
    Record,
    Renewal,
    Running,
    Storage,
    StoredFile,
    Submitted,
)
from officina.keys import Key, KeyChange, KeyLimits, Session
from officina.link import Register
from officina.wake import Wakes


class Want(msgspec.Struct, frozen=True):
    """A model that a worker can run, the engine that serves it here, and whether it is loaded there."""

    model: str
    engine: str
    warm: bool = False
    max_running: int | None = None
    """The most of its jobs that may be under lease at one time, over all workers."""


class Taker(msgspec.Struct, frozen=True):
    """Who claims, how many (`n`), how many of them start at once (`idle`), and the nonce of the claim."""

    worker: str
    nonce: str
    n: int = 1
    idle: int = 1


FORGET_WORKER_S = 86400.0
"""A worker that was silent for so long is not recorded any more; if it comes back it says hello again."""


class Terms(msgspec.Struct, frozen=True):
    """The times a queue keeps, in seconds, and the limits of keys that have none of their own."""

    lease_s: float = 30.0
    retry_base_s: float = 2.0
    retry_most_s: float = 300.0
    retention_s: float = 7 * 86400.0
    idempotency_s: float = 86400.0
    limits: KeyLimits = KeyLimits()


class Swept(msgspec.Struct, frozen=True):
    """What a sweep did; `store_keys` name the files that no row needs any more."""

    retried: int = 0
    failed: int = 0
    cancelled: int = 0
    due: int = 0
    removed: int = 0
    store_keys: tuple[str, ...] = ()


class Usage(msgspec.Struct, frozen=True):
    """One day's (or week's) runs of one model by one key. `day` is ISO 8601, UTC; `run_s` is engine time."""

    day: str
    model: str
    key_id: str
    succeeded: int
    failed: int
    cancelled: int
    outputs: int
    run_s: float
    cost_usd: float


class Worker(msgspec.Struct, frozen=True):
    """A worker since its last start, for display and for guesses; no promise hangs on it. Unix seconds."""

    id: str
    said: Register
    gateway: str = ""
    """The gateway that it last talked to."""
    terms: str = ""
    """A mark of the terms that it was told; where others hold now, it says hello again."""
    registered_at: float = 0.0
    seen_at: float = 0.0
    is_claiming: bool = False
    """Whether it has asked for work: before that it may still be loading."""
    drain_wish: bool = False


class Use(msgspec.Struct, frozen=True):
    """What a key takes now and has taken today, UTC. `held_…` is what waits and runs will take at most."""

    waiting: int = 0
    running: int = 0
    outputs: int = 0
    cost_usd: float = 0.0
    held_outputs: int = 0
    held_usd: float = 0.0
    allowance: Allowance | None = None


class Queue(Protocol):
    """Jobs, their events, keys and file records.

    Submitting and reading raise CallerError; every method raises Unavailable after `close`.
    """

    wakes: Wakes
    """Topics `job:<id>`, `model:<id>` and `worker:<id>`: hints that something there has changed."""

    async def submit(self, job: NewJob, max_waiting: int) -> Submitted:
        """Store a job; on disk when this returns. `max_waiting` holds for keys without a limit of their own.

        A job that is refused leaves nothing behind, and an answer that is repeated is neither refused nor
        counted. Raises QueueFull, BudgetSpent, RateLimited, IdempotencyConflict.
        """
        ...

    async def replay(self, key_id: str, idempotency_key: str, digest: bytes) -> Submitted | None:
        """The earlier answer to this idempotency key, if any. Raises IdempotencyConflict."""
        ...

    async def claim(self, taker: Taker, wants: Sequence[Want]) -> Sequence[Lease]:
        """Lease up to `taker.n` jobs, in fair order; the same nonce again gives the same leases.

        Passes over keys and models that run as many as they may. Every lease counts, so jobs of keys and
        models with such a limit are leased to start only, never ahead.
        """
        ...

    async def renew(self, worker: str, news: Sequence[News]) -> Renewal:
        """Extend these leases, note that runs began, append events; say what is lost or shall stop."""
        ...

    async def finish(self, ref: LeaseRef, outcome: Outcome) -> Job:
        """Commit the end of an attempt; the same token again gets the same answer. Raises LeaseLost."""
        ...

    async def hand_back(self, refs: Sequence[LeaseRef]) -> int:
        """Return leases to the queue without counting the attempt; how many were still held."""
        ...

    async def leased(self, ref: LeaseRef) -> Lease:
        """The lease as it stands. Raises LeaseLost."""
        ...

    async def cancel(self, job_id: str, owner: str | None, *, force: bool = False) -> CancelAnswer:
        """Cancel a waiting job; with `force`, ask a running one to stop. Raises as `get`."""
        ...

    async def get(self, job_id: str, owner: str | None) -> Job:
        """Read a job. `owner` None is the admin. Raises UnknownRequest, ForeignRequest."""
        ...

    async def list(self, where: Filter) -> Sequence[Job]:
        """Jobs, newest first, after the cursor (a job id)."""
        ...

    async def record(self, job_id: str, owner: str | None) -> Record:
        """Everything that is kept of a request. Raises as `get`."""
        ...

    async def inputs(self, job_ids: Collection[str]) -> Mapping[str, bytes]:
        """What was asked, by job id; those that are gone are left out."""
        ...

    async def share(self, job_id: str, owner: str | None) -> str:
        """Let whoever has the token see the result; the token, the same until `unshare`.

        Raises NothingToShare and as `get`.
        """
        ...

    async def unshare(self, job_id: str, owner: str | None) -> bool:
        """Make a result private again; whether it was shared. Raises as `get`."""
        ...

    async def shared(self, token: str) -> Record:
        """The request that was shared under this token. Raises UnknownRequest."""
        ...

    async def position(self, job: Job) -> Position:
        """Where a waiting job stands in its model's queue."""
        ...

    async def events(self, job_id: str, after: int = 0) -> Sequence[Event]:
        """The events numbered above `after`, in order."""
        ...

    async def delete(self, job_id: str, owner: str | None) -> tuple[str, ...]:
        """Remove an ended job; the store keys of its files. Raises StillActive and as `get`."""
        ...

    async def depth(self) -> Mapping[str, Depth]:
        """Per model, what waits and runs."""
        ...

    async def depth_by_key(self) -> Mapping[str, Depth]:
        """Per key, what waits and runs."""
        ...

    async def running(self) -> Sequence[Running]:
        """Every job under lease, by worker."""
        ...

    async def storage(self) -> Storage:
        """What is kept, in bytes."""
        ...

    async def sweep(self, models: Collection[str] | None = None) -> Swept:
        """Expired leases, due retries, expired rows; with `models`, fail waiting jobs of all others."""
        ...

    async def lose(self, workers: str) -> Swept:
        """Expire the leases of every worker whose id starts so, and forget it: it is known to be dead."""
        ...

    async def usage(
        self, since: str, until: str, key_id: str | None = None, *, weekly: bool = False
    ) -> Sequence[Usage]:
        """The daily roll-up between two days, both included (ISO 8601), of one key or of all.

        With `weekly`, a row is a calendar week's, and its `day` the Monday.
        """
        ...

    async def add_file(self, file: StoredFile) -> None:
        """Record a stored file."""
        ...

    async def file(self, name: str) -> StoredFile:
        """The record of a file by its public name. Raises UnknownFile."""
        ...

    async def known_store_keys(self, keys: Collection[str]) -> set[str]:
        """Those of `keys` that a row still needs."""
        ...

    async def add_key(self, key: Key) -> None:
        """Store a key (its hash only)."""
        ...

    async def add_first_key(self, key: Key) -> bool:
        """Store a key if there is none yet; whether it was stored. One of several gateways succeeds."""
        ...

    async def key_by_hash(self, digest: bytes) -> Key | None:
        """The key of this hash, revoked or not."""
        ...

    async def keys(self) -> Sequence[Key]:
        """Every key, oldest first."""
        ...

    async def change_key(self, key_id: str, change: KeyChange) -> Key:
        """Change a key; its limits hold from the next submit and claim on.

        Raises UnknownRequest, InvalidInput.
        """
        ...

    async def use(self, key_ids: Collection[str]) -> Mapping[str, Use]:
        """What each of these keys takes; budgets are added up only for keys that have one."""
        ...

    async def revoke_key(self, key_id: str, *, cancel_waiting: bool = False) -> Key:
        """Revoke a key, and cancel its waiting jobs if asked. Raises UnknownRequest."""
        ...

    async def key_used(self, used: Mapping[str, float]) -> None:
        """Note when keys were last used (Unix seconds)."""
        ...

    async def add_session(self, session: Session) -> None:
        """Store a session (its hash only)."""
        ...

    async def key_by_session(self, digest: bytes) -> Key | None:
        """The key that the session of this hash acts for, revoked or not; None once it has ended."""
        ...

    async def end_session(self, digest: bytes) -> None:
        """End one session, if it has not ended yet."""
        ...

    async def end_sessions(self, key_id: str) -> int:
        """End every session of a key: how many there were."""
        ...

    async def add_worker(self, worker: Worker) -> None:
        """Record a worker that has just said hello; its times are the queue's."""
        ...

    async def workers(self) -> Sequence[Worker]:
        """Every worker that is recorded, in the order in which they came; sweeps remove the silent ones."""
        ...

    async def workers_seen(self, workers: Sequence[Worker]) -> None:
        """Note that these were heard of now, by which gateway, and whether they claim."""
        ...

    async def wish_drain(self, worker_id: str) -> Worker:
        """Wish that a worker finishes what it runs, and ends. Raises UnknownRequest."""
        ...

    async def snapshot(self, into: Path) -> None:
        """Write a consistent copy of everything to a new file, while all goes on."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
        ...

"""How an attempt at a job may end, decided without a database: what both queues then write."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from officina.errors import ForeignRequest, UnknownRequest
from officina.job import (
    Failure,
    Job,
    Outcome,
    Output,
    State,
    StoredFile,
    new_secret,
    output_key,
)
from officina.queue.protocol import Terms

encode = msgspec.json.encode
decode = msgspec.json.decode

WORKER_LOST = Failure("worker_lost", "The worker stopped answering during the run.")
MODEL_GONE = Failure("model_gone", "The model was removed from this server while the request waited.")


class Held(msgspec.Struct, frozen=True):
    """The columns of a job that decide how its attempt may end."""

    id: str
    state: State
    token: str | None
    attempts: int
    max_attempts: int
    stop_wish: int
    model: str
    key_id: str
    history: bytes | None
    notes: bytes | None
    most_outputs: int
    most_usd: float


class End(msgspec.Struct, frozen=True):
    """How a job ends: its last state, what its row then says, its files, and what is counted."""

    state: State
    output: bytes | None = None
    error: bytes | None = None
    notes: bytes | None = None
    history: bytes | None = None
    files: tuple[StoredFile, ...] = ()
    run_s: float = 0.0
    cost_usd: float = 0.0


class Again(msgspec.Struct, frozen=True):
    """A failed attempt that will be followed by another: when at the earliest, and why."""

    run_at: float
    history: bytes
    event: dict[str, Any]
    """What the job's history says of it."""


def after(held: Held, outcome: Outcome, now: float, terms: Terms) -> End | Again:
    """What the outcome of an attempt means for its job; a wished stop outweighs a failure."""
    if outcome.kind == "succeeded":
        return _success(held, outcome, now, terms)
    if outcome.kind == "cancelled" or held.stop_wish:
        return End("cancelled", run_s=outcome.run_s)
    failure = outcome.failure or Failure("engine_failed", "The engine gave no reason.")
    return after_failure(held, failure, now, terms, retry=outcome.retry, run_s=outcome.run_s)


def after_failure(
    held: Held, failure: Failure, now: float, terms: Terms, *, retry: bool, run_s: float = 0.0
) -> End | Again:
    """Another try with a delay when that may help and is allowed, else the job has failed."""
    history = _remember(held, failure, now)
    if not retry or held.attempts >= held.max_attempts:
        return End("failed", error=encode(failure), history=history, run_s=run_s)
    delay = min(terms.retry_most_s, terms.retry_base_s * 2 ** (held.attempts - 1))
    run_at = now + delay * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
    why = {"attempt": held.attempts, "reason": failure.type, "message": failure.message}
    return Again(run_at, history, {**why, "retry_in_s": round(run_at - now, 3)})


def after_loss(held: Held, now: float, terms: Terms) -> End | Again:
    """What the loss of its worker means for a running job; a wished stop is fulfilled by that."""
    if held.stop_wish:
        return End("cancelled")
    return after_failure(held, WORKER_LOST, now, terms, retry=True)


def may_see(found: Job | None, job_id: str, owner: str | None) -> Job:
    """Give a job to its owner (None: the admin). Raises UnknownRequest, ForeignRequest."""
    if found is None:
        raise UnknownRequest(f"There is no request {job_id}: it never existed, was deleted, or has expired.")
    if owner is not None and found.key_id != owner:
        raise ForeignRequest
    return found


def _success(held: Held, outcome: Outcome, now: float, terms: Terms) -> End:
    files = tuple(_file_of(held, each, now, terms) for each in outcome.outputs)
    names: dict[str, list[str]] = {}
    for each, file in zip(outcome.outputs, files, strict=True):
        names.setdefault(f"{each.kind}s", []).append(file.name + file.suffix)
    return End(
        "succeeded",
        output=encode(names),
        notes=_noted(held, outcome),
        files=files,
        run_s=outcome.run_s,
        cost_usd=outcome.cost_usd,
    )


def _noted(held: Held, outcome: Outcome) -> bytes | None:
    before = decode(held.notes) if held.notes else {}
    return encode({**before, **outcome.notes}) if before or outcome.notes else None


def _file_of(held: Held, output: Output, now: float, terms: Terms) -> StoredFile:
    return StoredFile(
        name=new_secret(),
        suffix=output.suffix,
        store_key=output_key(held.id, held.attempts, output.n, output.suffix),
        key_id=held.key_id,
        content_type=output.content_type,
        size_bytes=output.size_bytes,
        sha256=output.sha256,
        created_at=now,
        expires_at=now + terms.retention_s,
        job_id=held.id,
    )


def _remember(held: Held, failure: Failure, now: float) -> bytes:
    history = decode(held.history) if held.history else []
    history.append({"attempt": held.attempts, "type": failure.type, "message": failure.message, "at": now})
    return encode(history)

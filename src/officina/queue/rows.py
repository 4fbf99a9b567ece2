"""Values made from rows, the same for every database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from officina.job import Filter
from officina.keys import Key, KeyLimits
from officina.link import Register
from officina.queue.protocol import Worker


def key_of(row: tuple[Any, ...]) -> Key:
    """A key from its row."""
    key_id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits = row
    return Key(
        id=key_id,
        name=name,
        digest=digest,
        scopes=tuple(scopes.split()),
        created_at=created_at,
        hint=hint,
        last_used_at=last_used_at,
        revoked_at=revoked_at,
        weight=weight,
        limits=limits_of(limits),
    )


def limits_of(stored: bytes | None) -> KeyLimits:
    """The limits of a key from its column."""
    return msgspec.json.decode(stored, type=KeyLimits) if stored else KeyLimits()


def worker_of(row: tuple[Any, ...]) -> Worker:
    """A worker from its row."""
    worker_id, said, gateway, terms, registered_at, seen_at, is_claiming, drain_wish = row
    hello = msgspec.json.decode(said, type=Register)
    return Worker(
        worker_id, hello, gateway, terms, registered_at, seen_at, bool(is_claiming), bool(drain_wish)
    )


def conditions(where: Filter) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What a list asks of each row, but for its search: clauses of SQL, with values for their question marks.

    States are written out, since a partial index serves only what can be read in the statement.
    """
    if where.key_id is not None:
        yield "key_id = ?", (where.key_id,)
    if where.model is not None:
        yield "model = ?", (where.model,)
    if where.states:
        yield "(" + " OR ".join(f"state = '{state}'" for state in where.states) + ")", ()
    if where.after is not None:
        yield "created_at >= ?", (where.after,)
    if where.before is not None:
        yield "created_at < ?", (where.before,)
    if where.cursor:
        yield "id < ?", (where.cursor,)

"""Values made from rows, the same for every database."""

from __future__ import annotations

from typing import Any

import msgspec

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

"""Values made from rows, the same for every database."""

from __future__ import annotations

from typing import Any

from officina.keys import Key


def key_of(row: tuple[Any, ...]) -> Key:
    """A key from its row."""
    key_id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight = row
    return Key(
        key_id, name, digest, tuple(scopes.split()), created_at, hint, last_used_at, revoked_at, weight
    )

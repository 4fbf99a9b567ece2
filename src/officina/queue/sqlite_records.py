"""Keys, sessions and file records on SQLite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from officina.errors import UnknownFile, UnknownRequest
from officina.job import StoredFile
from officina.keys import Key, KeyChange, Session
from officina.queue.attempt import End
from officina.queue.protocol import Terms
from officina.queue.rows import key_of
from officina.queue.sqlite_jobs import SQL, end, lease_row
from officina.queue.writer import Transaction


def add_file(tx: Transaction, file: StoredFile) -> None:
    """Record a stored file."""
    tx.db.execute(SQL["add_file"], msgspec.structs.astuple(file))


def file(tx: Any, name: str) -> StoredFile:
    """Read a file record. Raises UnknownFile."""
    row = tx.row(SQL["file"], (name,))
    if row is None:
        raise UnknownFile
    return StoredFile(*row)


def add_key(tx: Transaction, key: Key) -> None:
    """Store a key."""
    tx.db.execute(
        SQL["add_key"],
        (
            key.id,
            key.name,
            key.digest,
            " ".join(key.scopes),
            key.created_at,
            key.hint,
            key.last_used_at,
            key.revoked_at,
            key.weight,
            msgspec.json.encode(key.limits),
        ),
    )


def change_key(tx: Transaction, key_id: str, change: KeyChange) -> Key:
    """Change a key, and wake every model that has work waiting: more may run now. Raises as the queue."""
    changed = change.of(_key(tx, key_id))
    limits = msgspec.json.encode(changed.limits)
    tx.db.execute(SQL["change_key"], (changed.name, changed.weight, limits, key_id))
    tx.limits.pop(key_id, None)
    for what in ("outputs", "usd"):
        del tx.held[(key_id, what)]
    tx.topics.update(f"model:{name}" for kind, name in tx.waiting if kind == "model")
    return changed


def _key(tx: Transaction, key_id: str) -> Key:
    row = tx.row(SQL["key"], (key_id,))
    if row is None:
        raise UnknownRequest(f"There is no key {key_id}; `GET /v1/keys` lists them.")
    return key_of(row)


def add_first_key(tx: Transaction, key: Key) -> bool:
    """Store a key if there is none yet; whether it was stored."""
    if tx.row(SQL["keys"]) is not None:
        return False
    add_key(tx, key)
    return True


def revoke_key(tx: Transaction, key_id: str, terms: Terms, *, cancel_waiting: bool) -> Key:
    """Revoke a key; its waiting jobs run on unless they shall be cancelled. Raises UnknownRequest."""
    tx.db.execute(SQL["revoke_key"], (tx.now, key_id))
    revoked = _key(tx, key_id)
    if cancel_waiting:
        for (job_id,) in tx.rows(SQL["waiting_of_key"], (key_id,)):
            held = lease_row(tx, job_id)
            if held is not None:
                end(tx, held, End("cancelled"), terms)
    return revoked


def key_used(tx: Transaction, used: Mapping[str, float]) -> None:
    """Note when keys were last used."""
    for key_id, at in used.items():
        tx.db.execute(SQL["key_used"], (at, key_id))


def add_session(tx: Transaction, session: Session) -> None:
    """Store a session."""
    tx.db.execute(SQL["add_session"], msgspec.structs.astuple(session))


def end_session(tx: Transaction, digest: bytes) -> None:
    """End a session."""
    tx.rows(SQL["end_session"], (digest,))


def end_sessions(tx: Transaction, key_id: str) -> int:
    """End every session of a key: how many there were."""
    return len(tx.rows(SQL["end_sessions"], (key_id,)))

"""Keys, sessions, shares and file records on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from officina.errors import NothingToShare, UnknownRequest
from officina.job import StoredFile, new_secret
from officina.keys import Key, KeyChange, KeyLimits, Session
from officina.queue.attempt import End, may_see
from officina.queue.postgres_batch import SQL, Batch
from officina.queue.rows import key_of


async def _write(batch: Batch, name: str, *params: Any) -> int:
    batch.wrote = True
    done = await batch.db.execute(SQL[name], *params)
    return int(done.rsplit(" ", 1)[1])


async def add_file(batch: Batch, file: StoredFile) -> None:
    """Record a stored file."""
    batch.add_files([file])


async def add_key(batch: Batch, key: Key) -> None:
    """Store a key."""
    await _write(
        batch,
        "add_key",
        *(key.id, key.name, key.digest, " ".join(key.scopes), key.created_at, key.hint),
        *(key.last_used_at, key.revoked_at, key.weight, _stored(key.limits)),
    )


def _stored(limits: KeyLimits) -> bytes | None:
    """The column of limits: null where there are none, so that keys without cost nothing."""
    return msgspec.json.encode(limits) if limits != KeyLimits() else None


async def change_key(batch: Batch, key_id: str, change: KeyChange) -> Key:
    """Change a key, and wake every model that has work waiting: more may run now. Raises as the queue."""
    found = await batch.db.fetchrow(SQL["key_to_change"], key_id)
    if found is None:
        raise _unknown(key_id)
    changed = change.of(key_of(tuple(found)))
    await _write(batch, "change_key", key_id, changed.name, changed.weight, _stored(changed.limits))
    batch.topics.update(f"model:{row[0]}" for row in await batch.db.fetch(SQL["waiting_models"], []))
    return changed


def _unknown(key_id: str) -> UnknownRequest:
    return UnknownRequest(f"There is no key {key_id}; `GET /v1/keys` lists them.")


async def add_first_key(batch: Batch, key: Key) -> bool:
    """Store a key if there is none yet; whether it was stored. Gateways do this one after the other."""
    await batch.db.execute(SQL["lock_first_key"])
    if await batch.db.fetchrow(SQL["keys"]) is not None:
        return False
    await add_key(batch, key)
    return True


async def revoke_key(batch: Batch, key_id: str, *, cancel_waiting: bool) -> Key:
    """Revoke a key; its waiting jobs run on unless they shall be cancelled. Raises UnknownRequest."""
    batch.wrote = True
    found = await batch.db.fetchrow(SQL["revoke_key"], batch.now, key_id)
    if found is None:
        raise _unknown(key_id)
    if cancel_waiting:
        waiting = [row[0] for row in await batch.db.fetch(SQL["waiting_of_key"], key_id)]
        await batch.lock(waiting)
        for job_id in waiting:
            row = batch.rows.get(job_id)
            if row is not None and row.state == "queued":
                batch.end(row, End("cancelled"))
    return key_of(tuple(found))


async def key_used(batch: Batch, used: Mapping[str, float]) -> None:
    """Note when keys were last used."""
    names = sorted(used)
    await _write(batch, "keys_used", names, [used[name] for name in names])


async def add_session(batch: Batch, session: Session) -> None:
    """Store a session."""
    await _write(batch, "add_session", *msgspec.structs.astuple(session))


async def end_session(batch: Batch, digest: bytes) -> None:
    """End a session."""
    await _write(batch, "end_session", digest)


async def end_sessions(batch: Batch, key_id: str) -> int:
    """End every session of a key: how many there were."""
    return await _write(batch, "end_sessions", key_id)


async def share(batch: Batch, job_id: str, owner: str | None) -> str:
    """The token of a share, made now unless there is one. Raises NothingToShare and as `record`."""
    await batch.lock([job_id])
    row = batch.rows.get(job_id)
    if may_see(row.job() if row else None, job_id, owner).state != "succeeded":
        raise NothingToShare
    await _write(batch, "share", new_secret(), job_id, batch.now)
    return str(await batch.db.fetchval(SQL["share_of"], job_id))


async def unshare(batch: Batch, job_id: str, owner: str | None) -> bool:
    """End a share; whether there was one. Raises as `record`."""
    await batch.lock([job_id])
    row = batch.rows.get(job_id)
    may_see(row.job() if row else None, job_id, owner)
    return bool(await _write(batch, "unshare", job_id))

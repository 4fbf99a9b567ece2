"""The keyring: who calls, by the key or cookie they send. Keeps what it read for a few seconds."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from officina.errors import BadKey
from officina.keys import Key, digest_of, mint
from officina.queue.protocol import Queue

FRESH_S = 5.0
"""How long a key is believed without a look at the database; a revocation here takes effect at once."""
MOST_KEPT = 10_000
LOCAL = "local"
"""The key id of the workers that this server starts itself."""

_Name = str | tuple[Literal["session"], str]
"""What a key is kept under: its secret, or a session's, which never pass for each other."""


class Keyring:
    """Finds keys by their secrets and sessions, and remembers when each was last used."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._kept: dict[_Name, tuple[Key, float]] = {}
        self._used: dict[str, float] = {}
        minted, self.local_secret = mint("workers of this server", ("worker",))
        self._local = Key(LOCAL, minted.name, minted.digest, minted.scopes, minted.created_at)

    async def caller(self, secret: str) -> Key:
        """The key of this secret. Raises BadKey when it is missing, unknown or revoked."""
        return await self._known(secret, lambda: self._find(secret))

    async def visitor(self, cookie: str) -> Key:
        """The key that the session of this cookie acts for. Raises BadKey when it has ended."""
        return await self._known(("session", cookie), lambda: self._find_session(cookie))

    async def _known(self, name: _Name, find: Callable[[], Awaitable[Key]]) -> Key:
        kept = self._kept.get(name)
        now = time.monotonic()
        if kept is None or now - kept[1] > FRESH_S:
            kept = (await find(), now)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[name] = kept
        self._used[kept[0].id] = time.time()
        return kept[0]

    async def _find(self, secret: str) -> Key:
        if not secret:
            raise BadKey("The API key is missing; send `Authorization: Bearer <key>`.")
        digest = digest_of(secret)
        if hmac.compare_digest(digest, self._local.digest):
            return self._local
        key = await self._queue.key_by_hash(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            raise BadKey("The API key is unknown; check it, or ask the operator for a new one.")
        return _valid(key)

    async def _find_session(self, cookie: str) -> Key:
        key = await self._queue.key_by_session(digest_of(cookie))
        if key is None:
            raise BadKey("The session has ended; sign in again.")
        return _valid(key)

    def forget(self, key_id: str) -> None:
        """Believe nothing of this key any more: it was changed."""
        self._kept = {name: kept for name, kept in self._kept.items() if kept[0].id != key_id}

    async def flush(self) -> None:
        """Store when keys were last used."""
        used, self._used = self._used, {}
        used.pop(LOCAL, None)
        if used:
            await self._queue.key_used(used)


def _valid(key: Key) -> Key:
    if key.revoked_at is not None:
        raise BadKey("The API key has been revoked; ask the operator for a new one.")
    return key

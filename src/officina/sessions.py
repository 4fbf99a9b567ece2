"""Signing in from a browser: a key, or the link of a start, becomes a session; sessions end.

A session acts for its key until it expires, is ended, or the key is revoked. Its secret is the cookie; the
database knows the hash alone.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from officina.errors import BadKey, TooManyTries
from officina.keyring import LOCAL, Keyring
from officina.keys import Key, digest_of, open_session
from officina.queue.protocol import Queue

TRIES = 10
"""Failed attempts to sign in that one address has, in `TRIES_S`; all together have ten times as many."""
TRIES_S = 60.0
LINK_S = 900.0
"""How long the link of a start can be used, once."""


def cookie_name(public_url: str) -> str:
    """The cookie of a browser's session. Cookies know no ports, so its name does."""
    url = urlsplit(public_url)
    return "__Host-officina" if url.scheme == "https" else f"officina_{url.port or 80}"


class Sessions:
    """Opens and ends sessions, and bounds how often signing in may fail."""

    def __init__(self, queue: Queue, keyring: Keyring, lasts_s: float) -> None:
        self._queue = queue
        self._keyring = keyring
        self._links: dict[bytes, tuple[str, float]] = {}
        self._tries = Tries()
        self.lasts_s = lasts_s

    async def sign_in(self, secret: str, address: str) -> str:
        """Open a session for the key of this secret; the cookie. Raises BadKey, TooManyTries."""
        self._tries.check(address)
        try:
            key = await self._keyring.caller(secret)
            if key.id == LOCAL:
                raise BadKey("This key is for the workers of this server alone.")
        except BadKey:
            self._tries.failed(address)
            raise
        return await self._open(key)

    async def link(self) -> str:
        """A code that signs in once, as the oldest key that may do everything; empty without such a key."""
        able = {"caller", "admin"}
        for key in await self._queue.keys():
            if key.revoked_at is None and able <= set(key.scopes):
                code = secrets.token_urlsafe(24)
                self._links[digest_of(code)] = (key.id, time.monotonic() + LINK_S)
                return code
        return ""

    async def follow_link(self, code: str, address: str) -> str:
        """Open a session by the code of a link, which is used up by that; the cookie.

        Raises:
            BadKey: it was used, has expired, or its key was revoked.
            TooManyTries: too many codes or keys were wrong.
        """
        self._tries.check(address)
        key_id, until = self._links.pop(digest_of(code), ("", 0.0))
        keys = {key.id: key for key in await self._queue.keys() if key.revoked_at is None}
        if key_id not in keys or time.monotonic() > until:
            self._tries.failed(address)
            raise BadKey("This link was used before or has expired; paste a key, or start the server again.")
        return await self._open(keys[key_id])

    async def sign_out(self, cookie: str) -> None:
        """End the session of this cookie."""
        key = await self._queue.key_by_session(digest_of(cookie))
        await self._queue.end_session(digest_of(cookie))
        if key is not None:
            self._keyring.forget(key.id)

    async def sign_out_everywhere(self, key: Key) -> int:
        """End every session of a key: how many there were."""
        ended = await self._queue.end_sessions(key.id)
        self._keyring.forget(key.id)
        return ended

    async def _open(self, key: Key) -> str:
        session, cookie = open_session(key.id, self.lasts_s)
        await self._queue.add_session(session)
        return cookie


class Tries:
    """Counts failures by address, over a sliding minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[str, deque[float]] = defaultdict(deque)

    def check(self, address: str) -> None:
        """Raise TooManyTries when this address, or all together, failed too often."""
        for name, most in ((address, TRIES), ("", 10 * TRIES)):
            recent: Sequence[float] = self._recent(name) if name in self._failed else ()
            if len(recent) >= most:
                left = int(recent[0] + TRIES_S - self._clock()) + 1
                raise TooManyTries(retry_after=left)

    def failed(self, address: str) -> None:
        """Note a failure."""
        for name in (address, ""):
            self._recent(name).append(self._clock())
        for name in [name for name in self._failed if not self._recent(name)]:
            del self._failed[name]

    def _recent(self, name: str) -> deque[float]:
        times = self._failed[name]
        while times and times[0] <= self._clock() - TRIES_S:
            times.popleft()
        return times

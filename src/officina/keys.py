"""API keys, and the sessions of browsers: 256-bit secrets, shown once, kept as their SHA-256."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Literal

import msgspec

from officina.errors import CallerError, WrongScope
from officina.job import new_secret

Scope = Literal["caller", "worker", "admin"]
SCOPES: tuple[Scope, ...] = ("caller", "worker", "admin")
PREFIX = "ofk_"
SESSION_PREFIX = "ofs_"


class Key(msgspec.Struct, frozen=True):
    """A key as it is stored. Times are Unix seconds; `hint` is the start of the secret."""

    id: str
    name: str
    digest: bytes
    scopes: tuple[Scope, ...]
    created_at: float
    hint: str = ""
    last_used_at: float | None = None
    revoked_at: float | None = None
    weight: float = 1.0

    def require(self, scope: Scope) -> None:
        """Raise WrongScope unless this key may do what `scope` allows."""
        if scope not in self.scopes:
            raise WrongScope(
                f"This needs a key with the scope {scope!r}; yours has {', '.join(self.scopes)}."
            )

    @property
    def owner(self) -> str | None:
        """Whose requests it may see: its own id, or None (everybody's) for an admin."""
        return None if "admin" in self.scopes else self.id


class Session(msgspec.Struct, frozen=True):
    """A browser that is signed in with a key, as it is stored. Times are Unix seconds."""

    digest: bytes
    key_id: str
    created_at: float
    expires_at: float


def digest_of(secret: str) -> bytes:
    """The stored form of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def mint(name: str, scopes: tuple[Scope, ...]) -> tuple[Key, str]:
    """Make a key and its secret; the secret is not kept anywhere."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = Key(
        id="key_" + new_secret()[:16],
        name=name,
        digest=digest_of(secret),
        scopes=scopes,
        created_at=time.time(),
        hint=secret[: len(PREFIX) + 4],
    )
    return key, secret


def open_session(key_id: str, lasts_s: float) -> tuple[Session, str]:
    """Make a session and its secret, the cookie; the secret is not kept anywhere."""
    secret, now = SESSION_PREFIX + secrets.token_urlsafe(32), time.time()
    return Session(digest_of(secret), key_id, now, now + lasts_s), secret


def read_scopes(words: object) -> tuple[Scope, ...]:
    """Check a list of scope names from a caller. Raises CallerError."""
    if not isinstance(words, list) or not words or any(word not in SCOPES for word in words):
        raise CallerError(f"`scopes` must be a list of one or more of: {', '.join(SCOPES)}.")
    return tuple(scope for scope in SCOPES if scope in words)

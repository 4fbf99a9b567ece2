"""API keys, and the sessions of browsers: 256-bit secrets, shown once, kept as their SHA-256."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from officina.errors import CallerError, InvalidInput, Problem, WrongScope
from officina.job import new_secret

Scope = Literal["caller", "worker", "admin"]
SCOPES: tuple[Scope, ...] = ("caller", "worker", "admin")
PREFIX = "ofk_"
SESSION_PREFIX = "ofs_"


class KeyLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that a key may take; None: what the server's settings say, else no limit."""

    rate_per_min: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    """Submits per minute, in the long run."""
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """So many of them may come at once; a minute's worth unless given."""
    max_waiting: Annotated[int, Meta(ge=1)] | None = None
    max_running: Annotated[int, Meta(ge=1)] | None = None
    """Under lease at one time, over all workers."""
    daily_outputs: Annotated[int, Meta(ge=1)] | None = None
    """Pictures and videos per day of UTC."""
    daily_usd: Annotated[float, Meta(gt=0)] | None = None

    def over(self, usual: KeyLimits) -> KeyLimits:
        """These limits, with the usual ones where they say nothing."""
        own = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        return msgspec.structs.replace(usual, **own) if own else usual

    @property
    def is_budgeted(self) -> bool:
        """Whether what it takes in a day is bounded."""
        return self.daily_outputs is not None or self.daily_usd is not None


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
    limits: KeyLimits = KeyLimits()

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


class KeyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is changed of a key: the members that are given, and of `limits` those that are named."""

    name: Annotated[str, Meta(pattern=r"\S")] | None = None
    weight: Annotated[float, Meta(ge=0.01, le=100)] | None = None
    limits: dict[str, Any] = {}

    def of(self, key: Key) -> Key:
        """The key as it is then. Raises InvalidInput."""
        return msgspec.structs.replace(
            key,
            name=key.name if self.name is None else self.name.strip()[:100],
            weight=key.weight if self.weight is None else self.weight,
            limits=read_limits({**msgspec.structs.asdict(key.limits), **self.limits}),
        )


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


def read_limits(given: object) -> KeyLimits:
    """Check the limits of a key from a caller. Raises InvalidInput."""
    try:
        return msgspec.convert(given, KeyLimits)
    except msgspec.ValidationError as error:
        raise InvalidInput(detail=[Problem(("body", "limits"), str(error), "limits")]) from None

"""What is checked before any route: the Host header, and which pages may call from a browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from officina.errors import WrongHost
from officina.settings import Settings
from officina.web.render import Answer

Headers = list[tuple[bytes, bytes]]
LOOPBACK = {b"127.0.0.1", b"localhost", b"[::1]"}
EXPOSED = b"retry-after, idempotent-replayed, ratelimit-limit, ratelimit-remaining, ratelimit-reset"
"""What a page of an allowed origin may read beside the body."""
UNGUARDED = {"/healthz", "/readyz", "/metrics"}
"""Probes come by address, without our name."""


class Guard:
    """Host and origin rules, made from the settings once."""

    def __init__(self, settings: Settings, public_url: str) -> None:
        public = urlsplit(public_url)
        self._hosts = {(public.hostname or "").encode()}
        if settings.host in {"127.0.0.1", "localhost", "::1"}:
            self._hosts |= LOOPBACK
        self._origins = {origin.encode() for origin in settings.cors_origins}

    def check(self, scope: Scope) -> None:
        """Refuse a Host that is not ours: a page whose name was rebound to this address. Raises WrongHost."""
        if scope["path"] in UNGUARDED or scope["path"].startswith("/worker/"):
            return
        host = _header(scope, b"host").lower()
        name = host if host.endswith(b"]") else host.rsplit(b":", 1)[0]
        if name not in self._hosts:
            raise WrongHost

    def is_preflight(self, scope: Scope) -> bool:
        """Whether a browser asks what it may send."""
        return (
            scope["method"] == "OPTIONS"
            and bool(self._origins)
            and bool(_header(scope, b"access-control-request-method"))
        )

    async def preflight(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell a browser what a page of an allowed origin may send."""
        headers = [
            (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE"),
            (b"access-control-allow-headers", b"authorization, content-type, idempotency-key, last-event-id"),
            (b"access-control-max-age", b"600"),
        ]
        await Answer(204, b"", headers)(scope, receive, send)

    def headers(self, scope: Scope) -> Headers:
        """The CORS headers of an answer; none unless the operator allowed the origin."""
        if not self._origins:
            return []
        origin = _header(scope, b"origin")
        if origin and (b"*" in self._origins or origin in self._origins):
            return [
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", EXPOSED),
                (b"vary", b"origin"),
            ]
        return [(b"vary", b"origin")]


def _header(scope: Scope, name: bytes) -> bytes:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""

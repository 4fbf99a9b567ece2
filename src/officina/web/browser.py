"""What browsers need beside an API's callers: the session's cookie, and which pages may act with it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import Scope

from officina.errors import WrongOrigin

READING = frozenset({"GET", "HEAD"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def check_origin(scope: Scope, public_url: str) -> None:
    """Let only our own pages act with the session of this browser.

    The cookie is SameSite=Strict, which knows neither ports nor what a changing call needs: for one of those,
    the browser must say that it comes from a page of ours. Raises WrongOrigin.
    """
    headers = dict(scope["headers"])
    site = headers.get(b"sec-fetch-site", b"").decode("latin-1")
    origin = headers.get(b"origin", b"").decode("latin-1")
    if site:
        allowed = site == "same-origin" or (site == "none" and scope["method"] in READING)
    elif origin:
        allowed = _ours(origin, headers.get(b"host", b"").decode("latin-1"), public_url)
    else:
        allowed = scope["method"] in READING
    if not allowed:
        raise WrongOrigin


def _ours(origin: str, host: str, public_url: str) -> bool:
    said, own = urlsplit(origin), urlsplit(public_url)
    at_home = said.hostname in _LOOPBACK and said.netloc == host
    return at_home or (said.scheme, said.hostname, said.port) == (own.scheme, own.hostname, own.port)


def set_cookie(name: str, value: str, lasts_s: float, *, secure: bool) -> tuple[bytes, bytes]:
    """The header that gives a browser its session."""
    words = f"{name}={value}; Path=/; Max-Age={int(lasts_s)}; HttpOnly; SameSite=Strict"
    return b"set-cookie", (words + ("; Secure" if secure else "")).encode("ascii")


def local_path(path: str, otherwise: str) -> str:
    """A path of this server that a link may lead to; `otherwise` when it could lead to another server."""
    fits = path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isprintable()
    return path if fits and "\\" not in path else otherwise

"""The server that a client talks to: its address, the key for it, and how calls to it are made."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

import httpx

from officina_client.effects import Call, Source
from officina_client.errors import InvalidInput, SetupProblem
from officina_client.retry import Retry
from officina_client.values import FileRef

DEFAULT_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_HEADER = re.compile(r"[\x20-\x7e]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Server:
    """An address, a key (None or empty: none is sent), and the patience with it."""

    base_url: str
    key: str | None = field(default=None, repr=False)
    retry: Retry = field(default_factory=Retry)

    def __post_init__(self) -> None:
        """Refuse an address or a key that cannot work. Raises SetupProblem."""
        _check_url(self.base_url)
        if self.key and not _KEY.fullmatch(self.key):
            raise SetupProblem(
                "The key holds blanks or characters that no key has; give it as it was printed."
            )

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: bytes | Source | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Call:
        """Make a call to a path of the server. Members of the query that are None are left out.

        Calls that only read may be repeated; use `dataclasses.replace` for others that may.
        """
        for name, value in (headers or {}).items():
            if not _HEADER.fullmatch(value):
                raise InvalidInput(f"The {name} {value!r} cannot be sent; only printable ASCII can.")
        url = self.base_url.rstrip("/") + path
        if given := {name: _word(value) for name, value in (query or {}).items() if value is not None}:
            url = f"{url}?{httpx.QueryParams(given)}"
        return Call(
            method=method,
            url=url,
            headers={**self._authorization(), **(headers or {})},
            body=body,
            is_repeatable=method in {"GET", "HEAD"},
        )

    def file_call(self, url: str, method: str = "GET") -> Call:
        """Make a call for a file, which may live elsewhere; the key goes to this server's own host only.

        Raises InvalidInput for what is not an http or https URL.
        """
        if url.startswith("/") and not url.startswith("//"):
            return self.call(method, url)
        origin = _origin(url)
        if origin is None:
            raise InvalidInput("Only http and https URLs, and paths of the server, can be downloaded.")
        headers = self._authorization() if origin == _origin(self.base_url) else {}
        return Call(method, url, headers, is_repeatable=method == "GET")

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


def server_of(base_url: str | None, key: str | None, retry: Retry | None) -> Server:
    """Make a server of what was given, and of OFFICINA_URL and OFFICINA_KEY for what was not."""
    base_url = os.environ.get("OFFICINA_URL") if base_url is None else base_url
    key = os.environ.get("OFFICINA_KEY") if key is None else key
    if not base_url:
        raise SetupProblem("No base URL: pass one to the client, or set OFFICINA_URL.")
    return Server(base_url, key, retry or Retry())


def http_options(timeout: httpx.Timeout | None) -> dict[str, Any]:
    """Give the arguments for an HTTP client of ours."""
    return {
        "timeout": timeout or DEFAULT_TIMEOUT,
        "follow_redirects": False,
        "headers": {"User-Agent": f"officina-client/{_version()}", "Accept-Encoding": "identity"},
    }


def _version() -> str:
    try:
        return version("officina")
    except PackageNotFoundError:
        return "0"


def model_path(model_id: str) -> str:
    """Give the path of a model, its id encoded segment by segment. Raises InvalidInput for no id at all."""
    segments = model_id.strip().strip("/").split("/")
    if any(segment in {"", ".", ".."} for segment in segments):
        raise InvalidInput(f"{model_id!r} is not a model id; one looks like 'bytedance/dreamina-4-0/edit'.")
    return "/v1/models/" + "/".join(quote(segment, safe="") for segment in segments)


def request_path(request_id: str, rest: str = "") -> str:
    """Give a path of a request. Raises InvalidInput for what cannot be a request id."""
    return f"/v1/requests/{_checked_id(request_id)}{rest}"


def key_path(key_id: str) -> str:
    """Give the path of a key. Raises InvalidInput for what cannot be the id of one."""
    return f"/v1/keys/{_checked_id(key_id)}"


def json_bytes(value: Any) -> bytes:
    """Write JSON; a FileRef inside becomes its URL. Raises InvalidInput for what JSON cannot hold."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
        return text.encode()
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The input cannot be sent as JSON: {error}.") from error


def _plain(value: object) -> object:
    if isinstance(value, FileRef):
        return value.url
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _checked_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise InvalidInput(f"{value!r} is not an id; ids hold letters, digits, '-' and '_'.")
    return value


def _check_url(base_url: str) -> None:
    if _origin(base_url) is None:
        raise SetupProblem(f"{base_url!r} is not a base URL; one looks like 'http://127.0.0.1:8000'.")
    url = httpx.URL(base_url)
    if url.query or url.fragment or url.userinfo:
        raise SetupProblem("The base URL must have no user, query or fragment; pass the key as `key`.")


def _origin(url: str) -> tuple[str, str, int] | None:
    """Give scheme, host and port; None for what is not an http or https URL."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.host:
        return None
    return parts.scheme, parts.host, parts.port or _DEFAULT_PORTS[parts.scheme]

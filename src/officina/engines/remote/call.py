"""A call to a provider and the answer to it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from officina import __version__

ANSWER_BYTES = 4 * 2**20
"""So long may an answer be that holds no pictures."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a form."""

    name: str
    path: Path
    mime: str


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a provider: `path` goes behind its base URL; the body is JSON, a form, or a file."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
    file: Path | None = None
    limit_bytes: int = ANSWER_BYTES

    def request(self, base_url: str) -> httpx.Request:
        """Make the request, without what proves who asks."""
        url = httpx.URL(base_url.rstrip("/") + self.path)
        headers = {"User-Agent": f"officina/{__version__}", "Accept-Encoding": "identity", **self.headers}
        body: dict[str, Any] = {}
        if self.form or self.parts:
            # A field without a file name: so the body is multipart even when it holds no file.
            fields = [(name, (None, value)) for name, value in self.form]
            body = {"files": [*fields, *map(_sent, self.parts)]}
        elif self.file is not None:
            body = {"content": self.file.read_bytes()}
        elif self.json is not None:
            headers["Content-Type"] = "application/json"
            body = {"content": msgspec.json.encode(self.json)}
        params = self.query or None
        return httpx.Request(self.method, url, params=params, headers=headers, **body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status says that all is well."""
        return 200 <= self.status < 300

    def facts(self) -> Mapping[str, Any]:
        """The JSON object in the body; empty when there is none."""
        try:
            found = msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    def retry_after_s(self) -> float:
        """How long the provider wants to be left alone; 0 when it does not say.

        A date counts from the provider's own `Date`, so that no clock of ours is asked (RFC 9110, 10.2.3).
        """
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdecimal():
            return float(value)
        try:
            wait = parsedate_to_datetime(value) - parsedate_to_datetime(self.headers["date"])
        except (KeyError, TypeError, ValueError):
            return 0.0
        return max(0.0, wait.total_seconds())


def _sent(part: Part) -> tuple[str, tuple[str, bytes, str]]:
    # The name of the file is ours: what a caller called it is none of the provider's business.
    return part.name, (part.path.name, part.path.read_bytes(), part.mime)

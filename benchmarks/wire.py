"""Requests to the servers under test: the bytes that the load generator repeats, and single calls."""

from __future__ import annotations

import http.client
from typing import Any

import msgspec

from benchmarks.folder import BODY, MODEL

SUBMIT = f"/v1/models/{MODEL}"
TIMEOUT_S = 90.0


def post(path: str, secret: str, body: bytes = BODY) -> str:
    """A POST as the load generator takes it: one character for each byte."""
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return _head("POST", path, secret) + length + body.decode("latin-1")


def get(path: str, secret: str) -> str:
    """A GET as the load generator takes it."""
    return _head("GET", path, secret) + "\r\n"


class Link:
    """A keep-alive connection for calls one at a time, with a caller's key."""

    def __init__(self, port: int, secret: str) -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self._headers = {"Authorization": f"Bearer {secret}"}

    def call(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        """The JSON answer to a call. Raises SystemExit unless it went well."""
        self._link.request(method, path, body, self._headers)
        answer = self._link.getresponse()
        text = answer.read()
        if answer.status not in {200, 201}:
            raise SystemExit(f"{method} {path} was answered with {answer.status}: {text.decode()[:500]}")
        return msgspec.json.decode(text, type=dict[str, Any])

    def close(self) -> None:
        """Hang up."""
        self._link.close()


def _head(method: str, path: str, secret: str) -> str:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: officina-benchmark\r\nAccept: */*\r\n"
        f"Authorization: Bearer {secret}\r\n"
    )

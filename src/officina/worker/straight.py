"""The straight way between a worker and the object store, over URLs that the gateway hands out for minutes.

Whatever goes wrong on it, there is the way through the gateway; a store that cannot be reached from here is
left alone for a while.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

import httpx
import structlog

from officina.link import Grant, Upload
from officina.worker.outputs import Made

SHUN_S = 60.0
_HEAD_BYTES = 64
_CONNECT_S = 3.0
_SILENCE_S = 20.0
_PIECE_BYTES = 2**20
_TRIES = 2

log = structlog.get_logger("officina.worker")


class Straight:
    """Puts and gets objects. It follows no redirects and sends no key, since none of that is ours."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._shunned_until = 0.0

    async def aclose(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()

    @property
    def is_open(self) -> bool:
        """Whether the straight way shall be tried."""
        return time.monotonic() >= self._shunned_until

    async def put(self, grant: Grant, made: Made) -> bool:
        """Put a file; whether the store took it."""
        headers = {**grant.headers, "Content-Length": str(made.size_bytes)}
        for _ in range(_TRIES):
            try:
                with made.path.open("rb") as file:
                    answer = await self._http.put(grant.url, content=pieces(file), headers=headers)
            except httpx.TransportError as error:
                reason = type(error).__name__
                continue
            if answer.is_success:
                return True
            reason = f"status {answer.status_code}"
        self._shun(reason)
        return False

    @asynccontextmanager
    async def get(self, grant: Grant) -> AsyncGenerator[httpx.Response]:
        """Open an object for reading. Raises httpx.TransportError when the store does not give it."""
        try:
            async with self._http.stream("GET", grant.url, headers=grant.headers) as response:
                if not response.is_success:
                    raise httpx.RemoteProtocolError(f"status {response.status_code}")
                yield response
        except httpx.TransportError as error:
            self._shun(type(error).__name__)
            raise

    @property
    def _http(self) -> httpx.AsyncClient:
        if self._client is None:  # a worker without a store never loads the certificates
            timeout = httpx.Timeout(_SILENCE_S, connect=_CONNECT_S, pool=None)
            self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False)
        return self._client

    def _shun(self, reason: str) -> None:
        self._shunned_until = time.monotonic() + SHUN_S
        log.warning("store.not_straight", reason=reason)


def described(made: Made) -> Upload:
    """What a worker says of a file that it is about to put."""
    with made.path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        return Upload(made.kind, made.size_bytes, hashlib.file_digest(file, "sha256").hexdigest(), head)


async def pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    """A file in pieces, read beside the loop."""
    while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
        yield piece

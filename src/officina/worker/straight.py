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

import aiohttp
import structlog
from yarl import URL

from officina.link import Grant, Upload
from officina.worker.outputs import Made

SHUN_S = 60.0
_HEAD_BYTES = 64
_CONNECT_S = 3.0
_SILENCE_S = 20.0
_SENDING_S = 60.0
PIECE_BYTES = 2**20
_TRIES = 2
BROKEN = (aiohttp.ClientError, TimeoutError, ConnectionError)
"""What a connection that breaks raises, and nothing that a file of our own could."""

log = structlog.get_logger("officina.worker")


class Straight:
    """Puts and gets objects. It follows no redirects and sends no key, since none of that is ours."""

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None
        self._shunned_until = 0.0

    async def aclose(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.close()

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
                    async with (
                        sending(file, _SENDING_S) as pieces,
                        self._http.put(
                            _as_signed(grant), data=pieces, headers=headers, allow_redirects=False
                        ) as answer,
                    ):
                        if 200 <= answer.status < 300:
                            return True
                        reason = f"status {answer.status}"
            except BROKEN as error:
                reason = type(error).__name__
        self._shun(reason)
        return False

    @asynccontextmanager
    async def get(self, grant: Grant) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Open an object for reading. Raises what `BROKEN` names when it is not given."""
        try:
            async with self._http.get(
                _as_signed(grant), headers=grant.headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise aiohttp.ClientPayloadError(f"status {response.status}")
                yield response
        except BROKEN as error:
            self._shun(type(error).__name__)
            raise

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._client is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
            connector = aiohttp.TCPConnector(limit=0)
            self._client = aiohttp.ClientSession(
                timeout=timeout,
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._client

    def _shun(self, reason: str) -> None:
        self._shunned_until = time.monotonic() + SHUN_S
        log.warning("store.not_straight", reason=reason)


def _as_signed(grant: Grant) -> URL:
    """The URL to the letter: it is signed."""
    return URL(grant.url, encoded=True)


def described(made: Made) -> Upload:
    """What a worker says of a file that it is about to put."""
    with made.path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        return Upload(made.kind, made.size_bytes, hashlib.file_digest(file, "sha256").hexdigest(), head)


@asynccontextmanager
async def sending(file: BinaryIO, silence_s: float) -> AsyncGenerator[AsyncIterator[bytes]]:
    """A file in pieces, for a call that is given up when the other side takes none for `silence_s` seconds.

    aiohttp's own time for an answer does not begin before the whole body is sent, and the system's, on a
    connection that nothing comes back from, is a quarter of an hour. Raises TimeoutError.
    """
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(silence_s) as limit:

        async def pieces() -> AsyncIterator[bytes]:
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                limit.reschedule(clock() + silence_s)
                yield piece

        yield pieces()

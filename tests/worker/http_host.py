"""A small HTTP/1.1 server that can lose an answer, break off, and be restarted: what the double stands on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request, read to its end."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Said:
    """The answer; when `lost`, the connection is closed instead of sending it, after `sent` bytes of it."""

    status: int
    body: bytes
    lost: bool = False
    sent: int = 0


class HttpHost:
    """Serves one handler on a loopback port of its own, on the running loop."""

    def __init__(self, handle: Callable[[Asked], Awaitable[Said]]) -> None:
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen; after a stop, on the same port again."""
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and break every connection off, as a process that dies does."""
        if self._server is not None:
            self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._busy.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        asked = await _read(reader)
        said = await self._while_connected(asked, reader)
        if said is None:
            return False
        head = f"HTTP/1.1 {said.status} Said\r\nContent-Length: {len(said.body)}\r\n\r\n".encode()
        whole = head + said.body
        writer.write(
            whole[: len(head) + said.sent] if said.lost and said.sent else b"" if said.lost else whole
        )
        await writer.drain()
        return not said.lost

    async def _while_connected(self, asked: Asked, reader: asyncio.StreamReader) -> Said | None:
        """Handle a request; given up when the client hangs up meanwhile."""
        handling = asyncio.ensure_future(self._handle(asked))
        listening = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({handling, listening}, return_when=asyncio.FIRST_COMPLETED)
            if not handling.done():
                return None
            return handling.result()
        finally:
            for each in (handling, listening):
                each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(handling, listening, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    url = urlsplit(target)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, url.path, dict(parse_qsl(url.query)), headers, body)

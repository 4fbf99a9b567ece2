"""An HTTP server of raw bytes on loopback: it can lie, stall and break off as real ones do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = bytes | Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request that the server has read, and the way to answer it."""

    path: str
    headers: dict[str, str]
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_it_leaves(self) -> None:
        await self.reader.read()


@dataclass
class Server:
    """An HTTP server of raw bytes: what it says for each path, and all that it was asked."""

    answers: dict[str, Answer]
    exchanges: list[Exchange] = field(default_factory=list)
    port: int = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *rows = head.decode().split("\r\n")[:-2]
                headers = {name.lower(): value for name, _, value in (row.partition(": ") for row in rows)}
                exchange = Exchange(line.split(" ")[1], headers, writer, reader)
                self.exchanges.append(exchange)
                answer = self.answers[exchange.path.partition("?")[0]]
                await (exchange.send(answer) if isinstance(answer, bytes) else answer(exchange))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    answers: dict[str, Answer], *, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    server = Server(answers)
    listener = await asyncio.start_server(server.serve, host, 0, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for exchange in server.exchanges:
            exchange.writer.close()


def reply(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    rows = {
        "Content-Length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in rows.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body


def endless(*parts: bytes) -> Answer:
    """Send the parts as a body of unknown length, and then nothing more, for ever."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 Said\r\nConnection: close\r\n\r\n")
        for part in parts:
            await exchange.send(part)
        await exchange.until_it_leaves()

    return answer

"""A TCP proxy on loopback that can break every connection, or refuse new ones, when a test says so."""

from __future__ import annotations

import asyncio
import contextlib


class BreakingProxy:
    """Passes bytes on to a port until it is cut. Use as an async context manager."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.is_down = False
        """While it is, new connections are broken at once."""
        self.passing = asyncio.Event()
        """While it is not set, connections are taken and nothing passes."""
        self.passing.set()
        self.cut_after: bytes | None = None
        """Cut everything when these bytes were passed on to the server, before it can answer; once."""

    async def __aenter__(self) -> BreakingProxy:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break every connection that is open."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_down:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, up_writer}
        await asyncio.gather(self._pass(reader, up_writer, up=True), self._pass(up_reader, writer, up=False))
        self._writers -= {writer, up_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self.passing.wait()
                writer.write(data)
                if up and self.cut_after is not None and self.cut_after in data:
                    self.cut_after = None
                    await writer.drain()
                    await self._let_it_work()
                    self.cut()
                    return
                await writer.drain()
        writer.transport.abort()

    async def _let_it_work(self) -> None:
        """The server has the bytes; answers are not passed on meanwhile, since this one goes first."""
        for each in self._writers:
            each.transport.abort() if each.get_extra_info("peername")[1] != self._to_port else None
        await asyncio.sleep(0.05)

"""A TCP proxy as the network between two processes: it can be cut, or hang and then lose or deliver what it held."""

from __future__ import annotations

import asyncio
import contextlib

REFUSED = b"HTTP/1.1 409 "
"""How the gateway answers a worker that writes under a lease it has lost."""


class Wire:
    """Passes bytes between whoever connects and one port of this machine."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._ends: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.refusals = 0
        """How many writes of lost leases were refused over it."""

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Break everything, and listen no more."""
        if self._server is not None:
            self._server.close()
        self.mend(lose=True)

    @property
    def hangs(self) -> bool:
        """Whether nothing passes now."""
        return not self._passing.is_set()

    def cut(self) -> None:
        """Break every connection; new ones pass."""
        for end in tuple(self._ends):
            end.transport.abort()

    def hang(self) -> None:
        """Pass nothing on in either direction, on old connections and new ones, until `mend`."""
        self._passing.clear()

    def mend(self, *, lose: bool) -> None:
        """Pass on what was held back, however late; or `lose` it with its connections."""
        if lose:
            self.cut()
        self._passing.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            await self._passing.wait()
            back, there = await asyncio.open_connection("127.0.0.1", self._to_port)
            self._ends.add(there)
            await asyncio.gather(self._pass(reader, there), self._pass(back, writer, count=True))
        except OSError:
            """Nobody is there: the one who connected sees the end of the connection."""
        finally:
            for end in filter(None, (writer, there)):
                self._ends.discard(end)
                end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._passing.wait()
                self.refusals += count and data.startswith(REFUSED)
                writer.write(data)
                await writer.drain()
        writer.close()

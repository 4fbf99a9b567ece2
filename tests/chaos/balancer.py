"""A load balancer for tests: one address before several gateways, which tries the next when one does not take a call."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence


class Balancer:
    """Passes each connection, which carries one call, to a gateway that takes it."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._turns = itertools.cycle(range(len(ports)))
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()
        self.url = ""

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connected(reader, writer))
        self._busy.add(task)  # nobody else keeps it once the caller has hung up
        task.add_done_callback(self._busy.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(self._turns)
        asked = _Asked(reader)
        listening = asyncio.create_task(asked.listen())
        for turn in range(len(self._ports)):
            if await _served(asked, writer, self._ports[(first + turn) % len(self._ports)]):
                break
        listening.cancel()
        writer.close()


async def _served(asked: _Asked, writer: asyncio.StreamWriter, port: int) -> bool:
    """Pass a call on, and the answer back; False when none came, as from a gateway that is stopping."""
    begun = False
    with contextlib.suppress(OSError):
        back, there = await asyncio.open_connection("127.0.0.1", port)
        asked.tell(there)
        with contextlib.closing(there):
            while data := await back.read(65536):
                begun = True
                writer.write(data)
                await writer.drain()
    return begun


class _Asked:
    """What a caller sends, for whoever shall hear it from the beginning."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._heard = bytearray()
        self._to: asyncio.StreamWriter | None = None

    async def listen(self) -> None:
        """Take what comes, until the caller hangs up."""
        with contextlib.suppress(OSError):
            while data := await self._reader.read(65536):
                self._heard += data
                if self._to is not None:
                    self._to.write(data)
        if self._to is not None:
            self._to.close()

    def tell(self, writer: asyncio.StreamWriter) -> None:
        """Pass on all of it, and what comes from now on."""
        self._to = writer
        writer.write(bytes(self._heard))

"""A TCP proxy that can be cut: while it is, nothing passes in either direction and nobody gets in."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class CuttingProxy:
    """Passes bytes on to one server, on a loop in a thread of its own."""

    def __init__(self, to: str) -> None:
        target = urlsplit(to)
        assert target.hostname and target.port
        self._to = (target.hostname, target.port)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection, and refuse new ones until `mend`."""
        self._do(self._cut())

    def mend(self) -> None:
        """Let connections pass again."""
        self._is_cut = False

    async def _cut(self) -> None:
        self._is_cut = True
        for writer in tuple(self._open):
            writer.transport.abort()

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(OSError):
            if not self._is_cut:
                there, back = await asyncio.open_connection(*self._to)
                self._open.add(back)
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
                self._open.discard(back)
        self._open.discard(writer)
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def cutting_proxy(to: str) -> Iterator[CuttingProxy]:
    """A proxy before the server at this URL."""
    proxy = CuttingProxy(to)
    thread = threading.Thread(target=proxy._loop.run_forever, daemon=True)
    thread.start()
    proxy._do(proxy.start())
    try:
        yield proxy
    finally:
        proxy._do(proxy._cut())
        proxy._server.close()
        proxy._loop.call_soon_threadsafe(proxy._loop.stop)
        thread.join(10)
        proxy._loop.close()

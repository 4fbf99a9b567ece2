"""A real port that serves an ASGI application from a thread, and can break a connection off."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import TracebackType
from typing import Any

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

Transports = dict[tuple[str, int], asyncio.Transport]


class Host:
    """A real port, served from a thread; what is behind it can be changed while it runs."""

    def __init__(self) -> None:
        self.app: ASGIApp
        self.transports: Transports = {}
        self.loop = asyncio.new_event_loop()
        self._socket = _listening_socket()
        self._uvicorn = uvicorn.Server(self._config())
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Host:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._uvicorn.should_exit = self._uvicorn.force_exit = True
        self._thread.join(20)
        self._socket.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _config(self) -> uvicorn.Config:
        transports = self.transports

        class Protocol(H11Protocol):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                transports[transport.get_extra_info("peername")] = transport

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)

        return uvicorn.Config(app, http=Protocol, ws="none", lifespan="off", log_config=None)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._uvicorn.serve(sockets=[self._socket]))


def _listening_socket() -> socket.socket:
    """Open a port. asyncio sends small pieces at once only where the protocol is named: here it must be."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


async def abort(transports: Transports, scope: Scope, receive: Receive) -> None:
    """Break a connection off as it stands."""
    transports[scope["client"]].abort()
    await departure(receive)


async def departure(receive: Receive) -> None:
    """Wait until the other side has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Aborted(Response):
    """No answer: the connection breaks."""

    def __init__(self, transports: Transports):
        super().__init__()
        self._transports = transports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await abort(self._transports, scope, receive)

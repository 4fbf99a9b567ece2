"""`serve`: one gateway process with its HTTP server, and the workers that it starts beside itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from officina.errors import SettingsError
from officina.service import Gateway, open_gateway
from officina.settings import Settings
from officina.supervise import keep_worker
from officina.web import app

log = structlog.get_logger("officina.serve")

CLOSE_S = 5
"""How long open connections may take to end at a stop, before they are cut."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that is up, as it tells whoever started it."""

    gateway: Gateway
    url: str
    stop: asyncio.Event
    sign_in_url: str
    """Signs a browser in, once and for a quarter of an hour; empty when no key may do everything."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: a stop has an order here, and we keep it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`."""
        yield


async def serve(settings: Settings, ready: Callable[[Serving], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told once, when calls are taken.

    The order of a stop: the workers drain while the gateway still answers, but keeps no connection and calls
    itself not ready; then long waits end and connections close, then the database.

    Raises:
        OperatorError: the server cannot start like this.
    """
    os.umask(0o077)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    with _bound(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        public_url = (settings.public_url or f"http://{_host(settings.host)}:{port}").rstrip("/")
        async with (
            open_gateway(settings, public_url) as gateway,
            _answering(gateway, app.build(gateway), listener),
            _figures(gateway),
            _workers(gateway, f"http://{_loopback(settings.host)}:{port}"),
        ):
            code = await gateway.sessions.link()
            link = f"{public_url}/sign-in?code={code}" if code else ""
            ready(Serving(gateway, public_url, stop, link))
            await stop.wait()
            log.info("stopping")
            gateway.leaving = True


@contextlib.asynccontextmanager
async def _answering(gateway: Gateway, application: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        application,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=CLOSE_S,
        backlog=2048,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await server.up.wait()
    try:
        yield
    finally:
        gateway.stop()
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def _figures(gateway: Gateway) -> AsyncIterator[None]:
    """The separate address for /metrics, where the operator wants one."""
    where = gateway.settings.metrics_listen
    if not where:
        yield
        return
    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError(f"metrics_listen = {where!r} must be HOST:PORT.")
    edge = app.Edge(gateway, app.metrics_routes(gateway))
    with _bound(host, int(port)) as listener:
        async with _answering(gateway, edge, listener):
            yield


@contextlib.asynccontextmanager
async def _workers(gateway: Gateway, url: str) -> AsyncIterator[None]:
    """Keep the local workers running; on the way out let them drain."""
    draining = asyncio.Event()
    keepers = [
        asyncio.create_task(keep_worker(gateway, url, draining)) for _ in range(gateway.settings.workers)
    ]
    try:
        yield
    finally:
        draining.set()
        await asyncio.gather(*keepers)


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), port))
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {host}:{port} ({error.strerror}); is another program using it? "
                "Give another port with --port."
            ) from None
        listener.setblocking(False)
        yield listener


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _loopback(host: str) -> str:
    """How a worker on this machine reaches us."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, _host(host))  # noqa: S104


def run(settings: Settings, ready: Callable[[Serving], None]) -> None:
    """Run `serve` on uvloop until it ends."""
    loops: Any = None
    with contextlib.suppress(ImportError):
        import uvloop

        loops = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loops) as runner:
        runner.run(serve(settings, ready))

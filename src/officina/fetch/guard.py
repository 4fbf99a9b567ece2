"""Outgoing HTTP that connects only where it may, and to the very address that was checked."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore
import httpx

from officina.fetch.address import IPAddress, Reach, parse_address

Resolve = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""Looks up all addresses of a host."""

_MAX_CONNECT_TRIES = 4
_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests to strangers' hosts; raises `AddressRefused` where no connection is allowed.

    It is used as it is, or as the transport of an httpx client. As it is, it follows no redirects, knows no
    cookies, credentials and proxies, and writes no URL into a log. Certificates are checked against certifi's
    list unless `ssl_context` says otherwise.
    """

    def __init__(
        self,
        reach: Reach,
        *,
        max_connections: int = 10,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        resolve = resolve or resolve_host
        context = ssl_context or httpx.create_ssl_context(trust_env=False)
        self._tls = _PinnedTransport(_PinnedBackend(reach, resolve, tls=True), max_connections, context)
        self._plain = _PinnedTransport(_PinnedBackend(reach, resolve, tls=False), max_connections)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._tls if request.url.scheme == "https" else self._plain
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._tls.aclose()
        await self._plain.aclose()


async def resolve_host(host: str, port: int) -> Sequence[IPAddress]:
    """Look up a host with the system's resolver; raises `socket.gaierror`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(parse_address(str(place[0])) for *_, place in found))


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Looks a host up once, checks every address, and connects to one of those, never to the name."""

    def __init__(self, reach: Reach, resolve: Resolve, *, tls: bool) -> None:
        self._reach = reach
        self._resolve = resolve
        self._tls = tls
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._look_up(host, port, timeout)
        self._reach.check(host, port, addresses, tls=self._tls)
        tried = addresses[:_MAX_CONNECT_TRIES]
        failure: Exception = httpcore.ConnectError("the host has no address")
        for address in tried:
            try:
                return await self._network.connect_tcp(
                    str(address),
                    port,
                    timeout=timeout / len(tried) if timeout else None,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def _look_up(self, host: str, port: int, timeout: float | None) -> Sequence[IPAddress]:
        try:
            async with asyncio.timeout(timeout):
                return await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name server did not answer") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name is not known") from error


class _PinnedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport on a pool of ours: its constructor has no place for a network backend."""

    def __init__(
        self, backend: _PinnedBackend, max_connections: int, context: ssl.SSLContext | None = None
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=max_connections,
            keepalive_expiry=5.0,
            network_backend=backend,
        )

"""The two drivers: they do what flows ask for, one blocking, one on asyncio. All networking is here."""

from __future__ import annotations

import asyncio
import inspect
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import aclosing, closing, contextmanager, suppress
from functools import partial
from threading import Timer
from typing import Any

import httpx

from officina_client.effects import (
    Answer,
    Call,
    Do,
    Effect,
    Emit,
    Flow,
    Now,
    Open,
    Read,
    Send,
    Shut,
    Sleep,
    Source,
    T,
    Turns,
)
from officina_client.errors import ConnectionProblem

Listener = Callable[[Any], object]

_CHUNK_BYTES = 262_144
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_REASONS: Mapping[type[Exception], str] = {
    httpx.ConnectTimeout: "it did not accept a connection in time",
    httpx.ReadTimeout: "it did not answer in time",
    httpx.WriteTimeout: "it did not take the request in time",
    httpx.PoolTimeout: "all connections of the client are in use",
}


class SyncDriver:
    """Drives flows on a blocking HTTP client."""

    def __init__(self, http: httpx.Client):
        self._http = http

    def run(self, flow: Flow[T], on_event: Listener | None = None) -> T:
        """Drive a flow to its end and give its value; `on_event` is told what it emits."""
        turns = Turns(flow)
        with closing(flow), closing(_Hands(self._http, on_event)) as hands:
            for effect in turns:
                hands.turn(turns, effect)
        return turns.value

    def iterate(self, flow: Flow[None]) -> Generator[Any, None, None]:
        """Drive a flow step by step and give what it emits."""
        turns = Turns(flow)
        with closing(flow), closing(_Hands(self._http)) as hands:
            for effect in turns:
                if isinstance(effect, Emit):
                    yield effect.item
                hands.turn(turns, effect)


class AsyncDriver:
    """Drives flows on asyncio."""

    def __init__(self, http: httpx.AsyncClient):
        self._http = http

    async def run(self, flow: Flow[T], on_event: Listener | None = None) -> T:
        """Drive a flow to its end and give its value; `on_event` is told what it emits, and may be async."""
        turns = Turns(flow)
        with closing(flow):
            async with aclosing(_AsyncHands(self._http, on_event)) as hands:
                for effect in turns:
                    await hands.turn(turns, effect)
        return turns.value

    async def iterate(self, flow: Flow[None]) -> AsyncGenerator[Any, None]:
        """Drive a flow step by step and give what it emits."""
        turns = Turns(flow)
        with closing(flow):
            async with aclosing(_AsyncHands(self._http)) as hands:
                for effect in turns:
                    if isinstance(effect, Emit):
                        yield effect.item
                    await hands.turn(turns, effect)


class _Hands:
    """Does the effects of one flow, and holds its open body."""

    def __init__(self, http: httpx.Client, on_event: Listener | None = None):
        self._http = http
        self._on_event = on_event
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())
        self._cutter: Timer | None = None

    def turn(self, turns: Turns[T], effect: Effect) -> None:
        """Answer one effect. Whatever is raised, an interrupt too, goes to the flow: it decides."""
        try:
            turns.reply(self._do(effect))
        except BaseException as problem:
            if _is_the_listeners(problem, effect):
                raise
            turns.fail(problem)

    def close(self) -> None:
        """Let go of the open body."""
        if self._cutter is not None:
            self._cutter.cancel()
        if self._response is not None:
            self._response.close()
        self._cutter = self._response = None

    def _do(self, effect: Effect) -> Any:  # noqa: PLR0911 - one line for each effect
        match effect:
            case Send(call):
                return self._send(call)
            case Open(call, limit_s):
                return self._open(call, limit_s)
            case Read():
                with _translated(self._response):
                    return next(self._chunks, b"")
            case Shut():
                return self.close()
            case Sleep(seconds):
                return time.sleep(seconds)
            case Now():
                return time.monotonic()
            case Do(work):
                return work()
            case Emit(item):
                return self._on_event(item) if self._on_event else None

    def _start(self, call: Call, longest_s: float | None = None) -> httpx.Response:
        body = _chunks_of(call.body) if isinstance(call.body, Source) else call.body
        request = _request(self._http, call, body, longest_s)
        return self._http.send(request, stream=True, follow_redirects=False)

    def _send(self, call: Call) -> Answer:
        with _translated(call), closing(self._start(call)) as response:
            return _answer(response, response.read())

    def _open(self, call: Call, limit_s: float | None) -> Answer:
        self.close()
        began_at = time.monotonic()
        with _translated(call):
            self._response = response = self._start(call, limit_s)
            if not response.is_success:
                return _answer(response, response.read())
        if limit_s is not None:
            self._cutter = _cut_after(limit_s - (time.monotonic() - began_at), response)
        self._chunks = response.iter_bytes()
        return _answer(response)


class _AsyncHands:
    """Does the effects of one flow, and holds its open body."""

    def __init__(self, http: httpx.AsyncClient, on_event: Listener | None = None):
        self._http = http
        self._on_event = on_event
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes]
        self._until: float | None = None

    async def turn(self, turns: Turns[T], effect: Effect) -> None:
        """Answer one effect. Whatever is raised, a cancellation too, goes to the flow: it decides."""
        try:
            turns.reply(await self._do(effect))
        except BaseException as problem:
            if _is_the_listeners(problem, effect):
                raise
            turns.fail(problem)

    async def aclose(self) -> None:
        """Let go of the open body."""
        response, self._response = self._response, None
        if response is not None:
            await response.aclose()

    async def _do(self, effect: Effect) -> Any:  # noqa: PLR0911 - the same
        match effect:
            case Send(call):
                return await self._send(call)
            case Open(call, limit_s):
                return await self._open(call, limit_s)
            case Read():
                return await self._read()
            case Shut():
                return await self.aclose()
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case Now():
                return time.monotonic()
            case Do(work):
                return await asyncio.to_thread(work)
            case Emit(item):
                outcome = self._on_event(item) if self._on_event else None
                return await outcome if inspect.isawaitable(outcome) else None

    async def _start(self, call: Call, longest_s: float | None = None) -> httpx.Response:
        body = _async_chunks_of(call.body) if isinstance(call.body, Source) else call.body
        request = _request(self._http, call, body, longest_s)
        return await self._http.send(request, stream=True, follow_redirects=False)

    async def _send(self, call: Call) -> Answer:
        with _translated(call):
            async with aclosing(await self._start(call)) as response:
                return _answer(response, await response.aread())

    async def _open(self, call: Call, limit_s: float | None) -> Answer:
        await self.aclose()
        self._until = None if limit_s is None else asyncio.get_running_loop().time() + limit_s
        with _translated(call):
            self._response = response = await self._start(call, limit_s)
            if not response.is_success:
                return _answer(response, await response.aread())
        self._chunks = response.aiter_bytes()
        return _answer(response)

    async def _read(self) -> bytes:
        with _translated(self._response):
            async with asyncio.timeout_at(self._until):
                return await anext(self._chunks, b"")


def _request(
    http: httpx.Client | httpx.AsyncClient, call: Call, body: Any, longest_s: float | None
) -> httpx.Request:
    """Build a request; no silence is borne for longer than `longest_s`."""
    usual = http.timeout
    limits = [s for s in (usual.read if call.read_s is None else call.read_s, longest_s) if s is not None]
    timeout = httpx.Timeout(
        connect=usual.connect, read=min(limits, default=None), write=usual.write, pool=usual.pool
    )
    return http.build_request(call.method, call.url, headers=call.headers, content=body, timeout=timeout)


def _is_the_listeners(problem: BaseException, effect: Effect) -> bool:
    """Whether a problem is `on_event`'s own: then the flow must not take it for one of the network."""
    return isinstance(effect, Emit) and isinstance(problem, Exception)


def _answer(response: httpx.Response, body: bytes = b"") -> Answer:
    return Answer(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, body
    )


def _chunks_of(source: Source) -> Iterator[bytes]:
    with source.reading() as file:
        yield from iter(partial(file.read, _CHUNK_BYTES), b"")


async def _async_chunks_of(source: Source) -> AsyncIterator[bytes]:
    opened = await asyncio.to_thread(source.reading)
    with opened as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


def _cut_after(seconds: float, response: httpx.Response) -> Timer | None:
    """End a blocking read at a given time: a socket's own timeout starts anew with every byte."""
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream else None
    if not isinstance(connection, socket.socket):
        return None
    timer = Timer(max(0.0, seconds), _cut, [connection])
    timer.daemon = True
    timer.start()
    return timer


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


@contextmanager
def _translated(about: Call | httpx.Response | None) -> Iterator[None]:
    """Turn what the HTTP library raises into our own words."""
    try:
        yield
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, TimeoutError) as error:
        host = httpx.URL(str(about.url)).netloc.decode() if about is not None else "the server"
        reason = _REASONS.get(type(error)) or str(error) or "the connection broke"
        sent = not isinstance(error, _NEVER_SENT)
        message = f"The connection to {host} broke" if sent else f"{host} cannot be reached"
        advice = "try again" if sent else "see that the server runs and the base URL is right"
        raise ConnectionProblem(f"{message} ({reason}); {advice}.", sent=sent) from error

"""The worker's side of the link: every word that it says to a gateway, and the patience to say it again.

A gateway may be restarted at any moment, so lost connections and 5xx answers are waited out, for as long as
it takes; whoever has had enough cancels the call. Only what a gateway that is there fails at with 500, again
and again, is given up. Every call may be repeated: claims carry a nonce, everything else a lease token.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
import structlog

from officina.errors import LeaseLost, OperatorError, RunError
from officina.job import FILE_ID, LeaseRef, News, Outcome, Output, Renewal
from officina.link import Claim, Claimed, Finish, Grant, HandBack, Register, Registered, Renew
from officina.worker.outputs import Made
from officina.worker.straight import BROKEN, PIECE_BYTES, Straight, described, sending

_ROOT = "worker/v1"
_ANSWER_S = 8.0  # a silent connection is given up in time to renew a lease over another one
_CONNECT_S = 5.0
_STREAM_S = 30.0
_STORE_S = 120.0
_STORE_TRIES = 4
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 3.0
_CONFIRM_S = 60.0  # the gateway reads the file back
_LATER = frozenset({408, 425, 429})
_BROKEN_STORE = frozenset({500, 507})
_FAILURES = 8  # by a gateway that is there and fails at what it is asked: more will not help
_JSON = {"Content-Type": "application/json"}
_KEPT_S = 60.0
_KNOWN_S = 10
SMALL_BYTES = 64 * 1024
"""A file of so many bytes is sent in one piece, which costs less than the hops to a thread."""

log = structlog.get_logger("officina.worker")
Answer = TypeVar("Answer")


class KeyRefused(OperatorError):
    """The gateway does not accept this worker's key; make one with the scope `worker` and pass it."""


class LinkRefused(OperatorError):
    """The gateway refused what this worker asked."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


class _NotNow(Exception):
    """The gateway cannot answer at the moment."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the gateway answered {status}")
        self.status = status


class Gateway:
    """The gateway as a worker sees it; an async context manager that keeps its connections.

    Methods raise KeyRefused when the key is not (or no longer) accepted, and LinkRefused for what will be
    refused again.
    """

    def __init__(self, url: str, key: str, hello: Register) -> None:
        self._hello = hello
        self._registered: Registered | None = None
        self._introducing = asyncio.Lock()
        self._failures = 0
        self._root = f"{url.rstrip('/')}/{_ROOT}"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._session: aiohttp.ClientSession | None = None
        self._straight = Straight()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_S, ttl_dns_cache=_KNOWN_S),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._straight.aclose()
        await self._client.close()

    async def register(self) -> Registered:
        """Say hello, and learn the terms."""
        await self._introduce(None)
        return self._known

    async def claim(self, claim: Claim) -> Claimed:
        """Ask for work; the same nonce again gives the same leases."""
        return await self._call("claim", claim, Claimed)

    async def renew(self, news: Sequence[News], wait_s: float = 0.0, *, draining: bool = False) -> Renewal:
        """Extend leases and pass on news; with `wait_s`, wait so long for a stop wish, or one to drain."""
        return await self._call("renew", Renew("", tuple(news), wait_s, draining), Renewal)

    async def hand_back(self, leases: Sequence[LeaseRef]) -> None:
        """Give leases up without counting their attempt."""
        await self._call("hand_back", HandBack("", tuple(leases)), dict[str, Any])

    async def finish(self, lease: LeaseRef, outcome: Outcome) -> None:
        """Report the end of an attempt. Raises LeaseLost."""
        try:
            await self._call("finish", Finish("", lease, outcome), dict[str, Any])
        except LinkRefused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise LeaseLost from None
            raise

    async def put_output(self, lease: LeaseRef, made: Made) -> Output:
        """Store one file of an attempt. Raises LeaseLost, or RunError when the gateway does not take it."""
        return await self._put_straight(lease, made) or await self._put_through(lease, made)

    async def _put_straight(self, lease: LeaseRef, made: Made) -> Output | None:
        """Store a file without the gateway in between; None when that does not work. Raises LeaseLost."""
        if not self._known.straight or not self._straight.is_open:
            return None
        place = f"jobs/{lease.job_id}/outputs/{made.n}"
        said = await asyncio.to_thread(described, made)
        try:
            ask = partial(self._post, f"{place}/grant", said, Grant, params={"token": lease.token})
            grant = await self._patiently(ask, _FAILURES)
            if not grant.url or not await self._straight.put(grant, made):
                return None
            confirm = partial(self._post, f"{place}/confirm", said, Output, params={"token": lease.token})
            return await self._patiently(confirm, _FAILURES)
        except LinkRefused as error:
            log.warning("output.not_straight", message=error.message)
            return None

    async def _put_through(self, lease: LeaseRef, made: Made) -> Output:
        refusals = itertools.count(1)
        where = f"{self._root}/jobs/{lease.job_id}/outputs/{made.n}"

        async def ask() -> Output:
            with made.path.open("rb") as file:
                async with (
                    sending(file, _STORE_S) as pieces,
                    self._client.put(
                        where,
                        params={"token": lease.token, "kind": made.kind},
                        data=file.read(SMALL_BYTES) if made.size_bytes <= SMALL_BYTES else pieces,
                        headers={"Content-Length": str(made.size_bytes)},
                        timeout=_patience(_STORE_S),
                        allow_redirects=False,
                    ) as response,
                ):
                    body = await response.read()
            if response.status in _BROKEN_STORE and next(refusals) >= _STORE_TRIES:
                raise RunError("store_failed", "The outputs could not be stored; try again later.")
            return msgspec.json.decode(_accepted(response, body), type=Output)

        try:
            return await self._patiently(ask)
        except LinkRefused as error:
            raise RunError("output_refused", error.message) from None

    @asynccontextmanager
    async def open_file(self, file_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read a stored file. Raises RunError while reading when it is gone."""
        async with aclosing(self._file(file_id.removeprefix(FILE_ID))) as chunks:
            yield chunks

    async def _file(self, name: str) -> AsyncGenerator[bytes]:
        """Give the bytes of a file; what has been given before the connection broke is passed over."""
        given = 0
        grant = await self._grant_of(name)
        refusals = itertools.count(1)
        for pause_s in _pauses():
            try:
                async with self._open(name, grant) as response:
                    seen = 0
                    async for chunk in response.content.iter_chunked(PIECE_BYTES):
                        fresh = chunk[max(given - seen, 0) :]
                        seen += len(chunk)
                        given += len(fresh)
                        if fresh:
                            yield fresh
            except (*BROKEN, _NotNow) as error:
                if grant.url:
                    grant = Grant()
                    continue
                if _is_hopeless(error) and next(refusals) >= _STORE_TRIES:
                    raise RunError("store_failed", "an uploaded file could not be read.") from None
                self._note_failure(error)
            else:
                return
            await asyncio.sleep(pause_s)

    @property
    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise LinkRefused("The link to the gateway is not open.", HTTPStatus.SERVICE_UNAVAILABLE)
        return self._session

    async def _grant_of(self, name: str) -> Grant:
        """The right to read a file from the store itself; an empty one when there is none."""
        if not self._known.straight or not self._straight.is_open:
            return Grant()
        try:
            return await self._patiently(partial(self._post, f"files/{name}/grant", None, Grant), _FAILURES)
        except LinkRefused:
            return Grant()

    @asynccontextmanager
    async def _open(self, name: str, grant: Grant) -> AsyncIterator[aiohttp.ClientResponse]:
        if grant.url:
            async with self._straight.get(grant) as response:
                yield response
            return
        async with self._client.get(
            f"{self._root}/files/{name}", timeout=_patience(_STREAM_S), allow_redirects=False
        ) as response:
            await _check_file(response)
            yield response

    @property
    def _known(self) -> Registered:
        if self._registered is None:
            raise LinkRefused("The worker has not registered yet.", HTTPStatus.NOT_FOUND)
        return self._registered

    async def _introduce(self, stale: Registered | None) -> None:
        """Register, unless another call that found the same identity stale has done so already."""
        async with self._introducing:
            if self._registered is stale:
                self._registered = await self._patiently(
                    partial(self._post, "register", self._hello, Registered)
                )
                log.info("worker.registered", worker_id=self._registered.worker_id)

    async def _call(
        self, name: str, words: Claim | Renew | HandBack | Finish, answer: type[Answer]
    ) -> Answer:
        """Ask under the present identity; under a fresh one if the gateway has forgotten this worker."""
        known = self._known
        for last in (False, True):
            signed = msgspec.structs.replace(words, worker_id=known.worker_id)
            try:
                return await self._patiently(partial(self._post, name, signed, answer), _FAILURES)
            except LinkRefused as error:
                if last or error.status != HTTPStatus.NOT_FOUND:
                    raise
            await self._introduce(known)
            known = self._known
        raise AssertionError("the loop above returns or raises")

    async def _post(
        self,
        name: str,
        words: msgspec.Struct | None,
        answer: type[Answer],
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        wait_s: float = _CONFIRM_S if name.endswith("/confirm") else getattr(words, "wait_s", 0.0)
        async with self._client.post(
            f"{self._root}/{name}",
            params=params,
            data=msgspec.json.encode(words),
            headers=_JSON,
            timeout=_patience(wait_s + _ANSWER_S),
            allow_redirects=False,
        ) as response:
            body = await response.read()
        return msgspec.json.decode(_accepted(response, body), type=answer)

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]], failures: float = math.inf) -> Answer:
        """Ask until there is an answer, or the gateway has failed at it so many times.

        What waits for a gateway that fails at one thing would wait for ever, with its lease renewed.

        Raises:
            LinkRefused: it failed too often.
        """
        failed = 0
        for pause_s in _pauses():
            try:
                answer = await ask()
            except (*BROKEN, msgspec.DecodeError, _NotNow) as error:
                self._note_failure(error)
                failed += isinstance(error, _NotNow) and error.status == HTTPStatus.INTERNAL_SERVER_ERROR
                if failed >= failures:
                    raise LinkRefused(str(error), HTTPStatus.INTERNAL_SERVER_ERROR) from None
            else:
                self._note_success()
                return answer
            await asyncio.sleep(pause_s)
        raise AssertionError("the pauses never end")

    def _note_failure(self, error: Exception) -> None:
        # One failure alone is usually a kept connection that the other side has closed meanwhile.
        self._failures += 1
        if self._failures == 2:
            log.warning("gateway.away", reason=str(error) or type(error).__name__)

    def _note_success(self) -> None:
        if self._failures > 1:
            log.info("gateway.back", failures=self._failures)
        self._failures = 0


def _is_hopeless(error: Exception) -> bool:
    """Whether the gateway is there but cannot read what it shall give: such tries are counted."""
    if isinstance(error, _NotNow):
        return error.status in _BROKEN_STORE
    return isinstance(error, aiohttp.ClientPayloadError)


def _pauses() -> Iterator[float]:
    """Seconds between tries: at random, so that a fleet does not return in step, and longer each time."""
    for number in itertools.count():
        yield random.uniform(0.3, 1) * min(_FIRST_PAUSE_S * 2 ** min(number, 10), _LONGEST_PAUSE_S)  # noqa: S311


def _patience(silence_s: float) -> aiohttp.ClientTimeout:
    """How long the gateway may be silent; there is no limit to how long it may go on talking."""
    return aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=silence_s)


def _accepted(response: aiohttp.ClientResponse, body: bytes) -> bytes:
    """The body of a good answer.

    Raises:
        KeyRefused, LeaseLost, LinkRefused, _NotNow: what the others mean.
    """
    status = response.status
    if _is_good(response):
        return body
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _NotNow(status)
    message = _message(body) or f"The gateway answered {status} to {response.method}."
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise KeyRefused(f"The gateway does not accept this worker's key: {message}")
    if status == HTTPStatus.CONFLICT:
        raise LeaseLost(message)
    raise LinkRefused(message, status)


def _is_good(response: aiohttp.ClientResponse) -> bool:
    return 200 <= response.status < 300


async def _check_file(response: aiohttp.ClientResponse) -> None:
    if _is_good(response):
        return
    if response.status == HTTPStatus.NOT_FOUND:
        raise RunError("input_gone", "the uploaded file has been deleted or has expired; upload it again.")
    _accepted(response, await response.read())


def _message(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any]).get("message", ""))
    except msgspec.DecodeError:
        return ""

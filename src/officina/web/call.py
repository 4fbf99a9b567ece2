"""One HTTP call: who makes it, what it asks, and its body, read within bounds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope

from officina.errors import CallerError, InvalidInput, MalformedId, Problem, TooLarge
from officina.job import ID_PATTERN
from officina.keys import Key
from officina.keys import Scope as KeyScope
from officina.service import MIB, Gateway
from officina.wake import Listener
from officina.web import browser

LARGE_BYTES = 64 * 1024
"""Bodies above this count against the budget of bytes in flight."""
LONGEST_WAIT_S = 60.0

T = TypeVar("T")


class Call:
    """What an endpoint is handed: the request, and the gateway that serves it."""

    __slots__ = ("_query", "gateway", "params", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive, gateway: Gateway) -> None:
        self.scope = scope
        self.receive = receive
        self.gateway = gateway
        self.params: dict[str, str] = scope["path_params"]
        self._query: QueryParams | None = None

    @property
    def query(self) -> QueryParams:
        """The query string, parsed."""
        if self._query is None:
            self._query = QueryParams(self.scope["query_string"])
        return self._query

    def header(self, name: bytes) -> str:
        """A request header by its lower-case name; empty when it is not there."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value, "latin-1")
        return ""

    async def key(self, scope: KeyScope = "caller") -> Key:
        """The key that makes the call: that of its header, else that of its browser's session.

        Raises:
            BadKey, WrongScope: there is no such key, or it may not do this.
            WrongOrigin: the session came from a page that is not ours.
        """
        words = self.header(b"authorization").split(None, 1)
        if not words and (cookie := self.cookie(self.gateway.cookie_name)):
            browser.check_origin(self.scope, self.gateway.public_url)
            key = await self.gateway.keyring.visitor(cookie)
        else:
            secret = words[1].strip() if len(words) == 2 and words[0].lower() == "bearer" else ""
            key = await self.gateway.keyring.caller(secret)
        key.require(scope)
        return key

    def cookie(self, name: str) -> str:
        """A cookie of the browser; empty when it sends none of this name."""
        for pair in self.header(b"cookie").split(";"):
            found, _, value = pair.strip().partition("=")
            if found == name:
                return value
        return ""

    @property
    def request_id(self) -> str:
        """The request id in the path. Raises MalformedId."""
        given = self.params["request_id"]
        if not ID_PATTERN.fullmatch(given):
            raise MalformedId(f"The request id {given[:40]!r} is malformed; use the one that submit gave.")
        return given

    async def body(self) -> bytes:
        """The whole body. Raises TooLarge as soon as it passes max_body_mb."""
        limit = self.gateway.settings.max_body_mb * MIB
        length = self.content_length
        if length is not None and length > limit:
            raise TooLarge(
                f"The body has {length:,} bytes; at most {limit:,} are taken. Upload files instead."
            )
        taken = 0
        parts: list[bytes] = []
        try:
            size = 0
            async for chunk in self.chunks():
                parts.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise TooLarge(f"The body has more than {limit:,} bytes. Upload files instead.")
                if size > LARGE_BYTES and size > taken:
                    more = max(size, length or 0) - taken
                    self.gateway.bodies.take(more)
                    taken += more
            return parts[0] if len(parts) == 1 else b"".join(parts)
        finally:
            if taken:
                self.gateway.bodies.give_back(taken)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises CallerError when the client goes away in the middle."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise CallerError("The connection was closed before the body was complete.")
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return

    @property
    def content_length(self) -> int | None:
        """The announced length of the body, in bytes."""
        text = self.header(b"content-length")
        return int(text) if text.isdecimal() else None

    async def json(self) -> Any:
        """The body as JSON, whatever its content type. Raises InvalidInput."""
        return decode_json(await self.body())

    async def read(self, kind: type[T]) -> T:
        """The body as a message of this type. Raises InvalidInput."""
        try:
            return msgspec.json.decode(await self.body(), type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidInput(detail=[Problem(("body",), str(error), "json")]) from None

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A number in the query, bounded. Raises InvalidInput."""
        text = self.query.get(name)
        if text is None or text == "":
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            sentence = f"must be a number from {least:g} to {most:g}, got {text[:40]!r}"
            raise InvalidInput(detail=[Problem(("query", name), sentence, "range")])
        return value

    def flag(self, name: str) -> bool:
        """A yes or no in the query; `?name` alone means yes. Raises InvalidInput."""
        text = self.query.get(name)
        if text is None:
            return False
        if text.lower() in {"", "1", "true", "yes"}:
            return True
        if text.lower() in {"0", "false", "no"}:
            return False
        raise InvalidInput(
            detail=[Problem(("query", name), f"must be true or false, got {text[:40]!r}", "boolean")]
        )

    def wait_s(self) -> float:
        """How long the caller is ready to wait, from `?wait=`, at most a minute."""
        return self.number("wait", 0.0, 0.0, LONGEST_WAIT_S) if self.scope["query_string"] else 0.0

    @contextlib.asynccontextmanager
    async def listening(self, *topics: str) -> AsyncIterator[Waiter]:
        """Listen to topics while watching that the client is still there; a body must be read before."""
        with self.gateway.queue.wakes.listen(*topics, "stop") as listener:
            gone = asyncio.ensure_future(self._left())
            gone.add_done_callback(lambda _: listener.wake())
            try:
                yield Waiter(listener, gone, self.gateway)
            finally:
                gone.cancel()

    async def _left(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            """Whatever body comes is not wanted."""


class Waiter:
    """Waits for news as long as that makes sense: until a time, while the client is there and we run."""

    def __init__(self, listener: Listener, gone: asyncio.Future[Any], gateway: Gateway) -> None:
        self._listener = listener
        self._gone = gone
        self._gateway = gateway

    @property
    def pointless(self) -> bool:
        """Whether nobody would hear an answer, or the server is stopping."""
        return self._gone.done() or self._gateway.stopping

    async def until(self, probe: Callable[[], Any], timeout_s: float) -> Any:
        """Await `probe()` until it gives something true, at most `timeout_s`; what it gave last."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while True:
            found = None if self._gone.done() else await probe()
            left = end - loop.time()
            if found or left <= 0 or self.pointless:
                return found
            await self._listener.wait(min(left, 5.0))


def decode_json(body: bytes) -> Any:
    """Decode JSON. Raises InvalidInput with what is wrong and where."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        sentence = (
            f"the body is not valid JSON: {error}"
            if body.strip()
            else "the body is empty; send a JSON object"
        )
        raise InvalidInput(detail=[Problem(("body",), sentence, "json")]) from None
    except RecursionError:
        raise InvalidInput(detail=[Problem(("body",), "the body is nested too deeply", "json")]) from None

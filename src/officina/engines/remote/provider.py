"""The provider as an adapter sees it: questions that may be repeated, orders that must not be paid twice."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from officina.engines.remote.call import ANSWER_BYTES, Answer, Call
from officina.engines.remote.driver import GRACE_S, Driver
from officina.engines.remote.options import Common
from officina.engines.remote.orders import Orders
from officina.engines.remote.refusal import Judge, Refusal, nonsense
from officina.engines.remote.sse import EventReader, TooLong
from officina.engines.remote.waits import Pace, Patience
from officina.errors import RunError
from officina.run import Run

Hear = Callable[[Mapping[str, Any]], None]
"""Told each event of an answer that comes as a stream."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Manners:
    """How a protocol is spoken: what its answers mean, who we say we are, and what must never be repeated."""

    judge: Judge
    authorize: Callable[[httpx.Request], Mapping[str, str]] = lambda _: {}
    secrets: tuple[str, ...] = ()


def bearer(judge: Judge, key: str) -> Manners:
    """The manners of a provider that wants a key in the header; no key, no header."""
    if not key:
        return Manners(judge)
    headers = {"Authorization": f"Bearer {key}"}
    return Manners(judge, lambda _: headers, (key,))


class Unsent(Exception):
    """No connection came about, so the call surely did not arrive."""


class Lost(Exception):
    """The call was sent, and no answer came: what became of it is unknown."""


class Provider(Driver):
    """One run's conversation with the provider."""

    def __init__(self, run: Run, options: Common, manners: Manners) -> None:
        super().__init__(run)
        self.options = options
        self.pace = Pace(options.first_wait_s, options.longest_wait_s)
        self.tls = _tls()
        self._manners = manners
        timeout = httpx.Timeout(options.timeout_s, connect=options.connect_s, pool=None)
        self._client = httpx.AsyncClient(verify=self.tls, timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        """Use it for one run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.finish(self._client.aclose())
        super().__exit__(kind, error, trace)

    def ask(self, call: Call) -> Answer:
        """Make a call that changes nothing; it is repeated while the provider is away or busy.

        Raises:
            RunError: what the provider's refusal means, or that patience is at its end.
        """
        patience = self.patience()
        while True:
            found = self.drive(self._tried(call, _itself, None))
            if isinstance(found, Answer):
                return found
            self.bear(found.error, patience, found.asked_s)

    def order(
        self, call: Call, orders: Orders, taken: Callable[[Answer], _T], hear: Hear | None = None
    ) -> _T:
        """Order work; it is ordered again only if it surely was not taken on.

        `taken` reads the answer as soon as it is there, even when the run is being stopped.

        Raises:
            RunError: what the provider's refusal means. It asks for another attempt only where that cannot be
                paid for twice.
        """
        patience = self.patience()
        while True:
            orders.begin()
            found = self.drive(self._tried(call, taken, hear), GRACE_S)
            if not isinstance(found, Refusal):
                return found
            if not found.untouched:
                raise _perhaps_paid(found.error, repeatable=orders.repeatable)
            orders.withdraw()
            self.bear(found.error, patience, found.asked_s)

    def patience(self) -> Patience:
        """As much patience as the options grant."""
        return Patience(self.pace, self.options.patience_s)

    def bear(self, error: RunError, patience: Patience, asked_s: float = 0.0) -> None:
        """Wait before another try, or raise the error when there shall be none."""
        wait_s = patience.next_s(asked_s) if error.retry else None
        if wait_s is None:
            raise error
        self.wait(wait_s)

    def part(self, call: Call) -> None:
        """Make a last call when the run is stopped, whatever comes of it."""
        self.farewell(self._send(call, None))

    async def _tried(self, call: Call, read: Callable[[Answer], _T], hear: Hear | None) -> _T | Refusal:
        try:
            answer = await self._send(call, hear)
        except Unsent as error:
            return _away(error)
        except Lost as error:
            return _silent(error)
        refusal = self._manners.judge(answer)
        if refusal is None:
            return read(answer)
        return replace(refusal, asked_s=answer.retry_after_s())

    async def _send(self, call: Call, hear: Hear | None) -> Answer:
        request = call.request(self.options.base_url)
        request.headers.update(self._manners.authorize(request))
        try:
            response = await self._client.send(request, stream=True)
            try:
                return await self._received(response, call, hear)
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unsent from error
        except (httpx.HTTPError, OSError) as error:
            raise Lost from error

    async def _received(self, response: httpx.Response, call: Call, hear: Hear | None) -> Answer:
        kind = response.headers.get("Content-Type", "")
        if hear is not None and response.is_success and kind.startswith("text/event-stream"):
            await _listen(response, call.limit_bytes, hear)
            return Answer(response.status_code, response.headers, b"")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > call.limit_bytes:
                raise nonsense(f"more than {call.limit_bytes} bytes")
        return Answer(response.status_code, response.headers, self._discreet(bytes(body)))

    def _discreet(self, body: bytes) -> bytes:
        """Some providers repeat the key that they refuse. What is long holds pictures, and no words."""
        if len(body) <= ANSWER_BYTES:
            for secret in self._manners.secrets:
                body = body.replace(secret.encode(), b"***")
        return body


@functools.cache
def _tls() -> ssl.SSLContext:
    """Read the list of authorities once in a process: it takes longer than many an answer."""
    return httpx.create_ssl_context(trust_env=False)


async def _listen(response: httpx.Response, limit_bytes: int, hear: Hear) -> None:
    reader = EventReader(limit_bytes)
    try:
        async for chunk in response.aiter_bytes():
            for text in reader.feed(chunk):
                if text.strip() != "[DONE]":
                    hear(_event(text))
    except TooLong:
        raise nonsense(f"an event of more than {limit_bytes} bytes") from None


def _event(text: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _itself(answer: Answer) -> Answer:
    return answer


def _away(error: Unsent) -> Refusal:
    if _caused_by(error, ssl.SSLCertVerificationError):
        message = "The provider's certificate is not valid; the operator must look into it."
        return Refusal(RunError("provider_unreachable", message, retry=False), untouched=True)
    message = "The provider could not be reached; try again later."
    return Refusal(RunError("provider_unreachable", message), untouched=True)


def _silent(error: Lost) -> Refusal:
    if isinstance(error.__cause__, httpx.TimeoutException):
        return Refusal(RunError("provider_unreachable", "The provider did not answer in time."))
    return Refusal(RunError("provider_unreachable", "The provider broke the connection off."))


def _perhaps_paid(error: RunError, *, repeatable: bool) -> RunError:
    """Whether the work was begun is unknown, so it is ordered again only where that costs nothing."""
    if not error.retry or repeatable:
        return error
    message = f"{error.message} The run is not ordered again, since it may be paid for already."
    return RunError(error.type, message, retry=False)


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None

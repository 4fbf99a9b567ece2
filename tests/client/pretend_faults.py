"""The ways in which the pretend server fails."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from asgi_host import Transports, abort, departure


@dataclass(frozen=True)
class Refuse:
    """Answer with this status instead of doing the work."""

    status: int
    code: int | None = None
    retry_after: str | None = None
    location: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        given = {"Retry-After": self.retry_after, "Location": self.location}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Drop:
    """Break the connection instead of answering; with `late`, only after the work was done."""

    late: bool = False


@dataclass(frozen=True)
class Cut:
    """Break the connection after so many events, or bytes of a file; with `clean`, end the answer instead."""

    after: int
    clean: bool = False


@dataclass(frozen=True)
class Silence:
    """Send the headers of an answer and then nothing more."""


Fault = Refuse | Drop | Cut | Silence


@dataclass
class Job:
    """A request, and its history so far."""

    id: str
    model: str
    input: Any
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: str = "in_queue"
    extra: dict[str, Any] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def has_ended(self) -> bool:
        return self.status in {"succeeded", "failed", "cancelled"}


class Partial(Response):
    """A file that breaks off."""

    def __init__(self, body: bytes, cut: Cut, transports: Transports):
        super().__init__(body)
        self._cut = cut
        self._transports = transports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: self._cut.after], "more_body": True})
        await abort(self._transports, scope, receive)


class EventStream(Response):
    """A job's events from a place on, in pieces that end anywhere, with keep-alives in between."""

    def __init__(self, job: Job, last: int, fault: Fault | None, transports: Transports):
        super().__init__()
        self._job = job
        self._last = last
        self._fault = fault
        self._transports = transports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(departure(receive))
        telling = asyncio.ensure_future(self._tell(send))
        await asyncio.wait({gone, telling}, return_when=asyncio.FIRST_COMPLETED)
        telling.cancel()
        if isinstance(self._fault, Cut) and not self._fault.clean:
            self._transports[scope["client"]].abort()
            await gone
        gone.cancel()
        await asyncio.gather(telling, gone, return_exceptions=True)
        await send({"type": "http.response.body", "body": b""})

    async def _tell(self, send: Send) -> None:
        if isinstance(self._fault, Silence):
            await asyncio.Event().wait()
        left = self._fault.after if isinstance(self._fault, Cut) else 1_000
        await _body(send, b": welcome\n\n")
        while left > 0:
            changed = self._job.changed
            for n, (kind, data) in list(enumerate(self._job.events, 1))[self._last :][:left]:
                await _in_pieces(send, f"id: {n}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode())
                self._last, left = n, left - 1
            if left <= 0 or (self._job.has_ended and self._last == len(self._job.events)):
                return
            await self._keep_alive(send, changed)

    async def _keep_alive(self, send: Send, changed: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(changed.wait(), 0.05)
        except TimeoutError:
            await _body(send, b": keep-alive\n\n")


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _in_pieces(send: Send, data: bytes) -> None:
    for start in range(0, len(data), 7):
        await _body(send, data[start : start + 7])
        await asyncio.sleep(0)


async def _body(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})

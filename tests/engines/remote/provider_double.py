"""What the doubles of all providers share: they note every call, fail when told to, and serve results."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from asgi_host import Aborted, Host, abort, departure
from pictures import saved

Endpoint = Callable[[Request], Awaitable[Response]]

KEY = "key-0123456789-of-the-operator"
PICTURE = saved("PNG")


@dataclass(frozen=True)
class Say:
    """Answer with this instead of doing the work."""

    status: int
    facts: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Drop:
    """Break the connection instead of answering; with `late`, only after the work was done."""

    late: bool = False


@dataclass(frozen=True)
class Silence:
    """Do the work, and never answer."""


@dataclass(frozen=True)
class Cut:
    """Break the connection after so many bytes of the body."""

    after: int


Fault = Say | Drop | Silence | Cut


@dataclass(frozen=True)
class Seen:
    """One call that arrived."""

    route: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def facts(self) -> Any:
        return json.loads(self.body)


class Double:
    """A provider behind a host; subclasses add what it speaks."""

    def __init__(self, host: Host) -> None:
        self.url = host.url
        self.calls: list[Seen] = []
        self.results: dict[str, bytes] = {"a.png": PICTURE, "b.jpg": saved("JPEG"), "c.mp4": MP4}
        self.left: list[str] = []
        """Routes whose caller hung up while they were silent."""
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._transports = host.transports
        host.app = Starlette(routes=[self.route("GET", "/made/{name}", "made", self._made), *self.routes()])

    def routes(self) -> list[Route]:
        raise NotImplementedError

    def made(self, *names: str) -> list[str]:
        """The URLs of results."""
        return [f"{self.url}/made/{name}" for name in names]

    def fail(self, route: str, *faults: Fault) -> None:
        """Let the next calls of a route fail, each in its way."""
        self._faults[route].extend(faults)

    def seen(self, route: str) -> list[Seen]:
        """The calls of a route."""
        return [call for call in self.calls if call.route == route]

    def route(self, method: str, path: str, name: str, endpoint: Endpoint) -> Route:
        async def recorded(request: Request) -> Response:
            body = await request.body()
            asked = dict(request.query_params)
            self.calls.append(Seen(name, request.url.path, asked, dict(request.headers), body))
            faults = self._faults[name]
            return await self._answered(name, request, endpoint, faults.popleft() if faults else None)

        return Route(path, recorded, methods=[method])

    async def _answered(
        self, name: str, request: Request, endpoint: Endpoint, fault: Fault | None
    ) -> Response:
        match fault:
            case Say(status, None, headers, body):
                return Response(body, status, headers)
            case Say(status, facts, headers):
                return JSONResponse(facts, status, headers)
            case Drop(late=False):
                return Aborted(self._transports)
        answer = await endpoint(request)
        match fault:
            case Drop():
                return Aborted(self._transports)
            case Silence():
                return Silent(name, self.left)
            case Cut(after):
                return Partial(answer, after, self._transports)
        return answer

    async def _made(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name.startswith("moved-"):
            return RedirectResponse(f"{self.url}/made/{name.removeprefix('moved-')}")
        body = self.results.get(name)
        return Response(body, media_type="application/octet-stream") if body else Response(b"", 404)


class Silent(Response):
    """Never answers."""

    def __init__(self, name: str, left: list[str]):
        super().__init__()
        self._name = name
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await departure(receive)
        self._left.append(self._name)


class Partial(Response):
    """An answer that breaks off; the lengths of streams are not known before."""

    def __init__(self, whole: Response, after: int, transports: Any):
        super().__init__()
        self._whole = whole
        self._after = after
        self._transports = transports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = 0

        async def some(message: Any) -> None:
            nonlocal sent
            if message["type"] == "http.response.body":
                body = message.get("body", b"")[: self._after - sent]
                sent += len(body)
                message = {**message, "body": body, "more_body": True}
            await send(message)

        await self._whole(scope, receive, some)
        await asyncio.sleep(0)
        await abort(self._transports, scope, receive)


MP4 = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(64)

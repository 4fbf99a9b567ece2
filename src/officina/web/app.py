"""The list of routes, and the edge around them where every error takes its one shape."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from officina.errors import MethodNotAllowed, OfficinaError, ServerError, UnknownRoute
from officina.service import Gateway
from officina.web import (
    files,
    health,
    keys,
    library,
    models,
    operate,
    probe,
    render,
    requests,
    straight,
    usage,
    worker_link,
)
from officina.web.call import Call
from officina.web.guard import Guard
from officina.web.reference import Reference
from officina.web.site.site import Site

log = structlog.get_logger("officina.web")

Endpoint = Callable[[Call], Awaitable[ASGIApp]]


class Methods:
    """What a path does, by HTTP method; bare ASGI, so that the hot routes carry no framework."""

    def __init__(self, gateway: Gateway, **endpoints: Endpoint) -> None:
        self._gateway = gateway
        self._endpoints = endpoints

    @property
    def allowed(self) -> str:
        """The methods, as the Allow header names them."""
        names = [*self._endpoints, *(["HEAD"] if "GET" in self._endpoints else [])]
        return ", ".join(sorted(names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        endpoint = self._endpoints.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            sentence = f"{scope['path']} does not take {method}; it takes {self.allowed}."
            await render.error(MethodNotAllowed(sentence), {"Allow": self.allowed})(scope, receive, send)
            return
        answer = await endpoint(Call(scope, receive, self._gateway))
        await answer(scope, receive, send)


def routes(gateway: Gateway, site: Site | None = None) -> list[BaseRoute]:
    """Every route, the busiest first; fixed words stand before the path that would catch them."""
    site = site or Site(gateway)

    def at(path: str, **endpoints: Endpoint) -> Route:
        return Route(path, Methods(gateway, **endpoints))

    reference = Reference(gateway, site)
    return [
        at("/v1/requests/{request_id}/status", GET=requests.status),
        at("/v1/requests/{request_id}/result", GET=requests.result),
        at("/v1/requests/{request_id}/cancel", POST=requests.cancel),
        at("/v1/requests/{request_id}/events", GET=requests.events),
        at("/v1/models/categories", GET=models.categories),
        at("/v1/models/{model_id:path}/openapi.json", GET=reference.model_openapi),
        at("/v1/models/{model_id:path}", GET=models.show, POST=models.submit),
        at("/worker/v1/claim", POST=worker_link.claim),
        at("/worker/v1/renew", POST=worker_link.renew),
        at("/worker/v1/finish", POST=worker_link.finish),
        at("/worker/v1/jobs/{job_id}/outputs/{n:int}", PUT=worker_link.put_output),
        at("/v1/requests/{request_id}/share", POST=library.share, DELETE=library.unshare),
        at("/v1/requests/{request_id}", GET=library.record, DELETE=requests.delete),
        at("/v1/requests", GET=library.listing),
        at("/v1/shares/{token}", GET=library.shared),
        at("/v1/models", GET=models.search),
        at("/v1/files", POST=files.upload),
        at("/v1/files/probe", POST=probe.probe),
        at("/files/{name}", GET=files.download),
        at("/v1/keys", GET=keys.listing, POST=keys.create),
        at("/v1/keys/me", GET=keys.own),
        at("/v1/keys/{key_id}", GET=keys.show, PATCH=keys.change, DELETE=keys.revoke),
        at("/v1/usage", GET=usage.usage),
        at("/v1/queue", GET=operate.queue),
        at("/v1/workers/{worker_id}/drain", POST=operate.drain),
        at("/v1/workers", GET=operate.workers),
        at("/v1/storage", GET=operate.storage),
        at("/v1/backup", POST=keys.backup),
        at("/worker/v1/register", POST=worker_link.register),
        at("/worker/v1/hand_back", POST=worker_link.hand_back),
        at("/worker/v1/jobs/{job_id}/outputs/{n:int}/grant", POST=straight.grant_output),
        at("/worker/v1/jobs/{job_id}/outputs/{n:int}/confirm", POST=straight.confirm_output),
        at("/worker/v1/files/{name}/grant", POST=straight.grant_file),
        at("/worker/v1/files/{name}", GET=worker_link.get_file),
        at("/healthz", GET=health.alive),
        at("/readyz", GET=health.ready),
        at("/metrics", GET=health.metrics),
        at("/openapi.json", GET=reference.openapi),
        at("/docs", GET=reference.docs),
        at("/docs/reference.css", GET=reference.style),
        at("/llms.txt", GET=reference.llms),
        at("/s/{token}", GET=site.shared),
        at("/{locale}/models/{model_id:path}/api.md", GET=reference.model_markdown),
        *site.routes(at),
    ]


def metrics_routes(gateway: Gateway) -> list[BaseRoute]:
    """What `metrics_listen` serves: the figures, without a key."""
    return [
        Route("/metrics", Methods(gateway, GET=health.figures)),
        Route("/healthz", Methods(gateway, GET=health.alive)),
    ]


class Edge:
    """The whole application: the guard, the routes, the errors, the counting."""

    def __init__(self, gateway: Gateway, paths: list[BaseRoute], site: Site | None = None) -> None:
        self._gateway = gateway
        self._site = site
        self._guard = Guard(gateway.settings, gateway.public_url)
        self._router = Router(paths, redirect_slashes=False, default=_unknown)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0
        extra = self._guard.headers(scope)
        if self._gateway.leaving:  # a call on a kept connection could cross its end
            extra = [*extra, (b"connection", b"close")]

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if extra:
                    message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        try:
            self._guard.check(scope)
            if self._guard.is_preflight(scope):
                await self._guard.preflight(scope, receive, noted)
            else:
                await self._router(scope, receive, noted)
        except OfficinaError as problem:
            await self._fail(problem, scope, receive, noted, begun=status != 0)
        except Exception:
            log.exception("unexpected", path=scope["path"], method=scope["method"])
            sentence = "The server failed unexpectedly; the operator finds the reason in its log."
            await self._fail(ServerError(sentence), scope, receive, noted, begun=status != 0)
        route: Any = scope.get("route")
        name = route.path if route is not None else "unknown"
        self._gateway.metrics.answered(name, scope["method"], status, time.perf_counter() - begun)

    async def _fail(
        self, problem: OfficinaError, scope: Scope, receive: Receive, send: Send, *, begun: bool
    ) -> None:
        if problem.http >= 500:
            log.warning("failed", path=scope["path"], method=scope["method"], error=type(problem).__name__)
        if begun:
            raise problem
        page = self._site.error(problem, scope) if self._site else None
        await (page or render.error(problem))(scope, receive, send)


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    if scope["type"] == "http":
        sentence = f"There is nothing at {scope['path'][:200]}; the reference lists every route."
        raise UnknownRoute(sentence)


def build(gateway: Gateway) -> Edge:
    """The application of a gateway."""
    site = Site(gateway)
    return Edge(gateway, routes(gateway, site), site)

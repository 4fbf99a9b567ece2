"""The same tests for both clients: a pretend server, and the async client made to look blocking."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pretend_server import PretendServer

from asgi_host import Host
from officina_client import AsyncClient, AsyncRequestHandle, Client, Retry

QUICK = Retry(attempts=4, first_delay_s=0.01, max_delay_s=1.0)

Connect = Callable[..., Any]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OFFICINA_URL", "OFFICINA_KEY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def _hosts() -> Iterator[tuple[Host, Host]]:
    with Host() as here, Host() as there:
        yield here, there


@pytest.fixture
def server(_hosts: tuple[Host, Host]) -> PretendServer:
    return PretendServer(_hosts[0])


@pytest.fixture
def elsewhere(_hosts: tuple[Host, Host]) -> PretendServer:
    """Another server, on another port: a foreign host to the client."""
    return PretendServer(_hosts[1])


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Make clients of one kind; they are closed at the end."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner()) if request.param == "async" else None

        def make(*args: Any, **options: Any) -> Any:
            options.setdefault("retry", QUICK)
            made = (
                Client(*args, **options)
                if runner is None
                else Blocking(AsyncClient(*args, **options), runner)
            )
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def client(connect: Connect, server: PretendServer) -> Any:
    return connect(server.url, "k-123")


class Blocking:
    """An async client whose methods block, so that one test serves both kinds."""

    def __init__(self, target: Any, runner: asyncio.Runner):
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        return (lambda *args, **options: self._settle(found(*args, **options))) if callable(found) else found

    def _settle(self, value: Any) -> Any:
        if inspect.isasyncgen(value):
            return self._steps(value)
        if inspect.iscoroutine(value):
            value = self._runner.run(value)
        return Blocking(value, self._runner) if isinstance(value, AsyncRequestHandle) else value

    def _steps(self, found: Any) -> Iterator[Any]:
        async def step() -> Any:
            return await anext(found, found)

        try:
            while (item := self._runner.run(step())) is not found:
                yield item
        finally:
            self._runner.run(found.aclose())

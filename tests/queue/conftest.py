"""Fixtures for the tests of the queue, and the way its `async def` tests are run."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from queue_implementations import IMPLEMENTATIONS, OpenQueue
from queue_scene import TERMS, Clock

from officina.queue.protocol import Queue, Terms
from postgres_server import databases


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test on the loop that its fixtures were made on."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    pyfuncitem.funcargs["runner"].run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(autouse=True)
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of one test."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def clock() -> Clock:
    """The time that the queue goes by."""
    return Clock()


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def implementation(request: pytest.FixtureRequest) -> str:
    """Each implementation in turn."""
    return str(request.param)


@pytest.fixture
def open_queue(
    implementation: str, tmp_path: Path, clock: Clock, runner: asyncio.Runner
) -> Iterator[OpenQueue]:
    """Opens the queue of this test; again, when called again. All are closed at the end."""
    opened: list[Queue] = []
    if implementation == "postgres":
        runner.run(databases().of(tmp_path))

    async def open_it(terms: Terms = TERMS) -> Queue:
        opened.append(await IMPLEMENTATIONS[implementation](tmp_path, terms, clock))
        return opened[-1]

    yield open_it
    for queue in reversed(opened):
        runner.run(queue.close())
    if implementation == "postgres":
        databases().give_back(tmp_path)


@pytest.fixture
def queue(open_queue: OpenQueue, runner: asyncio.Runner) -> Queue:
    """An open, empty queue with the usual terms."""

    async def opened() -> Queue:
        return await open_queue()

    return runner.run(opened())

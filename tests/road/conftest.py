"""The servers that the tests of the road share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from road_server import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with one worker for all tests that leave it as they found it."""
    data = tmp_path_factory.mktemp("road") / "data"
    with serving(data, "--fetch-http", "--fetch-hosts", "127.0.0.1/32", "--fetch-timeout-s", "3") as running:
        yield running


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server without a worker: what is submitted waits."""
    data = tmp_path_factory.mktemp("idle") / "data"
    with serving(data, workers=0) as running:
        yield running

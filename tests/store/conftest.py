"""The stores that the tests share: a folder, and a bucket on a real S3 server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from officina.settings import Settings
from officina.store import Store, open_store, place_of
from s3_server import BUCKET, ENVIRONMENT, S3Server, s3_serving


@pytest.fixture(autouse=True, scope="session")
def credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that tests leave as they found it."""
    with s3_serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def mortal_s3(tmp_path: Path) -> Iterator[S3Server]:
    """An S3 server that may be killed."""
    with s3_serving(tmp_path) as server:
        yield server


Stores = Callable[[], Store]


@pytest.fixture(params=["folder", "s3"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Opens the same store, as often as wanted: a folder, or a prefix of a bucket that is the test's own."""
    if request.param == "folder":
        settings = Settings(data=tmp_path)
    else:
        server: S3Server = request.getfixturevalue("s3")
        settings = Settings(store=f"s3://{BUCKET}/{tmp_path.name}", store_endpoint=server.url)
    return lambda: open_store(place_of(settings))


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])

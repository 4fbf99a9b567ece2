"""The drivers: what a limit in time means on a real connection, and who learns of a problem."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pretend_server import MODEL, PretendServer

from officina_client import Client, ConnectionProblem
from officina_client.drive import AsyncDriver, SyncDriver
from officina_client.effects import Call, Flow, Send, open_body, read, send

Run = Callable[[Flow[Any]], Any]
ENOUGH = 2_000


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Drive a flow to its end."""
    if request.param == "sync":
        with httpx.Client() as http:
            yield SyncDriver(http).run
        return
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient()
        yield lambda flow: runner.run(AsyncDriver(client).run(flow))
        runner.run(client.aclose())


def test_a_body_is_cut_off_at_its_limit_though_bytes_keep_coming(run: Run, server: PretendServer) -> None:
    server.ending = None
    with Client(server.url) as client:
        request_id = client.submit(MODEL, {"prompt": "a boat"}).request_id

    def listen() -> Flow[str]:
        yield from open_body(Call("GET", f"{server.url}/v1/requests/{request_id}/events"), limit_s=0.3)
        for _ in range(ENOUGH):
            try:
                yield from read()
            except ConnectionProblem:
                return "cut off"
        return "never cut off"

    assert run(listen()) == "cut off"


def test_a_body_that_is_left_open_is_closed_with_its_flow(run: Run, server: PretendServer) -> None:
    server.files["a.png"] = b"x" * 5_000_000

    def begin() -> Flow[int]:
        answer = yield from open_body(Call("GET", f"{server.url}/files/a.png"))
        yield from read()
        return answer.status

    for _ in range(3):
        assert run(begin()) == 200


def test_opening_a_second_body_closes_the_first(run: Run, server: PretendServer) -> None:
    server.files |= {"a.png": b"a" * 5_000_000, "b.png": b"b"}

    def both() -> Flow[bytes]:
        yield from open_body(Call("GET", f"{server.url}/files/a.png"))
        yield from open_body(Call("GET", f"{server.url}/files/b.png"))
        return (yield from read())

    assert run(both()) == b"b"


def test_a_problem_is_raised_inside_the_flow(run: Run) -> None:
    def careful() -> Flow[bool]:
        try:
            yield Send(Call("GET", "http://127.0.0.1:1/"))
        except ConnectionProblem as problem:
            return problem.sent
        return True

    assert run(careful()) is False


def test_the_key_is_not_in_the_text_of_a_call_or_an_error(run: Run) -> None:
    call = Call("GET", "http://127.0.0.1:1/", {"Authorization": "Bearer k-123"}, b"k-123")

    with pytest.raises(ConnectionProblem) as caught:
        run(send(call))

    assert "k-123" not in repr(call)
    assert "k-123" not in str(caught.value)

"""The client on a running server: the library of one's runs, the usage, the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from road_server import ECHO, Server

from officina_client import AsyncClient, Client, Conflict, NotFound


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, server.key) as made:
        yield made


def test_a_record_brings_the_input_back_and_its_run_can_be_repeated(client: Client) -> None:
    handle = client.submit(ECHO, {"prompt": "copy a boat"})
    result = handle.wait()

    record = handle.record()
    again = client.run(str(record.model_id), record.input)

    assert (record.request_id, record.status, record.engine) == (
        handle.request_id,
        "succeeded",
        result.engine,
    )
    assert record.images == result.images
    assert (record.attempts, record.share_url, record.error) == (1, None, None)
    assert record.created_at and record.started_at and record.finished_at and record.expires_at
    assert record.created_at <= record.started_at <= record.finished_at < record.expires_at
    assert again.status == "succeeded"
    with pytest.raises(NotFound):
        client.record("none")


def test_a_result_is_shared_and_taken_back(client: Client) -> None:
    handle = client.submit(ECHO, {"prompt": "copy"})
    handle.wait()

    share = handle.share()

    assert client.share(handle.request_id) == share
    assert handle.record().share_url == share.url
    assert httpx.get(share.url).headers["content-type"].startswith("text/html")
    assert httpx.get(str(share.result_url)).json()["model_id"] == ECHO
    handle.unshare()
    client.unshare(handle.request_id)
    assert httpx.get(share.url).status_code == 404


def test_what_failed_cannot_be_shared(client: Client) -> None:
    handle = client.submit(ECHO, {"prompt": "refuse"})
    handle.result(wait_s=30)

    with pytest.raises(Conflict) as raised:
        handle.share()
    assert raised.value.request_id == handle.request_id
    assert handle.record().error is not None


def test_prompts_are_searched(client: Client) -> None:
    wanted = client.submit(ECHO, {"prompt": "copy the LIGHTHOUSE"})

    assert [one.request_id for one in client.requests(search="lighthouse")] == [wanted.request_id]


def test_the_usage_and_the_workers_are_told(client: Client) -> None:
    client.run(ECHO, {"prompt": "copy"})

    by_model = {row.model_id: row for row in client.usage(group=["model"])}
    (worker,) = client.workers()

    assert by_model[ECHO].succeeded >= 1 and by_model[ECHO].day is None
    assert client.usage(since="2020-01-01", until="2020-01-02") == ()
    assert worker.is_heard and worker.slots == 1
    assert "road_engines:Echo" in worker.engines


def test_the_async_client_says_the_same(server: Server) -> None:
    async def told() -> None:
        async with AsyncClient(server.url, server.key) as client:
            handle = await client.submit(ECHO, {"prompt": "copy"})
            await handle.wait()
            share = await handle.share()
            assert (await handle.record()).share_url == share.url
            await handle.unshare()
            assert await client.usage(group=[])
            assert len(await client.workers()) == 1

    asyncio.run(told())

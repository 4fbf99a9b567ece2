"""What a worker does when the other side of a connection is silent: it gives up, and nothing waits for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from worker_scene import working

from officina.worker.straight import sending


async def test_a_file_that_the_other_side_takes_no_more_of_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(32 * 2**20))
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    with path.open("rb") as file, pytest.raises(TimeoutError):
        async with aiohttp.ClientSession() as http, sending(file, 0.5) as pieces:
            await http.put(url, data=pieces)

    assert len(taken) == 1, "it was taken up, and then not taken on"
    server.close()
    taken[0].transport.abort()


async def test_news_that_the_gateway_fails_at_again_and_again_do_not_hold_up_the_end_of_runs(
    tmp_path: Path,
) -> None:
    async with working(tmp_path) as scene:
        scene.gateway.failing["renew"] = [500] * 10_000
        results = [await scene.gateway.result(scene.gateway.submit("slow", {"seconds": 0.1})) for _ in "ab"]
    assert [each.kind for each in results] == ["succeeded", "succeeded"]

"""A rolling restart of two gateways behind a load balancer, under load: no call fails, and nothing is dropped."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from balancer import Balancer
from callers import Told
from count import count, table
from stage import Stage, listening, port_of, staged

import chaos


def test_a_rolling_restart_under_load_fails_no_call_and_drops_nothing(tmp_path: Path) -> None:
    asyncio.run(rolling_restart(tmp_path))


async def rolling_restart(folder: Path) -> None:
    told, over, dice = Told(), asyncio.Event(), random.Random()
    async with staged("postgresql", folder) as stage:
        balancer = Balancer([port_of(url) for url in stage.urls])
        await balancer.open()
        async with asyncio.TaskGroup() as tasks:
            async for each in chaos.callers(stage, told, dice, over, [balancer.url]):
                tasks.create_task(each.call())
            await restart_each(stage, told)
            over.set()
        report = await count(stage, told, chaos.line(stage, told, dice))
        balancer.close()
    words = "\n".join([table([report]), *told.unanswered, *report.words])
    assert report.kept and not told.unanswered, words
    assert report.outcomes["succeeded"] > 0


async def restart_each(stage: Stage, told: Told) -> None:
    """Restart one gateway after the other, each while requests come in and end."""
    for gateway, url in zip(stage.gateways, stage.urls, strict=True):
        await more(told)
        assert await gateway.stop() == 0, stage.logged()
        await more(told)
        gateway.keep()
        await listening(url)


async def more(told: Told, count: int = 10) -> None:
    """Wait until so many more requests were taken, and some have ended."""
    before = len(told.asked)
    async with asyncio.timeout(60):
        while len(told.asked) < before + count:
            await asyncio.sleep(0.02)

"""What is left of jobs when every process of their server is killed at once, and the server started again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import msgspec

from benchmarks.peer_load import Caller, JobFailed, Road, connect, get
from benchmarks.peer_servers import Peer, Up, up

JOBS = 10
JOB_S = 0.5
KILL_AFTER_S = 0.25
KEPT_S = 90.0
"""How long results may take after the second start: a lost worker's job waits for its lease to end."""
PAUSE_S = 0.2


class Kept(msgspec.Struct, frozen=True):
    """Of the jobs that a server took: answered before it was killed, and to be had after its next start."""

    taken: int
    before: int
    after: int


def trial(peer: Peer, scratch: Path) -> Kept:
    """Submit, kill, start again as before, ask."""
    with up(peer, scratch) as (found, road):
        port = found.port
        slow = msgspec.structs.replace(peer.road(JOB_S), key=found.key)
        if not road.id:
            return Kept(JOBS, asyncio.run(_answered(found, slow)), 0)
        names = asyncio.run(_taken(found, slow))
        found.kill()
    with up(peer, scratch, port) as (found, road):
        return Kept(len(names), 0, asyncio.run(_left(found, road, names)))


async def _answered(found: Up, road: Road) -> int:
    """How many of some jobs at once are answered when the server is killed; there is no asking later."""
    callers = [Caller(await connect(found.port), road) for _ in range(JOBS)]
    jobs = [asyncio.create_task(each.job()) for each in callers]
    await asyncio.sleep(KILL_AFTER_S)
    found.kill()
    done, open_ = await asyncio.wait(jobs, timeout=PAUSE_S)
    for each in open_:
        each.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    return sum(each.exception() is None for each in done if not each.cancelled())


async def _taken(found: Up, road: Road) -> list[str]:
    """The ids of some jobs, most of them not begun."""
    caller = Caller(await connect(found.port), road)
    names = [str(msgspec.json.decode(await caller.accepted())[road.id]) for _ in range(JOBS)]
    await asyncio.sleep(KILL_AFTER_S)
    return names


async def _left(found: Up, road: Road, names: list[str]) -> int:
    """How many results can be had."""
    end = time.monotonic() + KEPT_S
    return sum([await _has_result(found, road, name, end) for name in names])


async def _has_result(found: Up, road: Road, name: str, end: float) -> bool:
    request = get(road, road.result, name)
    while time.monotonic() < end:
        with contextlib.suppress(OSError, JobFailed):
            status, _ = await (await connect(found.port)).call(request)
            if status in {200, 404}:
                return status == 200
        await asyncio.sleep(PAUSE_S)
    return False

"""A process that works on a queue as fast as it can and prints what was acknowledged, until it is killed."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from queue_implementations import IMPLEMENTATIONS
from queue_scene import DONE, TERMS, claim, ref, submit

from officina.queue.protocol import Queue


async def _submit(queue: Queue) -> None:
    while True:
        print("submitted", await submit(queue), flush=True)


async def _finish(queue: Queue) -> None:
    while True:
        for lease in await claim(queue):
            job = await queue.finish(ref(lease), DONE)
            print("finished", job.id, flush=True)


async def main(implementation: str, folder: str) -> None:
    """Submit in three tasks and finish in another one."""
    queue = await IMPLEMENTATIONS[implementation](Path(folder), TERMS, time.time)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(_submit(queue))
        tasks.create_task(_finish(queue))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))

"""Loads on one queue, in a process of its own: orders come as lines of JSON on stdin, answers go to stdout.

The standard library alone: the libraries that we compare with run this in their own environment.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

KEYS = 1000
PAYLOAD = json.dumps(
    {
        "image_urls": [f"https://storage.example.org/tools/7002/usecase-{n}-input.jpg" for n in range(6)],
        "prompt": "A beautiful girl is sitting on the boat",
        "scale": 0.5,
    }
).encode()
"""What every job carries: half a kilobyte of JSON."""
REST_S = 0.05
"""Between two jobs for a worker that waits, so that it has finished the last one and waits again."""


Load = Callable[..., Awaitable[dict[str, float]]]
"""What an order runs: takes the subject and the order's words, gives the answer."""
_NONE: Mapping[str, Load] = {}


class Subject(Protocol):
    """A queue under load, with a task that does nothing."""

    async def submit(self, n: int) -> object:
        """Store the n-th job; it is on disk when this returns."""
        ...

    async def work(self, jobs: int, workers: int, batch: int) -> None:
        """Work off so many jobs that wait: claim up to `batch` for each of so many workers, finish each."""
        ...

    async def read(self) -> object:
        """Look up the state of a job that was stored before."""
        ...

    async def starts(self, count: int) -> Sequence[float]:
        """Seconds from before a submit to the start at a worker that waited, for one job after the other."""
        ...


S = TypeVar("S", bound=Subject)


def key_of(n: int) -> str:
    """Half of all jobs belong to one key, the rest to many: the worst case for fair shares."""
    return "key-0" if n % 2 else f"key-{n // 2 % KEYS}"


async def speak(opened: AbstractAsyncContextManager[S], further: Mapping[str, Load] = _NONE) -> None:
    """Follow orders until there are no more; `further` names loads of this subject alone."""
    loads = {**_LOADS, **further}
    async with opened as subject:
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            answer = await loads[order.pop("do")](subject, **order)
            print(json.dumps(answer), flush=True)


async def _submit(subject: Subject, connections: int, seconds: float) -> dict[str, float]:
    return await _repeated(subject.submit, connections, seconds)


async def _read(subject: Subject, connections: int, seconds: float) -> dict[str, float]:
    await subject.submit(0)
    return await _repeated(lambda _: subject.read(), connections, seconds)


async def _work(subject: Subject, jobs: int, workers: int, batch: int) -> dict[str, float]:
    began = time.perf_counter()
    await subject.work(jobs, workers, batch)
    return {"rate": jobs / (time.perf_counter() - began), "done": jobs}


async def _fill(subject: Subject, jobs: int) -> dict[str, float]:
    await fill(subject.submit, jobs)
    return {}


async def _starts(subject: Subject, count: int) -> dict[str, float]:
    return shares(await subject.starts(count))


async def fill(submit: Callable[[int], Awaitable[object]], jobs: int) -> None:
    """Submit so many jobs."""
    numbers = iter(range(jobs))

    async def one() -> None:
        for n in numbers:
            await submit(n)

    await asyncio.gather(*(one() for _ in range(256)))


async def _repeated(
    operation: Callable[[int], Awaitable[object]], connections: int, seconds: float
) -> dict[str, float]:
    """What so many callers get done, each one call after the other."""
    took: list[float] = []
    began = time.perf_counter()
    end = began + seconds

    async def caller() -> None:
        while (sent := time.perf_counter()) < end:
            await operation(len(took))
            took.append(time.perf_counter() - sent)

    await asyncio.gather(*(caller() for _ in range(connections)))
    return {"rate": len(took) / (time.perf_counter() - began), "done": len(took), **shares(took)}


def shares(took: Sequence[float]) -> dict[str, float]:
    """The median, and what one in a hundred exceeds."""
    ordered = sorted(took)
    return {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * share))]
        for name, share in (("p50_s", 0.5), ("p99_s", 0.99))
    }


_LOADS: dict[str, Load] = {"submit": _submit, "read": _read, "fill": _fill, "work": _work, "starts": _starts}

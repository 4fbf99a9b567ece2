"""A worker as a child process: it ends with its holder, drains at SIGTERM, and is killed past its grace."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog

log = structlog.get_logger("officina.worker_process")

BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 30.0
"""A worker that ran so long starts again with the shortest wait."""
GRACE_S = 5.0
"""How much longer than its drain time a worker may take to end, before it is killed."""


@contextlib.asynccontextmanager
async def held(words: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """Start a worker; it ends when the other end of the pipe that it holds is closed, by whatever cause."""
    reading, tether = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "officina.worker", *words, "--parent-pipe", str(reading)),
            env=environment,
            pass_fds=(reading,),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except BaseException:
        os.close(tether)
        raise
    finally:
        os.close(reading)
    try:
        yield process
    finally:
        os.close(tether)


async def ended_or(process: Process, draining: asyncio.Event) -> None:
    """Wait until the worker has ended, or shall drain."""
    waits = [asyncio.ensure_future(process.wait()), asyncio.ensure_future(draining.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def drain(process: Process, drain_s: float) -> None:
    """Let the worker end by itself; past its drain time and the grace it is killed."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), drain_s + GRACE_S)
    except TimeoutError:
        log.warning("worker_killed", reason="it did not end in its drain time")
        process.kill()
        await process.wait()


async def pause(draining: asyncio.Event, pause_s: float) -> None:
    """Wait before another start, unless there shall be none."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(draining.wait(), pause_s)


def backoff_s(failures: int) -> float:
    """Seconds to wait after so many ends in a row, each soon after its start."""
    return BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]

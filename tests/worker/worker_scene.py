"""What the worker's tests stand on: a double of the gateway, and real workers inside this process or beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from gateway_double import KEY, PATIENCE_S, GatewayDouble

from officina.model import MediaField
from officina.worker.serve import WorkerOptions, serve_worker

HERE = Path(__file__).parent
ENGINES = tuple(f"engines.{path.stem}:Engine" for path in (HERE / "engines").glob("[!_]*.py"))
PICTURES = (MediaField("pictures", "image", many=True),)


@dataclass
class Scene:
    """A gateway, and the worker that serves it; `code` is its exit code once it has been stopped."""

    gateway: GatewayDouble
    options: WorkerOptions
    stop: asyncio.Event
    hurry: asyncio.Event
    task: asyncio.Task[int] | None = None

    def begin(self) -> None:
        self.task = asyncio.create_task(serve_worker(self.options, self.stop, self.hurry))

    async def end(self) -> int:
        """Stop the worker; its exit code."""
        self.stop.set()
        return await self.code()

    async def code(self) -> int:
        assert self.task is not None
        async with asyncio.timeout(PATIENCE_S):
            return await self.task


@asynccontextmanager
async def working(
    folder: Path, double: GatewayDouble | None = None, **options: object
) -> AsyncIterator[Scene]:
    """A worker on this loop, with a gateway double; stopped at the end, in a hurry."""
    async with double or GatewayDouble() as gateway:
        chosen = WorkerOptions(gateway=gateway.url, key=KEY, engines=ENGINES, temp=folder)
        scene = Scene(gateway, replace(chosen, **options), asyncio.Event(), asyncio.Event())  # type: ignore[arg-type]
        scene.begin()
        try:
            yield scene
        finally:
            scene.hurry.set()
            if scene.task is not None:
                await scene.end()
    assert list(folder.glob("officina-worker-*")) == []


class WorkerProcess:
    """`python -m officina.worker` beside this process."""

    def __init__(self, process: asyncio.subprocess.Process, tether: int) -> None:
        self._process = process
        self._tether = tether
        self.pid = process.pid

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def let_go(self) -> None:
        """Close the pipe that the worker lives by."""
        if self._tether >= 0:
            os.close(self._tether)
        self._tether = -1

    async def ended(self) -> tuple[int, str]:
        """The exit code and the log."""
        async with asyncio.timeout(PATIENCE_S):
            _, log = await self._process.communicate()
        return self._process.returncode or 0, log.decode()

    async def close(self) -> None:
        self.let_go()
        if self._process.returncode is None:
            self._process.kill()
            await self.ended()


@asynccontextmanager
async def beside(gateway: GatewayDouble, folder: Path, *flags: str) -> AsyncIterator[WorkerProcess]:
    """A worker in a process of its own; killed at the end if it still runs."""
    reading, tether = os.pipe()
    command = ("-m", "officina.worker", "--gateway", gateway.url, "--engines", ",".join(ENGINES), *flags)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(*command, "--temp", str(folder), "--parent-pipe", str(reading)),
            env={**os.environ, "OFFICINA_WORKER_KEY": KEY},
            pass_fds=(reading,),
            stderr=asyncio.subprocess.PIPE,
        )
    finally:
        os.close(reading)
    worker = WorkerProcess(process, tether)
    try:
        yield worker
    finally:
        await worker.close()


def alive(pid: int) -> bool:
    """Whether a process is there; one that only waits to be reaped is not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def until(probe: Callable[[], object]) -> None:
    """Wait until something is true that nobody tells about."""
    async with asyncio.timeout(PATIENCE_S):
        while not probe():
            await asyncio.sleep(0.01)


def png(width: int, height: int) -> bytes:
    """A black picture."""
    rows = zlib.compress((b"\0" + bytes(3 * width)) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )

"""Where the chaos takes place: gateways, workers and a database, each a process that is started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiohttp
from road_server import HERE
from wire import Wire

from postgres_server import PostgresServer

Kind = Literal["sqlite", "postgresql"]
ENGINE = "road_engines:Echo"
LEASE_S = 2.0
UP_S = 60.0
"""How long anything may take to be up again, on a machine that has much else to do."""
PAUSE_S = 0.05
"""Before a process that has ended is started again."""
TERMS = ("--lease-s", str(LEASE_S), "--retry-s", "0.02", "--log-level", "error", "--log-format", "json")


class Kept:
    """A process that is started again whenever it ends, as a service manager does."""

    def __init__(self, command: Sequence[str], log: Path, **environment: str) -> None:
        self._command = command
        self._log = log
        self._environment = environment
        self._keeper: asyncio.Task[None] | None = None
        self.process: asyncio.subprocess.Process | None = None

    def keep(self) -> None:
        """Start it, and start it again from now on."""
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> int | None:
        """Let it end in good order, for good, or kill it in the end; its exit code."""
        if self._keeper is None or self.process is None:
            return None
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
            self.process.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(UP_S):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            return await self.process.wait()

    async def _keep(self) -> None:
        while True:
            with self._log.open("ab") as sink:
                self.process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    env={**_surroundings(), **self._environment},
                )
            await self.process.wait()
            await asyncio.sleep(PAUSE_S)


async def listening(url: str) -> None:
    """Wait until somebody takes connections there."""
    async with asyncio.timeout(UP_S):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
                writer.close()
                return
            await asyncio.sleep(0.05)


@dataclass
class Stage:
    """Everything that can be killed, cut or stopped, and how to reach it."""

    kind: Kind
    folder: Path
    gateways: list[Kept] = field(default_factory=list)
    workers: list[Kept] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    to_workers: list[Wire] = field(default_factory=list)
    """Between each worker that is elsewhere and its gateway."""
    to_database: list[Wire] = field(default_factory=list)
    """Between each gateway and PostgreSQL."""
    server: PostgresServer | None = None
    key: str = ""
    """Of the operator."""

    async def open(self) -> None:
        """Start everything; the first key is made by the first gateway."""
        for number in range(1 if self.kind == "sqlite" else 2):
            (await self._gateway(number)).keep()
            await listening(self.urls[number])
        self.key = (self.folder / "gateway-0" / "first-key").read_text().strip()
        secret = (await self.make_key("workers", "worker"))["key"]
        for number in range(2):
            await self._worker(number, secret)

    async def close(self) -> None:
        """Mend what is broken, and end everything in good order."""
        for wire in (*self.to_workers, *self.to_database):
            wire.mend(lose=False)
        await asyncio.gather(*(each.stop() for each in (*self.workers, *self.gateways)))
        for wire in (*self.to_workers, *self.to_database):
            wire.close()
        if self.server is not None:
            await asyncio.to_thread(self.server.remove)

    async def make_key(self, name: str, scope: str) -> dict[str, str]:
        """A new key of one scope."""
        asked = {"name": name, "scopes": [scope]}
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{self.urls[0]}/v1/keys", json=asked) as answer,
        ):
            return dict(await answer.json())

    def logged(self) -> str:
        """The last that each process wrote to its log."""
        return "\n".join(each.read_text()[-2000:] for each in sorted(self.folder.glob("*.log")))

    async def _gateway(self, number: int) -> Kept:
        port, data = free_port(), self.folder / f"gateway-{number}"
        self.urls.append(f"http://127.0.0.1:{port}")
        command = [
            *(sys.executable, "-m", "officina", "serve", "--json", "--port", str(port), "--data", str(data)),
            *("--models", str(HERE / "models"), "--workers", "2" if self.kind == "sqlite" else "1"),
            *(*TERMS, *await self._shared()),
        ]
        self.gateways.append(Kept(command, self.folder / f"gateway-{number}.log"))
        return self.gateways[-1]

    async def _shared(self) -> list[str]:
        """What the gateways of one database share; nothing where there is one gateway."""
        if self.kind == "sqlite":
            return []
        if self.server is None:
            self.server = await asyncio.to_thread(PostgresServer)
            self.server.execute("CREATE DATABASE chaos")
        wire = Wire(self.server.port)
        await wire.open()
        self.to_database.append(wire)
        store = self.folder / "store"
        store.mkdir(exist_ok=True)
        return ["--database", self.server.url("chaos", wire.port), "--store", f"file://{store}"]

    async def _worker(self, number: int, secret: str) -> None:
        gateway = port_of(self.urls[number % len(self.urls)])
        wire = Wire(gateway)
        await wire.open()
        self.to_workers.append(wire)
        command = [
            *(sys.executable, "-m", "officina.worker", "--gateway", f"http://127.0.0.1:{wire.port}"),
            *("--engines", ENGINE, "--name", f"elsewhere-{number}", "--slots", "2", "--drain", "1"),
            *("--log-format", "json", "--log-level", "error"),
        ]
        self.workers.append(Kept(command, self.folder / f"worker-{number}.log", OFFICINA_WORKER_KEY=secret))
        self.workers[-1].keep()


@contextlib.asynccontextmanager
async def staged(kind: Kind, folder: Path) -> AsyncIterator[Stage]:
    """A stage on which everything is up; it is cleared at the end."""
    stage = Stage(kind, folder)
    try:
        await stage.open()
        yield stage
    finally:
        await stage.close()


def port_of(url: str) -> int:
    """The port in one of our URLs."""
    return int(url.rpartition(":")[2])


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _surroundings() -> dict[str, str]:
    names = {name: value for name, value in os.environ.items() if not name.startswith("OFFICINA_")}
    return {**names, "PYTHONPATH": str(HERE)}

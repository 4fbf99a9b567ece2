"""An engine's process as its worker sees it: started, told what to do, listened to, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable

import msgspec
import structlog

from officina.child.frames import (
    PREFIX_BYTES,
    Begun,
    Command,
    Done,
    Failed,
    Halted,
    Load,
    Loaded,
    OutOfTurn,
    Report,
    Said,
    Start,
    State,
    Stop,
    after,
    pack,
    parse_report,
    size_of,
)

_TAIL_LINES = 30
_TAIL_BYTES = 2**14
_READ_BYTES = 2**16
_LAST_WORDS_S = 1.0
_DEATH_S = 5.0

Hear = Callable[[Said], None]
"""Told what a run says while it goes on."""

log = structlog.get_logger("officina.worker")


class ChildGone(Exception):
    """The engine's process has died, or talks nonsense."""


class EngineChild:
    """A running engine process. Every method that talks to it raises ChildGone when it no longer answers."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._state: State = "new"
        self._tail = b""
        self._listening = asyncio.create_task(self._keep_tail())
        self.loaded: Load | None = None
        self.begun = False
        """Whether it has taken up the latest attempt."""
        self.killed = False

    @classmethod
    async def spawn(cls) -> EngineChild:
        """Start a process that waits to be told which engine to be. Raises OSError when there is no room."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await _start(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def ready(self) -> bool:
        """Whether it could begin an attempt now."""
        alive = self._process.returncode is None and not self._reader.at_eof()
        return alive and self._state == "ready"

    @property
    def tail(self) -> list[str]:
        """The last lines that it printed."""
        return self._tail.decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]

    async def load(self, load: Load) -> Failed | None:
        """Have it become an engine; gives what went wrong, if anything did."""
        await self._tell(load)
        report = await self._hear()
        self.loaded = load if isinstance(report, Loaded) else None
        return report if isinstance(report, Failed) else None

    async def run(self, start: Start, hear: Hear) -> Done | Failed:
        """Have it make an attempt, to the end."""
        self.begun = False
        await self._tell(start)
        end = await self._ended(hear)
        if isinstance(end, Halted):
            raise ChildGone
        return end

    async def halt(self, hear: Hear) -> None:
        """Ask it to stop the attempt, and wait until it has ended in whatever way."""
        await self._tell(Stop())
        await self._ended(hear)

    async def end(self, *, just_died: bool = False) -> int | None:
        """See the process end, by itself if it is about to, else killed; gives the exit code.

        What a process that `just_died` had started is killed; later, its id may be another's.
        """
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._process.wait()
        except TimeoutError:
            await self._end_by_force()
        if just_died:
            self._kill_group()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await asyncio.shield(self._listening)
        self._listening.cancel()
        self._writer.close()
        return self._process.returncode

    def kill(self) -> None:
        """Kill the process and all that it started, now; nothing when it has died by itself."""
        if self._process.returncode is None:
            self.killed = True
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _end_by_force(self) -> None:
        self.kill()
        try:
            async with asyncio.timeout(_DEATH_S):
                await self._process.wait()
        except TimeoutError:
            log.warning("child.lingers", pid=self.pid)

    async def _ended(self, hear: Hear) -> Done | Failed | Halted:
        while True:
            report = await self._hear()
            if isinstance(report, (Done, Failed, Halted)):
                return report
            if isinstance(report, Begun):
                self.begun = True
            elif isinstance(report, Said):
                hear(report)

    async def _tell(self, command: Command) -> None:
        self._state = after(self._state, command)
        self._writer.write(pack(command))
        try:
            await self._writer.drain()
        except ConnectionError:
            raise ChildGone from None

    async def _hear(self) -> Report:
        try:
            prefix = await self._reader.readexactly(PREFIX_BYTES)
            report = parse_report(await self._reader.readexactly(size_of(prefix)))
            self._state = after(self._state, report)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ChildGone from None
        except (OutOfTurn, msgspec.DecodeError) as error:
            self.kill()
            raise ChildGone from error
        return report

    async def _keep_tail(self) -> None:
        stream = self._process.stdout
        while stream is not None and (piece := await stream.read(_READ_BYTES)):
            self._tail = (self._tail + piece)[-_TAIL_BYTES:]


async def _start(fd: int) -> asyncio.subprocess.Process:
    # In a session of its own: Ctrl-C reaches the worker alone, and the child is killed with its children.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-u", "-X", "faulthandler", "-m", "officina.child", str(fd), str(os.getpid())),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        pass_fds=(fd,),
        start_new_session=True,
    )

"""The worker: claims jobs from a gateway over HTTP and carries them out in its slots.

One program everywhere: started by `serve` on one machine, by Kubernetes or Ray on many, by hand behind a NAT.
It never imports the queue or the web; what it knows of a job is what the link says.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog
import uvloop

from officina import __version__, engines, logs
from officina.child.lifeline import end_with_parent
from officina.errors import OperatorError
from officina.fetch.fetcher import Fetcher
from officina.job import new_secret
from officina.link import Claim, Register, Work
from officina.model import read_label
from officina.settings import worker_key
from officina.worker.attempt import Attempt, Tools
from officina.worker.gateway import Gateway, KeyRefused, LinkRefused
from officina.worker.lease import Held, Leases
from officina.worker.scratch import scratch_folder
from officina.worker.seats import Seat, Seats
from officina.worker.slot import Slot, SlotTerms

CLAIM_WAIT_S = 20.0
EXIT_OK = 0
EXIT_KEY_REFUSED = 77
EXIT_MISCONFIGURED = 78
_REFUSED_PAUSE_S = 2.0
_TOO_SOON_S = 0.2
_AHEAD_PAUSE_S = 0.02
_LAST_CLAIM_S = 2.0
_GOODBYE_S = 2.0
_PIPE_BYTES = 4096
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

log = structlog.get_logger("officina.worker")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker is set up; `engines` empty means every engine that is installed."""

    gateway: str
    key: str = field(repr=False)
    name: str = ""
    slots: int = 1
    engines: tuple[str, ...] = ()
    drain_s: float = 30.0
    terms: SlotTerms = SlotTerms()
    temp: Path | None = None
    allow_http: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    def hello(self) -> Register:
        """What the worker says of itself.

        Raises:
            OperatorError: it cannot work like this.
        """
        self.check()
        chosen = engines.check(self.engines) or engines.available()
        return Register(
            self.name or socket.gethostname(),
            chosen,
            self.slots,
            labels=dict(self.labels),
            memory_mb=_memory_mb(),
            release=__version__,
        )

    def check(self) -> None:
        """Refuse an address or a key that cannot work. Raises OperatorError."""
        url = urlsplit(self.gateway)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise OperatorError(
                f"The gateway's address {self.gateway!r} must start with http:// or https://."
            )
        if url.scheme == "http" and url.hostname not in _LOOPBACK and not self.allow_http:
            raise OperatorError(
                "Plain http to another machine would show the key; use https, or --allow-http."
            )
        if not self.key or not self.key.isascii() or not self.key.isprintable():
            raise OperatorError(
                "A worker needs a key of scope `worker`, in OFFICINA_WORKER_KEY or --key-file."
            )
        if self.slots < 1:
            raise OperatorError(f"A worker needs at least one slot, not {self.slots}.")


def _memory_mb() -> int:
    """Main memory of this machine in MiB; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (ValueError, OSError):
        return 0


class Worker:
    """A registered worker: its slots, its leases, and the loop that claims."""

    def __init__(self, tools: Tools, drain_s: float) -> None:
        self._tools = tools
        self._gateway = tools.gateway
        self._seats = tools.seats
        self._drain_s = drain_s
        self._tasks = asyncio.TaskGroup()
        self._attempts: dict[asyncio.Task[None], tuple[Held, Seat]] = {}
        self._asking: Claim | None = None

    async def serve(self, stop: asyncio.Event, hurry: asyncio.Event) -> None:
        """Work until `stop`, or a gateway's word to drain; whatever part breaks down, all of it ends."""
        try:
            async with self._tasks as tasks:
                claiming = tasks.create_task(self._claim_forever())
                keeping = tasks.create_task(self._tools.leases.keep())
                await _either(stop, self._tools.leases.drain)
                log.info("worker.stopping", running=len(self._attempts), hurry=hurry.is_set())
                claiming.cancel()
                await self._drain(hurry)
                keeping.cancel()
        finally:
            await asyncio.gather(*(slot.close() for slot in self._seats.slots))

    async def _claim_forever(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await self._room()
            self._asking = Claim(
                worker_id="",
                nonce=new_secret(),
                n=self._seats.room,
                idle=self._seats.idle,
                engines=self._tools.engines,
                warm=self._seats.warm_models(),
                wait_s=CLAIM_WAIT_S,
            )
            asked_at = clock()
            try:
                claimed = await self._gateway.claim(self._asking)
            except LinkRefused as error:
                log.warning("claim.refused", message=error.message)
                await asyncio.sleep(_REFUSED_PAUSE_S)
                continue
            for work in claimed.work:
                self._accept(work)
            self._asking = None
            if claimed.drain:
                self._tools.leases.drain.set()
            if claimed.work and not self._seats.idle:
                await self._seats.change(_AHEAD_PAUSE_S)  # what begins now is in more of a hurry
            elif not claimed.work and clock() - asked_at < _TOO_SOON_S:
                await asyncio.sleep(_TOO_SOON_S)  # a gateway that is stopping does not let claims wait

    async def _room(self) -> None:
        while self._seats.room == 0:
            await self._seats.change()

    def _accept(self, work: Work) -> None:
        log.info("claim", job_id=work.job_id, attempt=work.attempt, model=work.model, started=work.started)
        held = self._tools.leases.add(work)
        seat = self._seats.take(work)
        task = self._tasks.create_task(Attempt(held, seat, self._tools).carry_out())
        self._attempts[task] = held, seat
        task.add_done_callback(self._attempts.pop)

    async def _drain(self, hurry: asyncio.Event) -> None:
        """Let what runs come to its end, or hand it back; what only waits is handed back at once."""
        returning = self._tasks.create_task(self._return_last_claim())
        for held, seat in self._attempts.values():
            if not seat.slot.done():
                held.interrupt("hand_back")
        await self._attempts_end(self._drain_s, hurry)
        for held, _ in self._attempts.values():
            held.interrupt("hand_back")
        await self._attempts_end(_GOODBYE_S, asyncio.Event())
        for task in self._attempts:
            task.cancel()
        await asyncio.wait({returning})

    async def _attempts_end(self, limit_s: float, hurry: asyncio.Event) -> None:
        """Wait for the end of every attempt, of the time, or of patience."""
        if not self._attempts:
            return
        hurried = asyncio.create_task(hurry.wait())
        ended = asyncio.create_task(asyncio.wait(self._attempts))
        try:
            await asyncio.wait({hurried, ended}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurried.cancel()
            ended.cancel()

    async def _return_last_claim(self) -> None:
        """Hand back what a claim that was broken off was given meanwhile."""
        if self._asking is None:
            return
        with suppress(TimeoutError, LinkRefused):
            async with asyncio.timeout(_LAST_CLAIM_S):
                again = msgspec.structs.replace(self._asking, idle=0, wait_s=0.0)
                work = (await self._gateway.claim(again)).work
                if work:
                    await self._gateway.hand_back([each.ref for each in work])


async def serve_worker(
    options: WorkerOptions, stop: asyncio.Event, hurry: asyncio.Event | None = None
) -> int:
    """Work until `stop` is set, then finish what runs within `drain_s`, or hand it back on `hurry`.

    Gives the exit code: 0, 77 when the gateway refuses the key, 78 when something must be set up differently.
    """
    try:
        await _serve(options, stop, hurry or asyncio.Event())
    except OperatorError as error:
        return _exit_code(error)
    except ExceptionGroup as errors:
        blame, others = errors.split(OperatorError)
        if blame is None or others is not None:
            raise
        return _exit_code(_first(blame))
    return EXIT_OK


async def _serve(options: WorkerOptions, stop: asyncio.Event, hurry: asyncio.Event) -> None:
    hello = options.hello()
    with scratch_folder(options.temp) as folder:
        async with Gateway(options.gateway, options.key, hello) as gateway:
            registered = await _unless(stop, gateway.register())
            if registered is None:
                return
            async with Fetcher(registered.fetch) as fetcher:
                tools = Tools(
                    gateway=gateway,
                    fetcher=fetcher,
                    leases=Leases(gateway, registered.lease_s),
                    seats=Seats(Slot(number, options.terms) for number in range(options.slots)),
                    folder=folder,
                    engines=hello.engines,
                    max_output_bytes=registered.max_output_bytes,
                )
                await _unless(stop, tools.seats.warm_up(registered.warm))
                await Worker(tools, options.drain_s).serve(stop, hurry)


async def _unless(stop: asyncio.Event, wanted: Coroutine[Any, Any, Answer]) -> Answer | None:
    """The answer, or None when the worker shall stop before there is one."""
    asking = asyncio.create_task(wanted)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if asking.cancel():
        return None
    return asking.result()


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    """Wait until one of two is set."""
    waits = [asyncio.create_task(each.wait()) for each in (one, other)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _first(group: BaseExceptionGroup[OperatorError]) -> OperatorError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _exit_code(error: OperatorError) -> int:
    log.error("worker.stopped", message=error.message)
    return EXIT_KEY_REFUSED if isinstance(error, KeyRefused) else EXIT_MISCONFIGURED


def _on_hang_up(fd: int, *then: Callable[[], object]) -> None:
    """Call these, in the running loop, when the other end of a pipe is closed. What comes in is ignored."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(fd, _PIPE_BYTES):
            loop.remove_reader(fd)
            for each in then:
                each()

    loop.add_reader(fd, read)


async def _until_told(options: WorkerOptions, parent_pipe: int | None) -> int:
    """Work until a signal (the second one hurries) or the end of the parent (which hurries at once)."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        (hurry if stop.is_set() else stop).set()

    loop.add_signal_handler(signal.SIGTERM, told)
    loop.add_signal_handler(signal.SIGINT, told)
    if parent_pipe is not None:
        end_with_parent(os.getppid(), signal.SIGTERM)
        _on_hang_up(parent_pipe, stop.set, hurry.set)
    return await serve_worker(options, stop, hurry)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("officina.worker", description="Claim jobs from a gateway and run them.")
    add = parser.add_argument
    add("--gateway", required=True, metavar="URL", help="where the gateway is")
    add("--key-file", type=Path, help="file that holds the key; else OFFICINA_WORKER_KEY does")
    add("--name", default="", help="how the gateway shows this worker; the host's name by default")
    add("--slots", type=int, default=1, help="concurrent runs (%(default)s)")
    add("--engines", default="", help="comma-separated names, or module:Class; all installed ones by default")
    add(
        "--drain", type=float, default=30.0, help="seconds that a run may take to end at a stop (%(default)s)"
    )
    add("--child-idle", type=float, default=600.0, help="an engine unused for so long is ended (%(default)s)")
    add("--load-limit", type=float, default=600.0, help="seconds an engine may take to load (%(default)s)")
    add("--label", action="append", default=[], metavar="NAME=VALUE", help="what models can ask for")
    add("--temp", type=Path, help="folder for inputs and outputs of running jobs")
    add("--allow-http", action="store_true", help="allow plain http to another machine")
    add("--log-format", choices=("auto", "console", "json"), default="auto", help="how to log (%(default)s)")
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info", help="how much to log")
    add("--parent-pipe", type=int, metavar="FD", help="end at once when this pipe is closed")
    return parser


def _options(given: argparse.Namespace) -> WorkerOptions:
    return WorkerOptions(
        gateway=given.gateway,
        key=read_key(given.key_file) if given.key_file else worker_key(),
        name=given.name,
        slots=given.slots,
        engines=tuple(each.strip() for each in given.engines.split(",") if each.strip()),
        drain_s=given.drain,
        terms=SlotTerms(load_s=given.load_limit, child_idle_s=given.child_idle),
        temp=given.temp,
        allow_http=given.allow_http,
        labels=dict(read_label(each) for each in given.label),
    )


def read_key(file: Path) -> str:
    """The key that a file holds. Raises OperatorError."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"The key file {file} cannot be read; see that it exists and is yours.") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker; gives the exit code."""
    given = _parser().parse_args(arguments)
    logs.configure(given.log_format, given.log_level)
    os.umask(0o077)
    try:
        options = _options(given)
    except OperatorError as error:
        return _exit_code(error)
    os.unsetenv("OFFICINA_WORKER_KEY")  # engines have no business with it
    return uvloop.run(_until_told(options, given.parent_pipe))

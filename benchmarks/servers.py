"""Processes under test: started, watched (CPU, memory, time until ready) and ended."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]

from benchmarks.folder import Folder

ROOT = Path(__file__).parent.parent
MODELS = Path(__file__).with_name("models")
START_S = 60.0
STOP_S = 30.0
PROBE_S = 0.002
SHOWN_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds, in MB (10^6): its own pages and its share of the others (PSS); all of both."""

    pss_mb: float
    rss_mb: float


class Process:
    """A process of ours that is up."""

    def __init__(self, popen: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        self._popen = popen
        self._output = output

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def cpu_s(self) -> float:
        """CPU seconds, user and system, of the process and all below it."""
        total = 0.0
        for each in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = each.cpu_times()
                total += times.user + times.system
        return total

    def memory(self) -> Memory:
        """What the process itself holds now."""
        lines = Path(f"/proc/{self._popen.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        kib = {words[0]: int(words[1]) for line in lines[1:] if (words := line.split())}
        return Memory(kib["Pss:"] * 1024 / 1e6, kib["Rss:"] * 1024 / 1e6)

    def whole_pss_mb(self) -> float:
        """What the process and all below it hold now, shared pages shared out, in MB (10^6)."""
        kib = 0
        for each in self._tree():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{each.pid}/smaps_rollup").read_text(encoding="ascii")
                kib += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return kib * 1024 / 1e6

    def kill(self) -> None:
        """End it and all below it as a power failure would."""
        for each in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self._popen.wait()

    def said(self) -> str:
        """The end of what it printed so far."""
        self._output.seek(0)
        return self._output.read().decode("utf-8", "replace")[-SHOWN_CHARS:]

    def stop(self) -> None:
        """End it as an operator would; what it leaves behind is killed."""
        if not self.alive:
            return
        tree = self._tree()
        self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for each in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()

    def _tree(self) -> list[psutil.Process]:
        top = psutil.Process(self._popen.pid)
        return [top, *top.children(recursive=True)]


@dataclass(frozen=True, slots=True)
class Server:
    """An HTTP server that is up, and how long it took from the start of its process to its first 200."""

    process: Process
    port: int
    ready_s: float


@contextlib.contextmanager
def running(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], program: str = sys.executable
) -> Iterator[Process]:
    """A process of this Python, or of another program, ended when the context ends."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OFFICINA_")}
    with tempfile.TemporaryFile() as output:
        popen = subprocess.Popen(
            [program, *command],
            cwd=cwd,
            env={**clean, "PYTHONPATH": _search_path(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        process = Process(popen, output)
        try:
            yield process
        finally:
            process.stop()


@contextlib.contextmanager
def gateway(folder: Folder) -> Iterator[Server]:
    """A gateway on that folder, as an operator starts it, without workers of its own."""
    port = free_port()
    flags = ["--data", ".", "--port", str(port), "--models", str(MODELS), "--log-level", "warning"]
    command = ["-m", "officina", "serve", *flags, "--workers", "0", "--max-waiting", str(10**9)]
    with _serving(command, folder.path, port) as server:
        yield server


@contextlib.contextmanager
def echo(folder: Path) -> Iterator[Server]:
    """FastAPI's echo."""
    port = free_port()
    with _serving(["-m", "benchmarks.echo", str(port)], folder, port) as server:
        yield server


@contextlib.contextmanager
def worker(server: Server, folder: Folder, engine: str) -> Iterator[Process]:
    """A worker of that gateway with one engine."""
    command = ["-m", "officina.worker", "--gateway", f"http://127.0.0.1:{server.port}", "--engines", engine]
    with running(command, folder.path, {"OFFICINA_WORKER_KEY": folder.keys.worker}) as process:
        yield process


@contextlib.contextmanager
def _serving(command: Sequence[str], cwd: Path, port: int) -> Iterator[Server]:
    began = time.perf_counter()
    with running(command, cwd, {}) as process:
        while not _answers(port):
            if not process.alive or time.perf_counter() - began > START_S:
                raise SystemExit(f"{command[1]} did not start:\n{process.said()}")
            time.sleep(PROBE_S)
        yield Server(process, port, time.perf_counter() - began)


def _answers(port: int) -> bool:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    try:
        link.request("GET", "/readyz")
        return link.getresponse().status == 200
    except OSError:
        return False
    finally:
        link.close()


def _search_path() -> str:
    """Where children find this package, and what the caller put before the installed one."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

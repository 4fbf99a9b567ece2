"""The servers that are compared: how each is started, asked for a job, and what it promises."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks import servers
from benchmarks.folder import Folder, Keys, prepare
from benchmarks.peer_load import Caller, JobFailed, Road, connect
from benchmarks.servers import MODELS, ROOT, Process, free_port

APPS = Path(__file__).with_name("peer_apps")
PEERS = ROOT / ".venv-peers"
ENGINE = "benchmarks.repeat:RepeatEngine"
TEXT = "A beautiful girl is sitting on the boat"
POLL_S = 0.02
START_S = 120.0
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1"}
"""Nothing that is measured calls home."""


class Promise(NamedTuple):
    """What a server says, or its source shows, of an accepted job."""

    durable: str
    bound: str
    cancel: str
    status: str
    fair: str


@dataclass(frozen=True, slots=True)
class Up:
    """A server that is up: all its processes, and how to ask it."""

    processes: tuple[Process, ...]
    port: int
    key: str = ""

    def cpu_s(self) -> float:
        """CPU seconds of all its processes and of all below them."""
        return sum(each.cpu_s() for each in self.processes)

    def pss_mb(self) -> float:
        """What all of them hold."""
        return sum(each.whole_pss_mb() for each in self.processes)

    def kill(self) -> None:
        """SIGKILL to every one of them."""
        for each in self.processes:
            each.kill()

    def said(self) -> str:
        """The end of what they printed."""
        return "\n".join(each.said() for each in self.processes)


Start = Callable[[Path, int], contextlib.AbstractContextManager[Up]]


@dataclass(frozen=True, slots=True)
class Peer:
    """One row of the comparison. `package` names whose version is told; `road` makes the way of a job."""

    name: str
    package: str
    start: Start
    road: Callable[[float], Road]
    promise: Promise


def _body(seconds: float) -> str:
    return msgspec.json.encode({"text": TEXT, "seconds": seconds}).decode()


def _whole(path: str, wrap: str = "{}") -> Callable[[float], Road]:
    """The way of a server whose answer is the result."""
    return lambda seconds: Road(path, wrap.replace("{}", _body(seconds)))


def _foreign(program: str, *command: str, folder: str = ".", **environment: str) -> Start:
    """A program of the peers' environment; `{port}` and `{scratch}` in its words are filled in."""

    @contextlib.contextmanager
    def start(scratch: Path, port: int) -> Iterator[Up]:
        def filled(word: str) -> str:
            return word.format(port=port, scratch=scratch)

        variables = {name: filled(value) for name, value in environment.items()}
        path = f"{PEERS / 'bin'}{os.pathsep}{os.environ['PATH']}"
        with servers.running(
            [filled(each) for each in command],
            APPS / folder,
            {**QUIET, "PATH": path, **variables},
            str(PEERS / "bin" / program),
        ) as process:
            yield Up((process,), port)

    return start


@contextlib.contextmanager
def _ray(scratch: Path, port: int) -> Iterator[Up]:
    """Ray Serve from a file, the only way to give it a port."""
    applications = [{"name": "default", "route_prefix": "/", "import_path": "ray_app:app"}]
    config = scratch / "serve.yaml"  # JSON is YAML
    config.write_bytes(
        msgspec.json.encode(
            {"http_options": {"host": "127.0.0.1", "port": port}, "applications": applications}
        )
    )
    with _foreign("serve", "run", str(config))(scratch, port) as up:
        yield up


@contextlib.contextmanager
def _ours(scratch: Path, port: int) -> Iterator[Up]:
    """A gateway and one worker, each with its log as it comes; the folder is kept between two starts."""
    known = scratch / "keys.json"
    path = scratch / "data"
    if known.exists():
        folder = Folder(path, msgspec.json.decode(known.read_bytes(), type=Keys), 0)
    else:
        folder = prepare(path, 0)
        known.write_bytes(msgspec.json.encode(folder.keys))
    with ExitStack() as stack:
        flags = ["--data", ".", "--port", str(port), "--models", str(MODELS), "--workers", "0"]
        command = ["-m", "officina", "serve", *flags]
        gateway = stack.enter_context(servers.running(command, path, {}))
        server = servers.Server(gateway, port, 0.0)
        worker = stack.enter_context(servers.worker(server, folder, ENGINE))
        yield Up((gateway, worker), port, folder.keys.busy)


def _ours_waiting(seconds: float) -> Road:
    return Road(
        "/v1/models/bench/repeat",
        _body(seconds),
        id="request_id",
        result="/v1/requests/{id}/result?wait=30",
    )


def _ours_polling(seconds: float) -> Road:
    return msgspec.structs.replace(
        _ours_waiting(seconds),
        status="/v1/requests/{id}/status",
        result="/v1/requests/{id}/result",
        pause_s=POLL_S,
    )


def _bentoml(seconds: float) -> Road:
    return Road(
        "/task/submit",
        _body(seconds),
        id="task_id",
        status="/task/status?task_id={id}",
        result="/task/get?task_id={id}",
        pause_s=POLL_S,
    )


OURS = Promise("yes, on disk before the answer", "yes, per key and in all", "yes", "yes, with place", "yes")
_NO_ID = "no id"

PEERS_AND_US = (
    Peer("Officina, `?wait=`", "officina", _ours, _ours_waiting, OURS),
    Peer("Officina, polled", "officina", _ours, _ours_polling, OURS),
    Peer(
        "FastAPI echo",
        "fastapi",
        _foreign("uvicorn", "fastapi_app:app", "--port", "{port}"),
        _whole("/repeat"),
        Promise("no", "no", "no", _NO_ID, "no"),
    ),
    Peer(
        "LitServe",
        "litserve",
        _foreign("python", "litserve_app.py", "{port}"),
        _whole("/predict"),
        Promise("no", "no", "no", _NO_ID, "no"),
    ),
    Peer(
        "BentoML task",
        "bentoml",
        _foreign("bentoml", "serve", "bentoml_app:Repeat", "--port", "{port}"),
        _bentoml,
        Promise("no: a temporary database", "no", "refused outside its cloud", "yes", "no"),
    ),
    Peer(
        "Mosec",
        "mosec",
        _foreign("python", "mosec_app.py", "--port", "{port}"),
        _whole("/inference"),
        Promise("no", "yes, 1,024 by default", "no", _NO_ID, "no"),
    ),
    Peer(
        "Cog",
        "cog",
        _foreign(
            "python",
            "-m",
            "cog.server.http",
            folder="cog",
            PORT="{port}",
            COG_PREDICT_TYPE_STUB="predict.py:Predictor",
        ),
        _whole("/predictions", '{"input": {}}'),
        Promise("no", "one at a time, others get 409", "yes", "by webhook or stream", "no"),
    ),
    Peer(
        "Ray Serve",
        "ray",
        _ray,
        _whole("/"),
        Promise("no", "on request: `max_queued_requests`", "by hanging up", _NO_ID, "no"),
    ),
)


@contextlib.contextmanager
def up(peer: Peer, scratch: Path, port: int | None = None) -> Iterator[tuple[Up, Road]]:
    """A server that has answered a job well, and the way to it."""
    with peer.start(scratch, port or free_port()) as found:
        road = msgspec.structs.replace(peer.road(0.0), key=found.key)
        asyncio.run(_until_it_works(found, road))
        yield found, road


async def _until_it_works(found: Up, road: Road) -> None:
    """Send jobs until one comes back."""
    end = time.monotonic() + START_S
    while True:
        try:
            line = await connect(found.port)
            async with asyncio.timeout(START_S):
                return await Caller(line, road).job()
        except (OSError, JobFailed, TimeoutError):
            if time.monotonic() > end or not all(each.alive for each in found.processes):
                raise SystemExit(f"A server did not start:\n{found.said()}") from None
            await asyncio.sleep(0.1)

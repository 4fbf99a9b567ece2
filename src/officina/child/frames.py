"""What a worker and its engine child say to each other: the messages, their frames, and when each may come.

A frame is a length of four bytes, big end first, and a message in MessagePack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, Literal, get_args

import msgspec

from officina.job import Failure

MAX_FRAME_BYTES = 2**27
PREFIX_BYTES = 4


class Load(msgspec.Struct, frozen=True, tag=True):
    """To the child, once: become this engine with these options."""

    engine: str
    options: dict[str, Any]


class Start(msgspec.Struct, frozen=True, tag=True):
    """To the child: run one attempt. Paths are absolute."""

    job_id: str
    attempt: int
    input: dict[str, Any]
    files: dict[str, tuple[str, ...]]
    scratch: str
    urls: dict[str, tuple[str, ...]] = {}
    memo: str = ""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To the child: the current run shall stop at its next word of progress."""


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """From the child: the engine is ready for runs."""


class Begun(msgspec.Struct, frozen=True, tag=True):
    """From the child: the run begins. A child that dies before it says so has done nothing to the job."""


class Progress(msgspec.Struct, frozen=True, tag=True):
    """From the child: how far the run is, 0 to 1."""

    fraction: float
    message: str


class Log(msgspec.Struct, frozen=True, tag=True):
    """From the child: a line for the job's events."""

    line: str


class Memo(msgspec.Struct, frozen=True, tag=True):
    """From the child: what the next attempt at this job shall know."""

    text: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """From the child: the run made these files; `cost_usd` is what a provider charged for it."""

    images: tuple[str, ...]
    videos: tuple[str, ...]
    notes: dict[str, Any]
    cost_usd: float | None = None


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From the child: the engine could not be loaded, or the run failed.

    `trace` is for the operator's log only; a `spent` child must not be used again.
    """

    failure: Failure
    retry: bool
    trace: str = ""
    spent: bool = False


class Halted(msgspec.Struct, frozen=True, tag=True):
    """From the child: the run has stopped, as it was told to."""


Command = Load | Start | Stop
Said = Progress | Log | Memo
Report = Loaded | Begun | Said | Done | Failed | Halted
State = Literal["new", "loading", "ready", "running", "stopping", "failed"]

MOVES: Mapping[State, Mapping[type[Command | Report], State]] = {
    "new": {Load: "loading"},
    "loading": {Loaded: "ready", Failed: "failed"},
    "ready": {Start: "running", Stop: "ready"},  # a Stop may cross the end of its run
    "running": {
        **dict.fromkeys((Begun, *get_args(Said)), "running"),
        Stop: "stopping",
        Done: "ready",
        Failed: "ready",
    },
    "stopping": {
        **dict.fromkeys((Begun, *get_args(Said)), "stopping"),
        Done: "ready",
        Failed: "ready",
        Halted: "ready",
    },
    "failed": {},
}
"""In each state of a child, the messages that may come, either way, and the state that follows."""


class OutOfTurn(Exception):
    """A message came in a state where it may not."""


def after(state: State, message: Command | Report) -> State:
    """The state that follows on a message.

    Raises:
        OutOfTurn: the message may not come in this state.
    """
    try:
        return MOVES[state][type(message)]
    except KeyError:
        raise OutOfTurn(f"{type(message).__name__} may not come while the child is {state}") from None


def pack(message: Command | Report) -> bytes:
    """Make the frame of a message."""
    body = _ENCODER.encode(message)
    return len(body).to_bytes(PREFIX_BYTES, "big") + body


def read_command(stream: BinaryIO) -> Command | None:
    """Read the next command in the child, waiting for it; None when the worker is gone."""
    prefix = stream.read(PREFIX_BYTES)
    body = stream.read(size_of(prefix)) if len(prefix) == PREFIX_BYTES else b""
    return _COMMANDS.decode(body) if body else None


def parse_report(body: bytes) -> Report:
    """Read a report in the worker. Raises msgspec.DecodeError."""
    return _REPORTS.decode(body)


def size_of(prefix: bytes) -> int:
    """How long the message is that follows a prefix.

    Raises:
        OutOfTurn: longer than any message is.
    """
    size = int.from_bytes(prefix, "big")
    if size > MAX_FRAME_BYTES:
        raise OutOfTurn(f"a frame of {size} bytes is longer than any message")
    return size


_ENCODER = msgspec.msgpack.Encoder()
_COMMANDS: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_REPORTS: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)

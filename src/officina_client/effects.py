"""What an operation may ask of the outside, as values: the seam between the protocol and its two drivers.

An operation is a *flow*: a generator that yields effects, is sent their outcomes, and returns its value. A
flow touches neither network, clock nor disk by itself, so the same flow serves the sync and the async client,
and a test can play the outside by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, Generic, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to upload, opened afresh for every try; `size_bytes` is None when it cannot be known."""

    reading: Callable[[], AbstractContextManager[BinaryIO]]
    size_bytes: int | None
    is_rewindable: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to make. The headers hold the key, so they stay out of `repr`."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Source | None = field(default=None, repr=False)
    read_s: float | None = None
    """Longest silence to bear while reading; None is the client's own setting."""
    is_repeatable: bool = False
    """Whether sending it twice does no more than sending it once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Send:
    """Make the call and give its whole Answer."""

    call: Call


@dataclass(frozen=True, slots=True)
class Open:
    """Make the call and give its Answer without the body, which `Read` brings; a refusal comes whole.

    A flow has one open body at a time. The body is cut off after `limit_s` seconds.
    """

    call: Call
    limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """Give the next bytes of the open body; none at its end."""


@dataclass(frozen=True, slots=True)
class Shut:
    """Close the open body before its end."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """Give the time of a clock that only runs forward, in seconds."""


@dataclass(frozen=True, slots=True)
class Do:
    """Do blocking work on the local disk and give its outcome."""

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand a value to whoever iterates or listens."""

    item: Any


Effect: TypeAlias = Send | Open | Read | Shut | Sleep | Now | Do | Emit
Flow: TypeAlias = Generator[Effect, Any, T]


def send(call: Call) -> Flow[Answer]:
    """Make a call."""
    answer: Answer = yield Send(call)
    return answer


def open_body(call: Call, limit_s: float | None = None) -> Flow[Answer]:
    """Make a call whose body is read piece by piece."""
    answer: Answer = yield Open(call, limit_s)
    return answer


def read() -> Flow[bytes]:
    """Read the next piece."""
    chunk: bytes = yield Read()
    return chunk


def now() -> Flow[float]:
    """Read the clock."""
    at: float = yield Now()
    return at


def do(work: Callable[[], T]) -> Flow[T]:
    """Work on the local disk."""
    outcome: T = yield Do(work)
    return outcome


class Turns(Generic[T]):
    """A flow being driven: iterate over its effects, and answer each with `reply` or `fail`."""

    def __init__(self, flow: Flow[T]):
        self._flow = flow
        self._step: Callable[[], Effect] = partial(next, flow)
        self.value: T
        """What the flow returned; set when the iteration is over."""

    def __iter__(self) -> Iterator[Effect]:
        """Give the effects one by one."""
        return self

    def __next__(self) -> Effect:
        """Resume the flow with the last outcome and give its next effect."""
        try:
            return self._step()
        except StopIteration as end:
            self.value = end.value
            raise

    def reply(self, outcome: object) -> None:
        """Set the outcome of the last effect."""
        self._step = partial(self._flow.send, outcome)

    def fail(self, problem: BaseException) -> None:
        """Let the last effect raise inside the flow."""
        self._step = partial(self._flow.throw, problem)

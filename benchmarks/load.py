"""The load generator, a process of its own: raw HTTP/1.1, keep-alive, one request in flight per connection.

Reads an order as one line of JSON, connects and warms up, says `ready`, waits for a line, then measures and
answers with one line of JSON. It parses as little as it can, so that it is never what is measured.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import msgspec
import uvloop

HEAD_END = b"\r\n\r\n"
SILENCE_S = 30.0
"""How long answers may stay out before the run is given up."""


class Phase(msgspec.Struct, frozen=True):
    """How long to send, and how many requests at most."""

    seconds: float
    most: int


class Order(msgspec.Struct, frozen=True):
    """What to send: connection i repeats request i, the list being used again and again."""

    port: int
    requests: list[str]
    connections: int
    warmup: Phase
    measured: Phase


class Load(msgspec.Struct, frozen=True):
    """What came of the measured phase. Latencies are in seconds; `sent` counts the warm-up as well."""

    answered: int
    sent: int
    took_s: float
    p50_s: float
    p99_s: float
    own_cpu_s: float


class Tally:
    """What all connections of one phase share."""

    def __init__(self, phase: Phase, open_connections: int) -> None:
        self.latencies_s: list[float] = []
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.began = time.perf_counter()
        self._end = self.began + phase.seconds
        self._left = phase.most
        self._open = open_connections

    def take_turn(self) -> bool:
        """Whether a connection may send once more."""
        self._left -= 1
        if self._left >= 0 and time.perf_counter() < self._end:
            return True
        self._open -= 1
        if not self._open and not self.ended.done():
            self.ended.set_result("")
        return False


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends its request again as soon as the answer is complete."""

    def __init__(self, request: bytes, lengths: dict[bytes, int]) -> None:
        self._request = request
        self._lengths = lengths
        self._received = b""
        self._sent_at = 0.0
        self._tally: Tally | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the server."""
        self._transport = transport  # type: ignore[assignment]  # a TCP transport

    def join(self, tally: Tally) -> None:
        """Take part in a phase."""
        self._tally = tally
        self._send()

    def data_received(self, data: bytes) -> None:
        """Note a complete answer and send again."""
        self._received += data
        split = self._received.find(HEAD_END)
        if split < 0:
            return
        length = self._length(self._received[:split])
        if len(self._received) - split - len(HEAD_END) < length or self._tally is None:
            return
        self._tally.latencies_s.append(time.perf_counter() - self._sent_at)
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """A server that hangs up has failed: the run ends."""
        raise ConnectionError("The server closed a connection.") from error

    def _send(self) -> None:
        if self._transport is not None and self._tally is not None and self._tally.take_turn():
            self._sent_at = time.perf_counter()
            self._transport.write(self._request)

    def _length(self, head: bytes) -> int:
        """The announced length of the body; heads repeat, so each is read once."""
        length = self._lengths.get(head)
        if length is None:
            length = read_head(head)
            self._lengths[head] = length
        return length


def read_head(head: bytes) -> int:
    """The length of the body after this head. Raises ValueError unless it is a 200 with a length."""
    status, *fields = head.lower().split(b"\r\n")
    if not status.startswith(b"http/1.1 200"):
        raise ValueError(f"The server answered {status.decode()!r}; every answer must be a 200.")
    for each in fields:
        name, _, value = each.partition(b":")
        if name == b"content-length":
            return int(value)
    raise ValueError("The answer has no content-length.")


async def run(order: Order) -> None:
    """Connect, warm up, wait for the word, measure, tell."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[str] = loop.create_future()
    loop.set_exception_handler(lambda _, context: _note(failed, context))
    connections = await _connect(order)
    warmed = await _phase(connections, order.warmup, failed)
    _say("ready")
    sys.stdin.readline()
    cpu = time.process_time()
    tally = await _phase(connections, order.measured, failed)
    took_s = time.perf_counter() - tally.began
    _say(_load(tally, len(warmed.latencies_s), took_s, time.process_time() - cpu))


async def _connect(order: Order) -> list[Connection]:
    loop = asyncio.get_running_loop()
    requests = [text.encode("latin-1") for text in order.requests]
    lengths: dict[bytes, int] = {}
    connections = [Connection(requests[n % len(requests)], lengths) for n in range(order.connections)]
    for each in connections:
        await loop.create_connection(lambda each=each: each, "127.0.0.1", order.port)  # type: ignore[misc]
    return connections


async def _phase(connections: list[Connection], phase: Phase, failed: asyncio.Future[str]) -> Tally:
    tally = Tally(phase, len(connections))
    for each in connections:
        each.join(tally)
    async with asyncio.timeout(phase.seconds + SILENCE_S):
        await asyncio.wait([tally.ended, failed], return_when=asyncio.FIRST_COMPLETED)
    if failed.done():
        raise SystemExit(failed.result())
    return tally


def _note(failed: asyncio.Future[str], context: dict[str, Any]) -> None:
    if not failed.done():
        failed.set_result(str(context.get("exception") or context["message"]))


def _load(tally: Tally, warmed: int, took_s: float, own_cpu_s: float) -> Load:
    ordered = sorted(tally.latencies_s)
    count = len(ordered)
    return Load(
        answered=count,
        sent=count + warmed,
        took_s=took_s,
        p50_s=ordered[count // 2],
        p99_s=ordered[min(count - 1, count * 99 // 100)],
        own_cpu_s=own_cpu_s,
    )


def _say(what: Any) -> None:
    line = what if isinstance(what, str) else msgspec.json.encode(what).decode()
    print(line, flush=True)


if __name__ == "__main__":
    uvloop.run(run(msgspec.json.decode(sys.stdin.readline(), type=Order)))

"""The load of the comparison, a process of its own: whole jobs, from submit to result, one after another.

Reads an order as one line of JSON, warms up, says `ready`, waits for a line, then measures and answers with
one line of JSON. It parses as little as it can, so that it is never what is measured.
"""

from __future__ import annotations

import asyncio
import sys
import time

import msgspec
import uvloop

from benchmarks.load import HEAD_END

ANSWER_S = 60.0
BUSY = frozenset({409, 429, 503})
BUSY_PAUSE_S = 0.001
LAST_PIECE = b"0\r\n\r\n"
FAILED = frozenset({"failed", "canceled", "cancelled"})


class Road(msgspec.Struct, frozen=True):
    """How a server is asked: `submit` alone where the answer is the result; else an id, and what it is for.

    `status` and `result` are paths with `{id}`. Without `status`, the call of `result` waits by itself; with
    it, it is asked every `pause_s` until it says one of `over`.
    """

    submit: str
    body: str
    key: str = ""
    id: str = ""
    status: str = ""
    result: str = ""
    pause_s: float = 0.0
    over: tuple[str, ...] = ("succeeded", "completed")


class Jobs(msgspec.Struct, frozen=True):
    """Jobs over so many connections for so long."""

    port: int
    road: Road
    connections: int
    warmup_s: float
    measured_s: float


class Told(msgspec.Struct, frozen=True):
    """What came of the measured phase, in seconds; `refused` counts the answers that said: too busy."""

    done: int
    refused: int
    took_s: float
    p50_s: float
    p99_s: float


class JobFailed(Exception):
    """A server gave an answer that is no result."""


class Line(asyncio.Protocol):
    """A keep-alive connection for one call at a time, opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the server."""
        self._transport = transport  # type: ignore[assignment]  # a TCP transport

    def connection_lost(self, error: Exception | None) -> None:
        """A server that hangs up in the middle of a call has failed."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("The server closed a connection."))

    def data_received(self, data: bytes) -> None:
        """Give an answer to whoever waits for it, once it is complete."""
        self._received += data
        split = self._received.find(HEAD_END)
        if split < 0 or self._answer is None or self._answer.done():
            return
        body = self._received[split + len(HEAD_END) :]
        if _is_whole(self._received[:split], body):
            status = int(self._received[9:12])
            self._received = b""
            self._answer.set_result((status, body))

    async def call(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; the status and the body of its answer."""
        if self._transport is None or self._transport.is_closing():
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        assert self._transport is not None
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


class Caller:
    """One connection's jobs."""

    def __init__(self, line: Line, road: Road) -> None:
        self._line = line
        self._road = road
        self._submit = post(road)
        self.took_s: list[float] = []
        self.refused = 0

    async def work(self, seconds: float) -> None:
        """Do jobs until the time is over."""
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            await self.job()
            self.took_s.append(time.perf_counter() - began)

    async def job(self) -> None:
        """One job, from submit to result."""
        answer = await self.accepted()
        if not self._road.id:
            return
        name = msgspec.json.decode(answer)[self._road.id]
        if self._road.status:
            await self._until_over(name)
        await self._good(get(self._road, self._road.result, name))

    async def accepted(self) -> bytes:
        """Submit, again and again while the server is too busy to take a job."""
        while True:
            status, body = await self._line.call(self._submit)
            if status in BUSY:
                self.refused += 1
                await asyncio.sleep(BUSY_PAUSE_S)
                continue
            return _checked(status, body)

    async def _until_over(self, name: str) -> None:
        request = get(self._road, self._road.status, name)
        while (status := msgspec.json.decode(await self._good(request))["status"]) not in self._road.over:
            if status in FAILED:
                raise JobFailed(f"A job has ended as {status}.")
            await asyncio.sleep(self._road.pause_s)

    async def _good(self, request: bytes) -> bytes:
        return _checked(*await self._line.call(request))


def post(road: Road) -> bytes:
    """The request that submits a job."""
    length = f"Content-Type: application/json\r\nContent-Length: {len(road.body)}\r\n\r\n{road.body}"
    return f"POST {road.submit} HTTP/1.1\r\n{_fields(road)}{length}".encode("latin-1")


def get(road: Road, path: str, name: str) -> bytes:
    """The request that asks after a job."""
    return f"GET {path.format(id=name)} HTTP/1.1\r\n{_fields(road)}\r\n".encode("latin-1")


async def connect(port: int) -> Line:
    """Open a connection."""
    line = Line(port)
    await asyncio.get_running_loop().create_connection(lambda: line, "127.0.0.1", port)
    return line


async def run(order: Jobs) -> None:
    """Connect, warm up, wait for the word, measure, tell."""
    callers = [Caller(await connect(order.port), order.road) for _ in range(order.connections)]
    await _phase(callers, order.warmup_s)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    await _phase(callers, order.measured_s)
    took_s = time.perf_counter() - began
    ordered = sorted(took for each in callers for took in each.took_s)
    count = len(ordered)
    refused = sum(each.refused for each in callers)
    told = Told(count, refused, took_s, ordered[count // 2], ordered[min(count - 1, count * 99 // 100)])
    print(msgspec.json.encode(told).decode(), flush=True)


async def _phase(callers: list[Caller], seconds: float) -> None:
    for each in callers:
        each.took_s, each.refused = [], 0
    async with asyncio.timeout(seconds + ANSWER_S):
        await asyncio.gather(*(each.work(seconds) for each in callers))


def _fields(road: Road) -> str:
    key = f"Authorization: Bearer {road.key}\r\n" if road.key else ""
    return f"Host: 127.0.0.1\r\nUser-Agent: officina-benchmark\r\nAccept: */*\r\n{key}"


def _checked(status: int, body: bytes) -> bytes:
    if status not in {200, 201}:
        raise JobFailed(f"The server answered {status}: {body[:300]!r}")
    return body


def _is_whole(head: bytes, body: bytes) -> bool:
    """Whether this is all of the body; pieces are only counted, not joined."""
    for each in head.lower().split(b"\r\n"):
        name, _, value = each.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
        if name == b"transfer-encoding":
            return body.endswith(LAST_PIECE)
    raise JobFailed(f"The answer does not say where it ends: {head!r}")


if __name__ == "__main__":
    uvloop.run(run(msgspec.json.decode(sys.stdin.readline(), type=Jobs)))

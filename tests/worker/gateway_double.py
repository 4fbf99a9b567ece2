"""The other side of the worker's link, in memory: what a gateway promises, and the faults that it may show."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from http_host import Asked, HttpHost, Said

from officina.job import LeaseRef, News, Outcome, Output, Renewal, new_secret
from officina.link import Claim, Claimed, FetchPolicy, Finish, HandBack, Register, Registered, Renew, Work
from officina.model import MediaField

KEY = "a-worker-key"
PATIENCE_S = 20.0
ROOT = "/worker/v1/"

Probe = Callable[[], object]


@dataclass
class Job:
    """A job as the double keeps it. `ends` are the outcomes that were accepted, with the token used."""

    id: str
    engine: str
    input: dict[str, Any]
    options: dict[str, Any]
    media: tuple[MediaField, ...]
    deadline_s: float
    model: str
    state: str = "queued"
    attempt: int = 0
    token: str = ""
    worker: str = ""
    nonce: str = ""
    started: bool = False
    stop_wish: bool = False
    renewals: int = 0
    outcome: Outcome | None = None
    ended_by: str = ""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    outputs: dict[int, bytes] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.outcome is not None

    @property
    def pid(self) -> int:
        """The process that the run says it is in, from its progress, its log or its notes."""
        said = [data.get("message", data.get("line", "")) for _, data in self.events]
        told = [int(text.split()[1]) for text in said if text.startswith("pid ")]
        return told[0] if told else int(self.outcome.notes["pid"]) if self.outcome else 0

    def progress(self) -> list[dict[str, Any]]:
        return [data for kind, data in self.events if kind == "progress"]


class Refusal(Exception):
    """An answer with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class GatewayDouble:
    """One gateway with its queue. Faults: `losing` answers, `failing` routes, forgetting its workers.

    Fields that it is `lacking` it neither understands nor says, like a gateway of an earlier release.
    """

    def __init__(
        self, lease_s: float = 30.0, *, heeds_engines: bool = True, lacking: Collection[str] = ()
    ) -> None:
        self.lacking = lacking
        self.heeds_engines = heeds_engines
        self.lease_s = lease_s
        self.fetch = FetchPolicy()
        self.max_output_bytes = 2**20
        self.jobs: dict[str, Job] = {}
        self.files: dict[str, bytes] = {}
        self.held_files: set[str] = set()
        self.hellos: dict[str, Register] = {}
        self.keys = {KEY}
        self.calls: Counter[str] = Counter()
        self.claims: list[Claim] = []
        self.handed_back: list[str] = []
        self.refused: list[str] = []
        self.losing: Counter[str] = Counter()
        self.failing: dict[str, list[int]] = {}
        self._news: list[asyncio.Future[None]] = []
        self._host = HttpHost(self._handle)

    async def __aenter__(self) -> Self:
        await self._host.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._host.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._host.port}"

    async def stop(self) -> None:
        """Die: every connection breaks, the port is closed. What was committed stays."""
        await self._host.stop()

    async def start(self, *, forgetful: bool = False) -> None:
        """Come back on the same port; `forgetful` of the workers that had registered."""
        if forgetful:
            self.hellos.clear()
        await self._host.start()

    def submit(self, engine: str, input: Any = None, **more: Any) -> Job:  # noqa: A002
        """Queue a job for an engine of the tests, by the name of its module."""
        name = engine if ":" in engine else f"engines.{engine}:Engine"
        job_id = f"job-{len(self.jobs) + 1}"
        job = Job(
            id=job_id,
            engine=name,
            input=input or {},
            options=more.get("options", {}),
            media=more.get("media", ()),
            deadline_s=more.get("deadline_s", 60.0),
            model=more.get("model", f"tests/{engine}"),
        )
        self.jobs[job_id] = job
        self._tell()
        return job

    def store(self, data: bytes) -> str:
        """Keep a file; gives the id that an input may name."""
        name = new_secret()
        self.files[name] = data
        return f"file_{name}"

    def wish_stop(self, job: Job) -> None:
        job.stop_wish = True
        self._tell()

    def expire(self, job: Job) -> None:
        """Let the lease run out, so that the job is queued again."""
        job.state, job.worker, job.token, job.nonce = "queued", "", new_secret(), ""
        self._tell()

    async def until(self, probe: Probe) -> None:
        """Wait until something is true that only changes with what workers say."""
        async with asyncio.timeout(PATIENCE_S):
            while not probe():
                await self._next()

    async def result(self, job: Job) -> Outcome:
        await self.until(lambda: job.ended)
        assert job.outcome is not None
        return job.outcome

    def _tell(self) -> None:
        waiting, self._news = self._news, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def _next(self) -> None:
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._news.append(news)
        await news

    async def _wait(self, probe: Callable[[], Any], wait_s: float) -> Any:
        """What the probe gives once that is true, or whatever it gives after `wait_s`."""
        try:
            async with asyncio.timeout(wait_s):
                while not (found := probe()):
                    await self._next()
        except TimeoutError:
            return probe()
        return found

    async def _handle(self, asked: Asked) -> Said:
        route = asked.path.removeprefix(ROOT).split("/")[0]
        self.calls[route] += 1
        try:
            if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.keys:
                raise Refusal(401, "The API key is missing, unknown or revoked.")
            if self.failing.get(route):
                raise Refusal(self.failing[route].pop(0), f"{route} fails")
            body = await self._route(route, asked)
        except Refusal as error:
            self.refused.append(f"{error.status} {asked.path}")
            body = msgspec.json.encode({"error_code": error.status * 1000 + 1, "message": str(error)})
            return self._said(error.status, body)
        finally:
            self._tell()
        lost = self.losing[route] > 0
        self.losing[route] -= lost
        return Said(200, body, lost=lost, sent=len(body) // 2 if route == "files" else 0)

    def _said(self, status: int, body: bytes) -> Said:
        self._tell()
        return Said(status, body)

    async def _route(self, route: str, asked: Asked) -> bytes:
        self._tell()
        if route == "jobs":
            return msgspec.json.encode(self._put(asked))
        if route == "files":
            return await self._file(asked.path.rpartition("/")[2])
        kind, answer = {
            "register": (Register, self._register),
            "claim": (Claim, self._claim),
            "renew": (Renew, self._renew),
            "hand_back": (HandBack, self._hand_back),
            "finish": (Finish, self._finish),
        }[route]
        words: Any = msgspec.convert(self._known(msgspec.json.decode(asked.body)), kind)
        if not isinstance(words, Register) and words.worker_id not in self.hellos:
            raise Refusal(404, "This gateway knows no worker of that id; register again.")
        done: Any = await answer(words)
        return msgspec.json.encode(self._known(msgspec.to_builtins(done)))

    def _known(self, message: Any) -> Any:
        if isinstance(message, dict):
            return {name: self._known(value) for name, value in message.items() if name not in self.lacking}
        return [self._known(each) for each in message] if isinstance(message, list | tuple) else message

    async def _register(self, hello: Register) -> Registered:
        if hello.version != 1:
            raise Refusal(400, "This gateway speaks version 1.")
        worker_id = f"worker-{len(self.hellos) + 1}-{new_secret()[:4]}"
        self.hellos[worker_id] = hello
        return Registered(worker_id, self.lease_s, self.fetch, self.max_output_bytes)

    async def _claim(self, asked: Claim) -> Claimed:
        self.claims.append(asked)
        self._tell()
        taken: list[Work] = await self._wait(lambda: self._take(asked), asked.wait_s)
        return Claimed(tuple(taken))

    def _take(self, asked: Claim) -> list[Work]:
        before = [j for j in self.jobs.values() if j.state == "running" and j.nonce == asked.nonce]
        if before:
            return [self._work(job) for job in before]
        served = [j for j in self.jobs.values() if j.engine in asked.engines or not self.heeds_engines]
        free = [j for j in served if j.state == "queued"][: asked.n]
        for number, job in enumerate(free):
            job.state, job.worker, job.nonce, job.token = (
                "running",
                asked.worker_id,
                asked.nonce,
                new_secret(),
            )
            job.attempt += 1
            job.started = number < asked.idle
        return [self._work(job) for job in free]

    def _work(self, job: Job) -> Work:
        return Work(
            job_id=job.id,
            token=job.token,
            attempt=job.attempt,
            model=job.model,
            engine=job.engine,
            options=job.options,
            input=job.input,
            media=job.media,
            accepts=("png", "jpeg"),
            deadline_s=job.deadline_s,
            started=job.started,
        )

    async def _renew(self, asked: Renew) -> Renewal:
        lost = tuple(news.job_id for news in asked.news if not self._note(news))
        if lost:
            return Renewal(lost, self._wishes(asked.worker_id))
        stop: tuple[str, ...] = await self._wait(lambda: self._wishes(asked.worker_id), asked.wait_s)
        return Renewal(lost, stop)

    def _note(self, news: News) -> bool:
        job = self._held(LeaseRef(news.job_id, news.token))
        if job is None:
            return False
        job.renewals += 1
        job.started = job.started or news.started
        job.events.extend(news.events)
        self._tell()
        return True

    def _wishes(self, worker: str) -> tuple[str, ...]:
        running = [job for job in self.jobs.values() if job.state == "running" and job.stop_wish]
        return tuple(job.id for job in running if job.worker == worker)

    def _held(self, ref: LeaseRef) -> Job | None:
        job = self.jobs[ref.job_id]
        return job if job.state == "running" and job.token == ref.token else None

    async def _hand_back(self, asked: HandBack) -> dict[str, int]:
        held = [job for job in map(self._held, asked.leases) if job is not None]
        for job in held:
            job.attempt -= 1
            self.handed_back.append(job.id)
            self.expire(job)
        return {"handed_back": len(held)}

    async def _finish(self, asked: Finish) -> dict[str, str]:
        job = self.jobs[asked.lease.job_id]
        if job.ended_by == asked.lease.token:
            return {"state": job.state}
        if self._held(asked.lease) is None:
            raise Refusal(409, "The lease is no longer yours.")
        job.state, job.outcome, job.ended_by = asked.outcome.kind, asked.outcome, asked.lease.token
        return {"state": job.state}

    def _put(self, asked: Asked) -> Output:
        _, job_id, _, n = asked.path.removeprefix(ROOT).split("/")
        job = self._held(LeaseRef(job_id, asked.query["token"]))
        if job is None:
            raise Refusal(409, "The lease is no longer yours.")
        if asked.body.startswith(b"refuse"):
            raise Refusal(422, f"output {n} is no picture.")
        job.outputs[int(n)] = asked.body
        kind: Any = asked.query["kind"]
        digest = hashlib.sha256(asked.body).hexdigest()
        return Output(int(n), kind, "image/png", ".png", len(asked.body), digest)

    async def _file(self, name: str) -> bytes:
        if name not in self.files:
            raise Refusal(404, "No file of that name.")
        while name in self.held_files:
            await self._next()
        return self.files[name]

    def release(self, file_id: str) -> None:
        """Let a file that was held go to who asked for it."""
        self.held_files.discard(file_id.removeprefix("file_"))
        self._tell()

    def hold(self, file_id: str) -> None:
        """Let who asks for a file wait."""
        self.held_files.add(file_id.removeprefix("file_"))

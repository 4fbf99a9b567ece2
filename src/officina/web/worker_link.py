"""The gateway's end of the worker's link, `/worker/v1`."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar, cast

import msgspec
from starlette.responses import StreamingResponse

from officina.catalog import Entry
from officina.crew import Crew
from officina.errors import (
    RUN_ERRORS,
    CallerError,
    InvalidInput,
    LeaseLost,
    Problem,
    UnknownFile,
)
from officina.job import FILE_ID, Lease, LeaseRef, Outcome, Output, Renewal, new_secret, output_key
from officina.keyring import LOCAL
from officina.link import VERSION, Claim, Claimed, Finish, HandBack, Register, Registered, Renew, Warm, Work
from officina.picture import TYPES, sniff
from officina.queue.protocol import Taker, Worker
from officina.readiness import stands_in
from officina.service import Gateway, local_workers
from officina.store import Served
from officina.web.call import Call
from officina.web.chunks import opened, peek
from officina.web.render import Answer, json

MAX_OUTPUT_BYTES = 256 * 2**20
WARM_MOMENT_S = 0.1
"""So long an idle worker leaves a job to another one that waits here with the job's model loaded."""
LONGEST_CLAIM_S = 25.0
"""How long a claim or renewal waits at most; below the idle limits of common proxies."""
SMALL_BYTES = 256 * 1024
FILE_NAME = re.compile(r"[0-9a-f]{32}")

T = TypeVar("T")


async def register(call: Call) -> Answer:
    """A worker says hello; its identity for this start."""
    key = await call.key("worker")
    said = await call.read(Register)
    if said.version not in {VERSION, VERSION - 1}:
        raise CallerError(
            f"This gateway speaks version {VERSION} of the worker link and the worker {said.version}; "
            "bring both to the same release."
        )
    worker_id = (local_workers(call.gateway.settings.data) if key.id == LOCAL else "worker-") + new_secret()
    await call.gateway.crew.greet(Worker(worker_id, said))
    return json(
        Registered(
            worker_id=worker_id,
            lease_s=call.gateway.settings.lease_s,
            fetch=call.gateway.fetch_policy(),
            max_output_bytes=MAX_OUTPUT_BYTES,
            warm=tuple(_warm(call.gateway, said)),
            straight=call.gateway.store.signs,
        )
    )


async def claim(call: Call) -> Answer:
    """Lease jobs; waits for some, at most `wait_s`."""
    await call.key("worker")
    asked = await call.read(Claim)
    crew = call.gateway.crew
    worker = await crew.hear(asked.worker_id, claiming=True)
    taker = Taker(worker.id, asked.nonce, max(1, min(asked.n, 64)), asked.idle)
    models = (f"model:{each}" for each in call.gateway.served_by(asked.engines))
    async with call.listening(f"worker:{worker.id}", *models) as waiter:

        async def found() -> Claimed | None:
            if call.gateway.stopping:
                return None
            if crew.drains(worker.id):
                return Claimed(drain=True)
            leases = await _lease(call.gateway, worker, taker, asked)
            return Claimed(tuple(_work(call, lease) for lease in leases)) if leases else None

        with _waiting_warm(crew, asked):
            got: Claimed | None = await waiter.until(found, min(asked.wait_s, LONGEST_CLAIM_S))
    return json(got or Claimed())


async def _lease(gateway: Gateway, worker: Worker, taker: Taker, asked: Claim) -> Sequence[Lease]:
    """Claim; what is loaded on another worker that waits here is left to that one for a moment."""
    wants = gateway.wants(asked.engines, asked.warm, worker.said.labels)
    first = [want for want in wants if want.warm or not gateway.crew.idle_warm[want.model]]
    leases = await gateway.queue.claim(taker, first)
    if leases or len(first) == len(wants):
        return leases
    await asyncio.sleep(WARM_MOMENT_S)
    return [] if gateway.stopping else await gateway.queue.claim(taker, wants)


@contextlib.contextmanager
def _waiting_warm(crew: Crew, asked: Claim) -> Iterator[None]:
    """Count a worker as waiting with these models loaded."""
    models = asked.warm if asked.idle else ()
    crew.idle_warm.update(models)
    try:
        yield
    finally:
        crew.idle_warm.subtract(models)


async def renew(call: Call) -> Answer:
    """Extend leases and take news; with `wait_s`, waits for a stop wish."""
    await call.key("worker")
    asked = await call.read(Renew)
    crew = call.gateway.crew
    known = crew.get(asked.worker_id)
    if known is not None:
        crew.saw(known)

    def drains() -> bool:
        return crew.drains(asked.worker_id) and not asked.draining

    async with call.listening(f"worker:{asked.worker_id}") as waiter:
        renewal = await call.gateway.queue.renew(asked.worker_id, asked.news)
        if not renewal.lost and not renewal.stop and not drains() and asked.wait_s > 0:

            async def wishes() -> Renewal | None:
                found = await call.gateway.queue.renew(asked.worker_id, ())
                return found if found.stop or drains() else None

            renewal = await waiter.until(wishes, min(asked.wait_s, LONGEST_CLAIM_S)) or renewal
    return json(msgspec.structs.replace(renewal, drain=crew.drains(asked.worker_id)))


async def hand_back(call: Call) -> Answer:
    """Return leases to the queue."""
    await call.key("worker")
    asked = await call.read(HandBack)
    return json({"handed_back": await call.gateway.queue.hand_back(asked.leases)})


async def put_output(call: Call) -> Answer:
    """Store one output of a run: the path is ours, the size is capped, the type is told by the bytes."""
    await call.key("worker")
    lease = await call.gateway.queue.leased(LeaseRef(call.params["job_id"], call.query.get("token", "")))
    n = int(call.params["n"])
    head, chunks = await peek(call.chunks())
    found = sniff(head)
    kind = call.query.get("kind", "image")
    if found is None or found.kind != kind:
        what = "empty" if not head else "no picture or video that can be served"
        raise InvalidInput(detail=[Problem(("body",), f"output {n} is {what}", "output")])
    store_key = output_key(lease.job_id, lease.attempt, n, found.suffix)
    put = await call.gateway.store.put(store_key, chunks, MAX_OUTPUT_BYTES, Served(found.mime))
    return json(
        Output(
            n, cast("Literal['image', 'video']", kind), found.mime, found.suffix, put.size_bytes, put.sha256
        )
    )


async def get_file(call: Call) -> Answer | StreamingResponse:
    """An input that is a stored file, for the worker that fetches it."""
    await call.key("worker")
    name = call.params["name"].removeprefix(FILE_ID)
    if not FILE_NAME.fullmatch(name):
        raise UnknownFile
    file = await call.gateway.queue.file(name)
    chunks = await opened(call.gateway.store.read(file.store_key))
    if file.size_bytes <= SMALL_BYTES:  # a stream costs a task group, which a small file is not worth
        body = b"".join([chunk async for chunk in chunks])
        headers = [
            (b"content-type", file.content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        return Answer(200, body, headers)
    return StreamingResponse(
        chunks, media_type=file.content_type, headers={"Content-Length": str(file.size_bytes)}
    )


async def finish(call: Call) -> Answer:
    """The commit point: how an attempt ended."""
    await call.key("worker")
    asked = await call.read(Finish)
    _check_types(asked.outcome)
    lease = await _held(call, asked.lease)
    outcome = _judged(call.gateway, lease, asked.outcome) if lease else asked.outcome
    job = await call.gateway.queue.finish(asked.lease, outcome)
    call.gateway.metrics.finished(job.model, job.state, outcome.run_s)
    if job.state == "succeeded":
        call.gateway.pace.note(job.model, outcome.run_s)
    return json({"state": job.state})


def _check_types(outcome: Outcome) -> None:
    """Let no word of a worker become a type that we would not serve. Raises InvalidInput."""
    known = {(each.kind, each.mime, each.suffix) for each in TYPES.values()}
    for each in outcome.outputs:
        if (each.kind, each.content_type, each.suffix) not in known:
            sentence = f"output {each.n} is no picture or video that can be served"
            raise InvalidInput(detail=[Problem(("body", "outcome"), sentence, "output")])


def _judged(gateway: Gateway, lease: Lease, outcome: Outcome) -> Outcome:
    """What the end of an attempt costs, and whether it tells that its engine is down."""
    entry = gateway.catalog.get(lease.model)
    if entry is None:
        return outcome
    if outcome.kind == "succeeded":
        gateway.outages.clear(lease.model, lease.engine)
        return msgspec.structs.replace(outcome, cost_usd=_cost(entry, outcome))
    kind = RUN_ERRORS.get(outcome.failure.type) if outcome.failure else None
    if outcome.failure is None or kind is None or not kind.elsewhere:
        return outcome
    gateway.outages.note(lease.model, lease.engine, outcome.failure.message)
    bound = bool(lease.memo) and not gateway.settings.fall_over_paid
    if bound or not stands_in(entry.model, gateway.outages, gateway.offered(entry.model), lease.engine):
        return outcome
    return msgspec.structs.replace(outcome, retry=True, forget=True)


async def _held(call: Call, ref: LeaseRef) -> Lease | None:
    try:
        return await call.gateway.queue.leased(ref)
    except LeaseLost:
        return None


def _warm(gateway: Gateway, said: Register) -> Iterator[Warm]:
    """What a new worker shall load: each model that the operator wants warm, on the best engine it has."""
    for model_id in gateway.settings.warm[: said.slots]:
        entry = gateway.catalog.get(model_id)
        choices = [each for each in entry.model.choices if each.engine in said.engines] if entry else []
        if choices:
            yield Warm(model_id, choices[0].engine, dict(choices[0].options))


def _work(call: Call, lease: Lease) -> Work:
    entry = call.gateway.catalog.get(lease.model)
    assert entry is not None, "only models of the catalog are claimed"  # noqa: S101
    choice = entry.model.choice(lease.engine)
    return Work(
        job_id=lease.job_id,
        token=lease.token,
        attempt=lease.attempt,
        model=lease.model,
        engine=lease.engine,
        options=dict(choice.options),
        input=msgspec.json.decode(lease.input),
        media=entry.spec.media,
        accepts=entry.model.accepts,
        deadline_s=choice.deadline_s,
        started=lease.started,
        files_url=call.gateway.public_files_url,
        memo=lease.memo,
    )


def _cost(entry: Entry, outcome: Outcome) -> float:
    """The model's price for what was made; what a provider charged where the model has no price."""
    price = entry.model.price
    if not price.base_usd:
        return max(outcome.charged_usd or 0.0, 0.0)
    return round(price.base_usd * (len(outcome.outputs) if price.unit == "output" else outcome.run_s), 6)

"""The gateway's end of the worker's link, `/worker/v1`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Literal, TypeVar, cast

import msgspec
from starlette.responses import StreamingResponse

from officina.catalog import Entry
from officina.errors import (
    RUN_ERRORS,
    CallerError,
    InvalidInput,
    LeaseLost,
    Problem,
    UnknownFile,
    UnknownWorker,
)
from officina.job import FILE_ID, Lease, LeaseRef, Outcome, Output, Renewal, new_secret, output_key
from officina.keyring import LOCAL
from officina.link import VERSION, Claim, Claimed, Finish, HandBack, Register, Registered, Renew, Warm, Work
from officina.picture import sniff
from officina.queue.protocol import Taker
from officina.readiness import stands_in
from officina.service import Gateway, Member, local_workers
from officina.web.call import Call
from officina.web.chunks import opened, peek
from officina.web.render import Answer, json

MAX_OUTPUT_BYTES = 256 * 2**20
LONGEST_CLAIM_S = 25.0
"""How long a claim or renewal waits at most; below the idle limits of common proxies."""
_FILE_NAME = re.compile(r"[0-9a-f]{32}")

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
    call.gateway.members[worker_id] = Member(worker_id, said, time.time())
    return json(
        Registered(
            worker_id=worker_id,
            lease_s=call.gateway.settings.lease_s,
            fetch=call.gateway.fetch_policy(),
            max_output_bytes=MAX_OUTPUT_BYTES,
            warm=tuple(_warm(call.gateway, said)),
        )
    )


async def claim(call: Call) -> Answer:
    """Lease jobs; waits for some, at most `wait_s`."""
    await call.key("worker")
    asked = await call.read(Claim)
    _known(call, asked.worker_id)
    _seen(call, asked.worker_id)
    call.gateway.members[asked.worker_id].claimed = True
    taker = Taker(asked.worker_id, asked.nonce, max(1, min(asked.n, 64)), asked.idle)
    async with call.listening(*(f"model:{each}" for each in call.gateway.served_by(asked.engines))) as waiter:

        async def leases() -> list[Lease]:
            if call.gateway.stopping:
                return []
            wants = call.gateway.wants(asked.engines, asked.warm)
            return list(await call.gateway.queue.claim(taker, wants))

        got: list[Lease] = await waiter.until(leases, min(asked.wait_s, LONGEST_CLAIM_S)) or []
    return json(Claimed(tuple(_work(call, lease) for lease in got)))


async def renew(call: Call) -> Answer:
    """Extend leases and take news; with `wait_s`, waits for a stop wish."""
    await call.key("worker")
    asked = await call.read(Renew)
    _seen(call, asked.worker_id)
    async with call.listening(f"worker:{asked.worker_id}") as waiter:
        renewal = await call.gateway.queue.renew(asked.worker_id, asked.news)
        if not renewal.lost and not renewal.stop and asked.wait_s > 0:

            async def wishes() -> Renewal | None:
                found = await call.gateway.queue.renew(asked.worker_id, ())
                return found if found.stop else None

            renewal = await waiter.until(wishes, min(asked.wait_s, LONGEST_CLAIM_S)) or renewal
    return json(renewal)


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
    put = await call.gateway.store.put(store_key, chunks, MAX_OUTPUT_BYTES)
    return json(
        Output(
            n, cast("Literal['image', 'video']", kind), found.mime, found.suffix, put.size_bytes, put.sha256
        )
    )


async def get_file(call: Call) -> StreamingResponse:
    """An input that is a stored file, for the worker that fetches it."""
    await call.key("worker")
    name = call.params["name"].removeprefix(FILE_ID)
    if not _FILE_NAME.fullmatch(name):
        raise UnknownFile
    file = await call.gateway.queue.file(name)
    return StreamingResponse(
        await opened(call.gateway.store.read(file.store_key)),
        media_type=file.content_type,
        headers={"Content-Length": str(file.size_bytes)},
    )


async def finish(call: Call) -> Answer:
    """The commit point: how an attempt ended."""
    await call.key("worker")
    asked = await call.read(Finish)
    lease = await _held(call, asked.lease)
    outcome = _judged(call.gateway, lease, asked.outcome) if lease else asked.outcome
    job = await call.gateway.queue.finish(asked.lease, outcome)
    call.gateway.metrics.finished(job.model, job.state, outcome.run_s)
    return json({"state": job.state})


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
    if bound or not stands_in(entry.model, gateway.outages, gateway.offered(), lease.engine):
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


def _seen(call: Call, worker_id: str) -> None:
    member = call.gateway.members.get(worker_id)
    if member is not None:
        member.seen_at = time.time()


def _known(call: Call, worker_id: str) -> None:
    """Let a worker that outlived its gateway say hello again, and hear the terms of today."""
    if worker_id not in call.gateway.members:
        raise UnknownWorker

"""One's requests as they run: status, result, cancel, events, delete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import StreamingResponse

from officina.errors import ForeignRequest, InvalidInput, Problem, Unavailable, UnknownRequest
from officina.job import ENDED, Event, Job
from officina.store.protocol import discard
from officina.web.call import Call
from officina.web.render import Answer, encode, json, json_bytes, when

FORCE_WAIT_S = 1.5
"""How long a forced cancel waits to answer with the true state."""
KEEP_ALIVE_S = 15.0
AWAY_S = 1.0
"""How long a stream of events leaves the database alone that does not answer."""


async def status(call: Call) -> Answer:
    """The queue state. With `?wait=`, the answer comes when that state changes, or the wait is over."""
    owner, job = await mine(call)
    wait_s = call.wait_s()
    if wait_s and not job.ended:
        job = await _changed(call, job, owner, wait_s)
    base = f"{call.gateway.public_url}/v1/requests/{job.id}"
    place = ""
    if job.waiting:
        position = await call.gateway.queue.position(job)
        place = f',"queue_position":{position.place}'
        if position.estimate:
            place += ',"queue_position_estimate":true'
    return json_bytes(
        f'{{"request_id":"{job.id}","status":"{job.status_word()}"{place},"status_url":"{base}/status",'
        f'"result_url":"{base}/result"}}'.encode()
    )


async def result(call: Call) -> Answer:
    """The outcome, 200 in every state. With `?wait=`, the answer comes when the request has ended."""
    owner, job = await mine(call)
    wait_s = call.wait_s()
    if wait_s and not job.ended:
        job = await _ended(call, job, owner, wait_s)
    return json(await _result(call, job))


async def cancel(call: Call) -> Answer:
    """Cancel what waits; with `?force=true`, stop what runs. 202 with the outcome."""
    key = await call.key()
    force = call.flag("force")
    job_id = call.request_id
    async with call.listening(f"job:{job_id}") as waiter:
        answer = await visible(call, call.gateway.queue.cancel(job_id, key.owner, force=force))
        job: Job = answer.job
        if answer.stopping:

            async def ended() -> Job | None:
                now = await call.gateway.queue.get(job_id, key.owner)
                return now if now.ended else None

            job = await waiter.until(ended, FORCE_WAIT_S) or job
    outcome = "cancelled" if job.state == "cancelled" else "not_cancellable"
    return json({"request_id": job.id, "status": job.status_word(), "outcome": outcome}, 202)


async def events(call: Call) -> StreamingResponse:
    """The numbered events as server-sent events, from after `Last-Event-ID` until the end."""
    owner, job = await mine(call)
    last = call.header(b"last-event-id") or call.query.get("last_event_id", "0")
    if not last.isdecimal():
        raise InvalidInput(detail=[Problem(("header", "Last-Event-ID"), "must be a whole number", "integer")])
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = _stream(call, job.id, owner, int(last))
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def delete(call: Call) -> Answer:
    """Remove an ended run with its files."""
    key = await call.key()
    job_id = call.request_id
    store_keys = await visible(call, call.gateway.queue.delete(job_id, key.owner))
    await discard(call.gateway.store, store_keys)
    return json({"request_id": job_id, "deleted": True})


async def mine(call: Call) -> tuple[str | None, Job]:
    """The job in the path, with the owner that asks. Raises as `Queue.get`."""
    key = await call.key()
    return key.owner, await visible(call, call.gateway.queue.get(call.request_id, key.owner))


async def visible(call: Call, asked: Any) -> Any:
    """Await; where the operator wants it so, another's request looks like none."""
    try:
        return await asked
    except ForeignRequest:
        if call.gateway.settings.hide_foreign:
            raise UnknownRequest(f"There is no request {call.request_id}.") from None
        raise


async def _changed(call: Call, job: Job, owner: str | None, wait_s: float) -> Job:
    before = job.status_word()

    async def changed() -> Job | None:
        now = await call.gateway.queue.get(job.id, owner)
        return now if now.status_word() != before else None

    return await _wait(call, job, changed, wait_s)


async def _ended(call: Call, job: Job, owner: str | None, wait_s: float) -> Job:
    async def ended() -> Job | None:
        now = await call.gateway.queue.get(job.id, owner)
        return now if now.ended else None

    found = await _wait(call, job, ended, wait_s)
    return found if found.ended else await call.gateway.queue.get(job.id, owner)


async def _wait(call: Call, job: Job, probe: Any, wait_s: float) -> Job:
    async with call.listening(f"job:{job.id}") as waiter:
        found: Job | None = await waiter.until(probe, wait_s)
    return found or job


async def _result(call: Call, job: Job) -> dict[str, Any]:
    body: dict[str, Any] = {"request_id": job.id, "status": job.result_word(), "model_id": job.model}
    if job.state == "succeeded":
        body["output"] = await output(call, job)
    if job.error:
        body["error"] = msgspec.Raw(job.error)
    body["created_at"] = when(job.created_at)
    if job.finished_at is not None:
        body["finished_at"] = when(job.finished_at)
    if job.engine:
        body["engine"] = job.engine
    if job.notes:
        body["notes"] = msgspec.Raw(job.notes)
    if call.flag("include_cost"):
        body["cost"] = job.cost_usd
    return body


async def output(call: Call, job: Job, *, shared: bool = False) -> dict[str, Any]:
    """The files of a job that succeeded, as URLs by member.

    They are ours for our pages, which load nothing from other hosts, and for shares, which can be taken back.
    """
    urls = call.gateway.file_urls
    names: dict[str, list[str]] = msgspec.json.decode(job.output or b"{}")
    output: dict[str, Any]
    if shared or urls.are_ours or not call.header(b"authorization"):
        output = {member: [urls.ours(name) for name in each] for member, each in names.items()}
    else:
        output = {member: [await urls.direct(name) for name in each] for member, each in names.items()}
    if call.gateway.settings.single_image and len(output.get("images", ())) == 1:
        output["image"] = output["images"][0]
    if len(output.get("videos", ())) == 1:
        output["video"] = output["videos"][0]
    return output


async def _stream(call: Call, job_id: str, owner: str | None, last: int) -> AsyncIterator[bytes]:
    queue, gateway = call.gateway.queue, call.gateway
    with queue.wakes.listen(f"job:{job_id}", "stop") as listener:
        while not gateway.stopping:
            try:
                job = await queue.get(job_id, owner)
                news = await queue.events(job_id, last)
            except UnknownRequest:
                return
            except Unavailable:  # the database is away: whoever follows need not come again for that
                await listener.wait(AWAY_S)
                continue
            for event in news:
                yield _server_sent(event)
                last = event.n
            if job.state in ENDED and (not news or news[-1].kind == "ended"):
                return
            if not await listener.wait(KEEP_ALIVE_S):
                yield b": keep-alive\n\n"


def _server_sent(event: Event) -> bytes:
    data = encode({**event.data, "at": when(event.at)})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.n, event.kind.encode(), data)

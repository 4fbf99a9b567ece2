"""The catalogue, and the route that everything is about: submit."""

from __future__ import annotations

from typing import Any

from officina.catalog import Entry, id_problem, published
from officina.errors import CallerError, InvalidInput, MalformedId, NotReady, Problem, UnknownModel
from officina.job import LEVELS, Depth, Filter, Level
from officina.pace import KEPT, wait_s
from officina.submit import Order
from officina.web.call import Call, decode_json
from officina.web.render import Answer, json, json_bytes

LONGEST_IDEMPOTENCY_KEY = 255


async def submit(call: Call) -> Answer:
    """Enqueue a run; 200 with the request id and its URLs, once it is on disk."""
    key = await call.key()
    call.gateway.check_disk()
    if call.gateway.settings.when_not_ready == "refuse":
        _require_ready(call)
    order = Order(
        key=key,
        model_id=call.params["model_id"],
        body=decode_json(await call.body()),
        level=_level(call),
        idempotency_key=_idempotency_key(call),
    )
    submitted = await call.gateway.intake.submit(order)
    url = f"{call.gateway.public_url}/v1/requests/{submitted.id}"
    answer = json_bytes(
        f'{{"request_id":"{submitted.id}","status_url":"{url}/status","result_url":"{url}/result",'
        f'"cancel_url":"{url}/cancel"}}'.encode()
    )
    if submitted.replayed:
        answer.headers.append((b"idempotent-replayed", b"true"))
    if submitted.allowance:
        told = submitted.allowance.headers().items()
        answer.headers += [(name.lower().encode(), value.encode()) for name, value in told]
    return answer


async def show(call: Call) -> Answer:
    """One model, with its schemas."""
    await call.key()
    found = entry(call)
    return json(_listed(call, found, include_schema=True) | {"outlook": await outlook(call, found)})


async def search(call: Call) -> Answer:
    """The catalogue: `search`, `category`, `kind`, `include_schema`, `limit`, `offset`."""
    await call.key()
    limit, offset = int(call.number("limit", 100, 1, 500)), int(call.number("offset", 0, 0, 1e9))
    found, total = call.gateway.catalog.search(
        call.query.get("search", ""),
        category=call.query.get("category", ""),
        kind=call.query.get("kind", ""),
        limit=limit,
        offset=offset,
    )
    schema = call.flag("include_schema")
    models = [_listed(call, each, include_schema=schema) for each in found]
    return json({"models": models, "total": total, "limit": limit, "offset": offset})


async def categories(call: Call) -> Answer:
    """Every category of the catalogue."""
    await call.key()
    return json({"categories": call.gateway.catalog.categories()})


async def outlook(call: Call, found: Entry) -> dict[str, Any]:
    """What a run of this model would meet now: who is before it, how long runs take, how long it may wait."""
    gateway = call.gateway
    depth = (await gateway.queue.depth()).get(found.model.id, Depth())
    usual_s = await _usual_s(call, found.model.id)
    slots = gateway.slots(gateway.readiness(found.model).engine)
    waits_s = wait_s(depth.waiting, depth.running, slots, usual_s)
    return {
        "waiting": depth.waiting,
        "running": depth.running,
        "usual_run_s": None if usual_s is None else round(usual_s, 1),
        "wait_s": None if waits_s is None else round(waits_s, 1),
    }


async def _usual_s(call: Call, model: str) -> float | None:
    """How long a run of that model usually takes here; the first time, from the runs that are kept."""
    pace, queue = call.gateway.pace, call.gateway.queue
    if not pace.knows(model):
        kept = await queue.list(Filter(model=model, states=("succeeded",), limit=KEPT))
        took = [each.finished_at - each.started_at for each in kept if each.finished_at and each.started_at]
        pace.recall(model, reversed(took))
    return pace.usual_s(model)


def _listed(call: Call, found: Entry, *, include_schema: bool) -> dict[str, Any]:
    """A model as the catalogue publishes it, with the engine that would answer now."""
    now = call.gateway.readiness(found.model)
    listed = published(found, call.gateway.public_url, include_schema=include_schema)
    return listed | {"engine": now.engine, "ready": now.ready, "not_ready_reason": now.reason}


def _require_ready(call: Call) -> None:
    found = call.gateway.catalog.get(call.params["model_id"])
    if found is not None and not (now := call.gateway.readiness(found.model)).ready:
        raise NotReady(f"{found.model.id} cannot run at the moment: {now.reason}.", retry_after=30)


def entry(call: Call) -> Entry:
    """The model in the path. Raises MalformedId, UnknownModel."""
    model_id = call.params["model_id"].strip("/ ")
    found = call.gateway.catalog.get(model_id)
    if found is not None:
        return found
    problem = id_problem(model_id)
    if problem:
        raise MalformedId(f"The model id {model_id[:100]!r} is malformed: {problem}")
    raise UnknownModel(f"No model {model_id!r} is offered here; GET /v1/models lists them.")


def _level(call: Call) -> Level:
    word = call.query.get("priority", "normal") if call.scope["query_string"] else "normal"
    if word not in LEVELS:
        sentence = f"must be one of: {', '.join(LEVELS)}; got {word[:40]!r}"
        raise InvalidInput(detail=[Problem(("query", "priority"), sentence, "enum")])
    return LEVELS[word]


def _idempotency_key(call: Call) -> str:
    given = call.header(b"idempotency-key")
    if len(given) > LONGEST_IDEMPOTENCY_KEY:
        raise CallerError(f"The Idempotency-Key may have at most {LONGEST_IDEMPOTENCY_KEY} characters.")
    return given

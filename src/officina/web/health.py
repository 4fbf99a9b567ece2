"""Whether the server lives, whether it is ready, and its figures."""

from __future__ import annotations

from officina.errors import Unavailable
from officina.job import Depth
from officina.web.call import Call
from officina.web.render import Answer, json


async def alive(call: Call) -> Answer:  # noqa: ARG001
    """The process answers."""
    return json({"status": "ok"})


async def ready(call: Call) -> Answer:
    """The database answers and submits are taken."""
    if call.gateway.leaving:
        raise Unavailable("This server is stopping; another one, or the next, takes calls.", retry_after=1)
    call.gateway.check_disk()
    await call.gateway.queue.keys()
    return json({"status": "ready", "workers": workers_heard(call), "store": await _store(call)})


async def _store(call: Call) -> str:
    """How the store is. A silent one makes no gateway unready: another gateway has the same store."""
    try:
        await call.gateway.store.check()
    except Unavailable:
        return "unavailable"
    return "ok"


async def metrics(call: Call) -> Answer:
    """The figures in the Prometheus text format."""
    await call.key("admin")
    return await figures(call)


async def figures(call: Call) -> Answer:
    """The same without a key, for the separate address that `metrics_listen` names."""
    # A model that nothing waits for is listed as well: what scales by these figures must read a zero.
    depth = {**dict.fromkeys(call.gateway.catalog.entries, Depth()), **await call.gateway.queue.depth()}
    body = call.gateway.metrics.text(depth, workers_heard(call))
    return Answer(200, body, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")])


def workers_heard(call: Call) -> int:
    """How many workers were heard of lately."""
    return len(call.gateway.crew.there())

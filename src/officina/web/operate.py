"""What an operator looks at: the queue, the workers, and what takes space."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from officina.crew import HEARD_S
from officina.job import Depth, Running
from officina.keyring import LOCAL
from officina.queue.protocol import Worker
from officina.service import MIB
from officina.web.call import Call
from officina.web.render import Answer, json, when

SHOWN_S = 3600.0
"""A worker that was not heard of for so long, and holds nothing, is not listed any more."""


async def queue(call: Call) -> Answer:
    """What waits and runs now: per model, and per key."""
    await call.key("admin")
    names = {key.id: key.name for key in await call.gateway.queue.keys()}
    models = await call.gateway.queue.depth()
    keys = await call.gateway.queue.depth_by_key()
    return json(
        {
            "at": when(time.time()),
            "waiting": sum(depth.waiting for depth in models.values()),
            "running": sum(depth.running for depth in models.values()),
            "models": [{"model_id": model_id, **_depth(depth)} for model_id, depth in _busy(models)],
            "keys": [
                {"key_id": key_id, "key_name": names.get(key_id, ""), **_depth(depth)}
                for key_id, depth in _busy(keys)
            ],
        }
    )


async def workers(call: Call) -> Answer:
    """The workers of all gateways, and what each of them runs."""
    await call.key("admin")
    held: dict[str, list[Running]] = defaultdict(list)
    for each in await call.gateway.queue.running():
        held[each.worker].append(each)
    now = time.time()
    known = [
        _worker(each, held.pop(each.id, []), now)
        for each in call.gateway.crew
        if each.id in held or now - each.seen_at < SHOWN_S
    ]
    lost = [_unknown(worker_id, runs) for worker_id, runs in held.items()]
    return json({"workers": sorted(known, key=lambda each: str(each["name"])) + lost})


async def drain(call: Call) -> Answer:
    """Wish that a worker finishes what it runs, and ends; 202, since that takes a while."""
    await call.key("admin")
    worker = await call.gateway.crew.drain(call.params["worker_id"])
    held = [each for each in await call.gateway.queue.running() if each.worker == worker.id]
    return json(_worker(worker, held, time.time()), 202)


async def storage(call: Call) -> Answer:
    """What the files and the database take, what is free, and how long things are kept."""
    await call.key("admin")
    settings = call.gateway.settings
    found = await call.gateway.queue.storage()
    stored = {each.kind: each for each in found.stored}
    return json(
        {
            "files": {
                kind: {
                    "count": stored[kind].files if kind in stored else 0,
                    "size_bytes": stored[kind].size_bytes if kind in stored else 0,
                }
                for kind in ("output", "upload", "input")
            },
            "database_bytes": found.database_bytes,
            "store": settings.store or "folder",
            "free_bytes": call.gateway.store.free_bytes(),
            "reserve_bytes": settings.disk_reserve_mb * MIB,
            "retention_days": settings.retention_days,
        }
    )


def _busy(depths: Mapping[str, Depth]) -> list[tuple[str, Depth]]:
    return [(name, depth) for name, depth in depths.items() if depth.waiting or depth.running]


def _depth(depth: Depth) -> dict[str, Any]:
    return {"waiting": depth.waiting, "running": depth.running, "oldest_s": round(depth.oldest_s, 3)}


def _worker(worker: Worker, runs: list[Running], now: float) -> dict[str, Any]:
    return {
        "worker_id": worker.id,
        "name": worker.said.name,
        "is_local": worker.id.startswith(f"{LOCAL}-"),
        "is_heard": now - worker.seen_at < HEARD_S,
        "is_draining": worker.drain_wish,
        "last_seen_at": when(worker.seen_at),
        "registered_at": when(worker.registered_at),
        "gateway": worker.gateway,
        "release": worker.said.release,
        "slots": worker.said.slots,
        "busy": sum(each.started_at is not None for each in runs),
        "memory_mb": worker.said.memory_mb or None,
        "engines": worker.said.engines,
        "labels": worker.said.labels,
        "running": [_run(each) for each in runs],
    }


def _unknown(worker_id: str, runs: list[Running]) -> dict[str, Any]:
    """A worker that is not recorded any more and still holds leases."""
    return {
        "worker_id": worker_id,
        "name": "",
        "is_local": worker_id.startswith(f"{LOCAL}-"),
        "is_heard": False,
        "is_draining": False,
        "last_seen_at": None,
        "registered_at": None,
        "gateway": "",
        "release": "",
        "slots": None,
        "busy": sum(each.started_at is not None for each in runs),
        "memory_mb": None,
        "engines": [],
        "labels": {},
        "running": [_run(each) for each in runs],
    }


def _run(each: Running) -> dict[str, Any]:
    return {
        "request_id": each.job_id,
        "model_id": each.model,
        "key_id": each.key_id,
        "engine": each.engine,
        "attempt": each.attempt,
        "started_at": when(each.started_at) if each.started_at is not None else None,
        "lease_until": when(each.lease_until),
    }

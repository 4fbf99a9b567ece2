"""What an operator looks at: the queue, the workers, and what takes space."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from officina.job import Depth, Running
from officina.keyring import LOCAL
from officina.service import HEARD_S, MIB, Member
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
    """The workers that this gateway knows, and what each of them runs."""
    await call.key("admin")
    held: dict[str, list[Running]] = defaultdict(list)
    for each in await call.gateway.queue.running():
        held[each.worker].append(each)
    now = time.time()
    known = [
        _worker(member, held.pop(member.id, []), now)
        for member in call.gateway.members.values()
        if member.id in held or now - member.seen_at < SHOWN_S
    ]
    lost = [_unknown(worker_id, runs) for worker_id, runs in held.items()]
    return json({"workers": sorted(known, key=lambda each: str(each["name"])) + lost})


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


def _worker(member: Member, runs: list[Running], now: float) -> dict[str, Any]:
    return {
        "worker_id": member.id,
        "name": member.said.name,
        "is_local": member.id.startswith(f"{LOCAL}-"),
        "is_heard": now - member.seen_at < HEARD_S,
        "last_seen_at": when(member.seen_at),
        "slots": member.said.slots,
        "engines": member.said.engines,
        "labels": member.said.labels,
        "running": [_run(each) for each in runs],
    }


def _unknown(worker_id: str, runs: list[Running]) -> dict[str, Any]:
    """A worker that registered with an earlier gateway and still holds leases."""
    return {
        "worker_id": worker_id,
        "name": "",
        "is_local": worker_id.startswith(f"{LOCAL}-"),
        "is_heard": False,
        "last_seen_at": None,
        "slots": None,
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

"""Keys: all of them for whoever holds the admin scope, one's own for everybody; and the back-up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import StreamingResponse

from officina.backup import stream
from officina.errors import InvalidInput, Problem, UnknownRequest
from officina.keys import Key, KeyChange, KeyLimits, mint, read_limits, read_scopes
from officina.queue.protocol import Use
from officina.service import usual_limits
from officina.web.call import Call
from officina.web.render import Answer, json, when


async def create(call: Call) -> Answer:
    """Make a key from `{"name", "scopes", "weight", "limits"}`; 201 with its secret, shown this once."""
    await call.key("admin")
    asked = await call.json()
    if not isinstance(asked, dict) or not isinstance(asked.get("name"), str) or not asked["name"].strip():
        raise InvalidInput(detail=[Problem(("body", "name"), "name is required, as text", "required")])
    weight = asked.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0.01 <= weight <= 100:
        raise InvalidInput(detail=[Problem(("body", "weight"), "must be a number from 0.01 to 100", "range")])
    limits = read_limits(asked.get("limits", {}))
    key, secret = mint(asked["name"].strip()[:100], read_scopes(asked.get("scopes", ["caller"])))
    key = msgspec.structs.replace(key, weight=float(weight), limits=limits)
    await call.gateway.queue.add_key(key)
    return json({**shown(key), "key": secret}, 201)


async def listing(call: Call) -> Answer:
    """Every key with what it takes now, without its secret."""
    await call.key("admin")
    keys = await call.gateway.queue.keys()
    uses = await call.gateway.queue.use([key.id for key in keys])
    return json({"keys": [shown(key) | {"use": used(uses[key.id])} for key in keys]})


async def own(call: Call) -> Answer:
    """The key that asks: the limits that hold for it, and what it takes now."""
    return await _in_full(call, (await call.key()).id)


async def show(call: Call) -> Answer:
    """The same of any key."""
    await call.key("admin")
    return await _in_full(call, call.params["key_id"])


async def change(call: Call) -> Answer:
    """Change the name, the weight or some limits of a key; a limit that is `null` is the settings' again."""
    await call.key("admin")
    key_id = call.params["key_id"]
    key = await call.gateway.queue.change_key(key_id, await call.read(KeyChange))
    call.gateway.keyring.forget(key_id)
    return json(shown(key))


async def revoke(call: Call) -> Answer:
    """Revoke a key at once. Its waiting requests run on, unless `?cancel_waiting=true`."""
    await call.key("admin")
    key_id = call.params["key_id"]
    key = await call.gateway.queue.revoke_key(key_id, cancel_waiting=call.flag("cancel_waiting"))
    call.gateway.keyring.forget(key_id)
    return json(shown(key))


async def backup(call: Call) -> StreamingResponse:
    """A back-up of everything as a tar stream, taken while the server runs."""
    await call.key("admin")
    await call.body()
    tar = stream(call.gateway.queue, call.gateway.settings.data, call.gateway.place.folder)
    head = await anext(tar)  # a database that cannot be copied is said in an answer, not by a broken tar
    return StreamingResponse(_from(head, tar), media_type="application/x-tar")


async def _from(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for chunk in rest:
        yield chunk


async def _in_full(call: Call, key_id: str) -> Answer:
    key = next((each for each in await call.gateway.queue.keys() if each.id == key_id), None)
    if key is None:
        raise UnknownRequest(f"There is no key {key_id}; `GET /v1/keys` lists them.")
    uses = await call.gateway.queue.use([key.id])
    in_force = key.limits.over(usual_limits(call.gateway.settings))
    return json(shown(key) | {"limits_in_force": in_force, "use": used(uses[key.id])})


def shown(key: Key) -> dict[str, Any]:
    """A key as an admin reads it: without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "hint": key.hint + "…",
        "weight": key.weight,
        "limits": shown_limits(key.limits),
        "created_at": when(key.created_at),
        "last_used_at": when(key.last_used_at) if key.last_used_at else None,
        "revoked_at": when(key.revoked_at) if key.revoked_at else None,
    }


def shown_limits(limits: KeyLimits) -> dict[str, Any]:
    """Limits by name; `null` is what the settings say."""
    return msgspec.structs.asdict(limits)


def used(use: Use) -> dict[str, Any]:
    """What a key takes now, and has taken today."""
    rate = use.allowance
    return {
        "waiting": use.waiting,
        "running": use.running,
        "outputs_today": use.outputs,
        "cost_usd_today": round(use.cost_usd, 6),
        "held_outputs": use.held_outputs,
        "held_usd": use.held_usd,
        "submits_left": rate.remaining if rate else None,
    }

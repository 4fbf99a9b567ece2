"""Keys, for whoever holds the admin scope; and the back-up."""

from __future__ import annotations

import msgspec
from starlette.responses import StreamingResponse

from officina.backup import stream
from officina.errors import InvalidInput, Problem
from officina.keys import Key, mint, read_scopes
from officina.web.call import Call
from officina.web.render import Answer, json, when


async def create(call: Call) -> Answer:
    """Make a key from `{"name", "scopes"}`; 201 with its secret, which is shown this once."""
    await call.key("admin")
    asked = await call.json()
    if not isinstance(asked, dict) or not isinstance(asked.get("name"), str) or not asked["name"].strip():
        raise InvalidInput(detail=[Problem(("body", "name"), "name is required, as text", "required")])
    weight = asked.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0.01 <= weight <= 100:
        raise InvalidInput(detail=[Problem(("body", "weight"), "must be a number from 0.01 to 100", "range")])
    key, secret = mint(asked["name"].strip()[:100], read_scopes(asked.get("scopes", ["caller"])))
    key = msgspec.structs.replace(key, weight=float(weight))
    await call.gateway.queue.add_key(key)
    return json({**shown(key), "key": secret}, 201)


async def listing(call: Call) -> Answer:
    """Every key, without its secret."""
    await call.key("admin")
    return json({"keys": [shown(key) for key in await call.gateway.queue.keys()]})


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
    return StreamingResponse(tar, media_type="application/x-tar")


def shown(key: Key) -> dict[str, object]:
    """A key as an admin reads it: without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "hint": key.hint + "…",
        "weight": key.weight,
        "created_at": when(key.created_at),
        "last_used_at": when(key.last_used_at) if key.last_used_at else None,
        "revoked_at": when(key.revoked_at) if key.revoked_at else None,
    }

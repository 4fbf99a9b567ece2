"""Keys: every key of the server, made, limited and revoked through `/v1/keys`."""

from __future__ import annotations

import msgspec

from officina.keys import SCOPES, KeyLimits
from officina.web.render import Answer
from officina.web.site.page import Page


async def show(page: Page) -> Answer:
    """The list, newest first, those revoked last; and the form for a new key."""
    own = page.require("admin")
    await page.call.gateway.keyring.flush()  # so that "last used" is true
    queue = page.call.gateway.queue
    keys = await queue.keys()
    return page.html(
        "keys.html",
        script=("keys",),
        keys=sorted(keys, key=lambda key: (key.revoked_at is not None, -key.created_at)),
        own=own,
        uses=await queue.use([key.id for key in keys]),
        limits={key.id: _set(key.limits) for key in keys},
        limit_names=KeyLimits.__struct_fields__,
        scopes=SCOPES,
    )


def _set(limits: KeyLimits) -> dict[str, float]:
    """The limits of a key's own, by name."""
    return {name: value for name, value in msgspec.structs.asdict(limits).items() if value is not None}

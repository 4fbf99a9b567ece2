"""Keys: every key of the server, made and revoked through `/v1/keys`."""

from __future__ import annotations

from officina.keys import SCOPES
from officina.web.render import Answer
from officina.web.site.page import Page


async def show(page: Page) -> Answer:
    """The list, newest first, those revoked last; and the form for a new key."""
    own = page.require("admin")
    await page.call.gateway.keyring.flush()  # so that "last used" is true
    keys = await page.call.gateway.queue.keys()
    return page.html(
        "keys.html",
        script=("keys",),
        keys=sorted(keys, key=lambda key: (key.revoked_at is not None, -key.created_at)),
        own=own,
        scopes=SCOPES,
    )

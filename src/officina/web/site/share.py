"""A shared result as a page, in the language of whoever has the link, until it is taken back."""

from __future__ import annotations

from typing import Any

from officina.web import library
from officina.web.render import Answer
from officina.web.site.explore import texts_of
from officina.web.site.page import Page


async def show(page: Page) -> Answer:
    """Render the share in the path. Raises UnknownRequest."""
    call = page.call
    kept = await library.find_share(call)
    share = await library.show_share(call, kept)
    entry = call.gateway.catalog.get(share["model_id"])
    asked: dict[str, Any] = share["input"]
    answer = page.html(
        "share.html",
        share=share,
        files=_paths(share["output"], call.gateway.public_url),
        name=texts_of(entry.model, page.locale.code)[0].display_name if entry else share["model_id"],
        texts=[asked[field] for field in (entry.spec.texts if entry else ()) if field in asked],
        made_at=kept.job.created_at,
        is_offered=entry is not None,
    )
    own = {b"cache-control": b"private, no-store", b"referrer-policy": b"no-referrer"}
    answer.headers = [(name, own.get(name, value)) for name, value in answer.headers]
    answer.headers.append((b"x-robots-tag", b"noindex"))
    return answer


def _paths(output: dict[str, Any], base_url: str) -> dict[str, list[str]]:
    return {
        kind: [url.removeprefix(base_url) for url in output.get(kind, ())] for kind in ("images", "videos")
    }

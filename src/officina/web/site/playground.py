"""The playground of a model: a form made from its schema, runs that are followed live, and what they made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from officina.catalog import Entry
from officina.dialect import worded
from officina.web.render import Answer
from officina.web.site import samples
from officina.web.site.explore import card, words_of
from officina.web.site.form import fields
from officina.web.site.model_api import entry_of
from officina.web.site.page import Page
from officina.web.site.schema_table import rows


async def show(page: Page) -> Answer:
    """Render the page. Its script reads `request` (runs to show) and `from` (a run to take the input of).

    Raises UnknownModel, MalformedId.
    """
    entry, gateway = entry_of(page), page.call.gateway
    example = await gateway.examples.input(entry, gateway.public_url)
    files = await gateway.examples.files(entry)
    names = {f"{gateway.public_url}/files/{file.name}{file.suffix}": file.filename for file in files.values()}
    described = page.site.keep(
        ("unscripted", entry.model.id, page.locale.code), lambda: _described(page, entry, example)
    )
    return page.html(
        "playground.html",
        script=("playground", "run", "form", "explore", "probe", "before"),
        facts=_facts(page, entry, example, names),
        card=card(page, entry),
        described=described,
        tabs=samples.LANGUAGES,
        has_pictures=bool(entry.spec.media),
    )


def _facts(page: Page, entry: Entry, example: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    model, settings = entry.model, page.call.gateway.settings
    return {
        "modelId": model.id,
        "fields": msgspec.to_builtins(fields(entry, page.locale.code)),
        "example": example,
        "exampleNames": names,
        "accepts": model.accepts,
        "maxUploadMb": settings.max_upload_mb,
        "variable": samples.VARIABLE,
        "keyHint": f"{page.key.hint}…" if page.key else "",
        "priceUsd": model.price.base_usd,
        "priceUnit": model.price.unit,
    }


def _described(page: Page, entry: Entry, example: Mapping[str, Any]) -> str:
    """What readers without scripts see instead of the form."""
    words, tongue = words_of(entry.model, page.locale.code)
    return page.site.render(
        "playground_described.html",
        page=page,
        t=page.t,
        model_id=entry.model.id,
        rows=list(rows(worded(entry.model.input_schema, words), page.locale)),
        tongue=tongue,
        example=json.dumps(example, ensure_ascii=False, indent=2),
    )

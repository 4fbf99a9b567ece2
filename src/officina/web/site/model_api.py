"""The API page of a model: how to call it, every field it takes, what it gives. Made from the catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from officina.catalog import Entry, id_problem
from officina.dialect import worded
from officina.errors import MalformedId, UnknownModel
from officina.keys import Key
from officina.web.render import Answer
from officina.web.site import samples
from officina.web.site.explore import card, words_of
from officina.web.site.locale import Locale, load
from officina.web.site.page import Page
from officina.web.site.samples import Sample
from officina.web.site.schema_table import Row, rows

OUTPUTS = ("image", "video", "images", "videos")
"""Members of an output schema whose usual English descriptions the pages translate."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What never changes on a model's page in one language."""

    whole_road: tuple[Sample, ...]
    submit: tuple[Sample, ...]
    status: tuple[Sample, ...]
    result: tuple[Sample, ...]
    cancel: tuple[Sample, ...]
    input_rows: tuple[Row, ...]
    input_tongue: str
    """The language of their titles, descriptions and rules."""
    input_json: str
    output_rows: tuple[Row, ...]
    output_json: str


async def show(page: Page) -> Answer:
    """Render the page. Raises UnknownModel, MalformedId."""
    entry, gateway = entry_of(page), page.call.gateway
    example = await gateway.examples.input(entry, gateway.public_url)
    manual = page.site.keep(
        ("manual", entry.model.id, page.locale.code), lambda: _manual(page, entry, example)
    )
    return page.html(
        "model_api.html",
        card=card(page, entry),
        manual=manual.replace(samples.KEY, _shown(page.key)),
    )


def _manual(page: Page, entry: Entry, example: Mapping[str, Any]) -> str:
    gateway = page.call.gateway
    return page.site.render(
        "model_manual.html",
        page=page,
        t=page.t,
        model_id=entry.model.id,
        parts=make_parts(entry, example, gateway.public_url, page.locale),
        base=gateway.public_url,
        upload_mb=gateway.settings.max_upload_mb,
        variable=samples.VARIABLE,
    )


def entry_of(page: Page) -> Entry:
    """The model that the path names. Raises UnknownModel, MalformedId."""
    model_id = page.call.params["model_id"]
    entry = page.call.gateway.catalog.get(model_id)
    if entry is not None:
        return entry
    if problem := id_problem(model_id):
        raise MalformedId(f"The model id {model_id[:100]!r} is malformed: {problem}")
    raise UnknownModel(f"No model {model_id!r} is offered here.")


def make_parts(entry: Entry, example: Mapping[str, Any], base_url: str, t: Locale) -> Parts:
    """Make samples and tables of a model in one language."""
    model = entry.model
    body = {name: example[name] for name in entry.spec.required if name in example} or dict(example)
    words, tongue = words_of(model, t.code)
    shown_input, shown_output = _input_schema(model.input_schema, t), _output_schema(model.output_schema, t)
    return Parts(
        whole_road=samples.whole_road(model.id, body, base_url),
        submit=samples.of(samples.submit(model.id, body), base_url),
        status=samples.of(samples.STATUS, base_url),
        result=samples.of(samples.RESULT, base_url),
        cancel=samples.of(samples.CANCEL, base_url),
        input_rows=tuple(rows(worded(model.input_schema, words), t)),
        input_tongue=tongue,
        input_json=_json(shown_input),
        output_rows=tuple(rows(shown_output.get("output", {}), t)),
        output_json=_json(shown_output),
    )


def _input_schema(schema: Mapping[str, Any], t: Locale) -> Mapping[str, Any]:
    usual = schema.get("title") == load("en").plain("api.input_title")
    return {**schema, "title": t.plain("api.input_title")} if usual else schema


def _output_schema(schema: Mapping[str, Any], t: Locale) -> Mapping[str, Any]:
    """The schema with its usual descriptions in the language of the page."""
    english = load("en")
    output = schema.get("output", {})
    members = dict(output.get("properties", {}))
    for name in OUTPUTS:
        if name in members and members[name].get("description") == english.plain(f"api.output_{name}"):
            members[name] = {**members[name], "description": t.plain(f"api.output_{name}")}
    return {**schema, "output": {**output, "properties": members}} if members else schema


def _shown(key: Key | None) -> Markup:
    """The reader's own key as samples show it, masked; what is copied names the variable instead."""
    if key is None:
        return escape("<token>")
    return Markup('<span class="secret" data-copy="${}">{}…</span>').format(samples.VARIABLE, key.hint)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)

"""Generations: the library of one's runs, and each of them whole. Private, but for what was shared."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup

from officina.job import RESULT_WORDS
from officina.web import library
from officina.web.call import Call
from officina.web.render import Answer
from officina.web.site.explore import card
from officina.web.site.form import fields
from officina.web.site.page import Page

PAGE = 24
"""Runs on one page."""
TEXTS = ("generations", "run")


async def show(page: Page) -> Answer:
    """The reader's runs that fit `search`, `state` and `model`, newest first, after `cursor`."""
    page.require("caller")
    asked = {name: page.call.query.get(name, "") for name in ("search", "state", "model", "cursor")}
    asked["search"] = asked["search"].strip()[: library.LONGEST_SEARCH]
    said = await _listed(page.call, asked)
    return page.html(
        "generations.html",
        script=TEXTS,
        facts={"page": said, "pageSize": PAGE},
        asked=asked,
        cards=[_shown(page, run) for run in said["requests"]],
        older=_older(asked, said["next_cursor"]),
        states=tuple(RESULT_WORDS.values()),
        models=tuple(page.call.gateway.catalog.entries),
    )


async def show_one(page: Page) -> Answer:
    """A run whole: what was asked, what came of it, and its share. Raises as `/v1/requests/{id}`."""
    page.require("caller")
    kept = await _whole(page.call, page.call.params["request_id"])
    entry = page.call.gateway.catalog.get(kept["model_id"])
    return page.html(
        "generation.html",
        script=TEXTS,
        facts={
            "requestId": kept["request_id"],
            "modelId": kept["model_id"],
            "fields": msgspec.to_builtins(fields(entry, page.locale.code)) if entry else [],
        },
        run=kept,
        card=card(page, entry) if entry else None,
        prompt=prompt_of(kept["input"]),
        asked=json.dumps(kept["input"], ensure_ascii=False, indent=2),
    )


async def compare(page: Page) -> Answer:
    """Two runs, `a` and `b`, side by side: what came of each, and in what they were asked differently.

    Raises as `show_one`.
    """
    page.require("caller")
    runs = [await _whole(page.call, page.call.query.get(name, "")) for name in ("a", "b")]
    return page.html(
        "compare.html",
        runs=runs,
        pictures={each["id"]: each["url"] for run in runs for each in run["files"] if _is_picture(each)},
        rows=_side_by_side(runs[0]["input"], runs[1]["input"]),
    )


def prompt_of(asked: dict[str, Any]) -> str:
    """The words of an input that say most about it: its first text, a prompt before others."""
    texts = {name: value for name, value in asked.items() if isinstance(value, str)}
    named = [value for name, value in texts.items() if "prompt" in name or "text" in name]
    return next(iter(named), "")


def _shown(page: Page, run: dict[str, Any]) -> str:
    """The card of a run. Nothing changes it any more once the run has ended, so then it is kept."""

    def make() -> str:
        asked = prompt_of(run["input"] or {})
        return page.site.render("generation_card.html", page=page, t=page.t, run=run, prompt=asked)

    if not run["finished_at"]:
        return Markup(make())  # noqa: S704 - it comes out of a template
    return page.site.keep(("run", run["request_id"], page.locale.code), make)


def _side_by_side(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, list[str], list[str]]]:
    """Every member of two inputs, in their order: its name, and its values in the one and in the other."""
    return [(name, _values(one, name), _values(other, name)) for name in dict.fromkeys([*one, *other])]


def _is_picture(file: dict[str, Any]) -> bool:
    return str(file["content_type"]).startswith("image/")


def _values(asked: dict[str, Any], name: str) -> list[str]:
    value = asked.get(name, [])
    values = value if isinstance(value, list) else [value]
    return [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in values]


async def _whole(call: Call, request_id: str) -> dict[str, Any]:
    """A request as the API tells it."""
    within = Call({**call.scope, "path_params": {"request_id": request_id}}, call.receive, call.gateway)
    kept: dict[str, Any] = msgspec.json.decode((await library.record(within)).body)
    return kept


async def _listed(call: Call, asked: dict[str, str]) -> dict[str, Any]:
    """The list as the API gives it."""
    query = {**asked, "limit": str(PAGE), "include_input": "true", "include_output": "true"}
    words = urlencode({name: value for name, value in query.items() if value})
    within = Call({**call.scope, "query_string": words.encode()}, call.receive, call.gateway)
    said: dict[str, Any] = msgspec.json.decode((await library.listing(within)).body)
    return said


def _older(asked: dict[str, str], cursor: str | None) -> str:
    said = {**asked, "cursor": cursor or ""}
    return "?" + urlencode({name: value for name, value in said.items() if value}) if cursor else ""

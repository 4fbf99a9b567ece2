"""Explore, the front page: every model with its picture, what serves it, and whether that is ready."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from officina.catalog import Entry
from officina.model import Model, Texts
from officina.web.render import Answer
from officina.web.site.page import Page

PAGE = 60
"""Models on one page."""
HUES = 6


@dataclass(frozen=True, slots=True)
class Card:
    """A model as a list shows it. `tongue` is the language of its texts, where it is not the page's."""

    id: str
    name: str
    description: str
    tongue: str
    categories: tuple[str, ...]
    engine: str
    reason: str
    """Why that engine is not ready; empty when it is."""
    cover: str
    hue: int
    """Of the plain tile that stands for a missing cover: the same for a model always."""
    prompt: str


async def show(page: Page) -> Answer:
    """The models that fit `search` and `category`, from `offset` on; the first one large."""
    query, catalog = page.call.query, page.call.gateway.catalog
    search, category = query.get("search", "").strip()[:200], query.get("category", "")
    offset = int(page.call.number("offset", 0, 0, 1e9))
    found, total = catalog.search(search, category=category, limit=PAGE, offset=offset)
    has_first = bool(found) and not (search or category or offset)
    cards = [_shown(page, entry, large=has_first and n == 0) for n, entry in enumerate(found)]
    return page.html(
        "explore.html",
        script=("explore",),
        search=search,
        category=category,
        categories=catalog.categories(),
        first=cards.pop(0) if has_first else "",
        cards=cards,
        total=total,
        earlier=_link(search, category, offset - PAGE) if offset else "",
        later=_link(search, category, offset + PAGE) if offset + PAGE < total else "",
    )


def card(page: Page, entry: Entry) -> Card:
    """A model as a list shows it to this reader."""
    model, now = entry.model, page.call.gateway.readiness(entry.model)
    texts, tongue = texts_of(model, page.locale.code)
    return Card(
        id=model.id,
        name=texts.display_name,
        description=texts.description,
        tongue="" if tongue == page.locale.code else tongue,
        categories=model.categories,
        engine=now.engine,
        reason=now.reason,
        cover=page.site.covers.path(model.id),
        hue=zlib.crc32(model.id.encode()) % HUES,
        prompt=str(model.example.get("prompt", "")),
    )


def _shown(page: Page, entry: Entry, *, large: bool) -> Markup:
    shown = card(page, entry)
    return page.site.keep(
        ("card", shown.id, page.locale.code, shown.engine, shown.reason, large),
        lambda: page.site.render("card.html", card=shown, large=large, page=page, t=page.t),
    )


def texts_of(model: Model, code: str) -> tuple[Texts, str]:
    """A model's texts in this language, or else in English; and in which they are."""
    found = code if code in model.texts else "en"
    return model.texts[found], found


def words_of(model: Model, code: str) -> tuple[Mapping[str, str], str]:
    """The sentences of a model's schema in this language, or none; and in which language they are then."""
    found = model.texts.get(code)
    return (found.schema, code) if found and found.schema else ({}, "en")


def _link(search: str, category: str, offset: int) -> str:
    said = {"search": search, "category": category, "offset": max(0, offset)}
    return "?" + urlencode({name: value for name, value in said.items() if value})

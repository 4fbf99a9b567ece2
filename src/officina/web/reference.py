"""This server as others read it: OpenAPI, the reference page, llms.txt, a model as Markdown, a share."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from officina.catalog import Entry, published
from officina.errors import UnknownRoute
from officina.service import Gateway
from officina.web import library, models
from officina.web.call import Call
from officina.web.openapi import words
from officina.web.openapi.document import PATHS, document, example, input_schema, model_document
from officina.web.render import Answer, encode, json_bytes

if TYPE_CHECKING:
    from jinja2 import Environment

HTML = "text/html; charset=utf-8"
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""No scripts, no frames, nothing from elsewhere."""
_LOCALE = re.compile(PATHS["locale"][1]["pattern"])


class Reference:
    """The descriptions of one server. Its catalog does not change while it runs, so each is made once."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._made: dict[tuple[str, ...], bytes] = {}

    async def openapi(self, call: Call) -> Answer:  # noqa: ARG002
        """The whole server as OpenAPI 3.1."""
        return json_bytes(await self._once(("openapi",), lambda: encode(self._document())))

    async def model_openapi(self, call: Call) -> Answer:
        """How one model is run, as OpenAPI 3.1, with its input as JSON Schema 2020-12."""
        entry = models.entry(call)
        made = await self._once(
            ("openapi", entry.model.id), lambda: encode(model_document(self._gateway.public_url, entry))
        )
        return json_bytes(made)

    async def docs(self, call: Call) -> Answer:  # noqa: ARG002
        """The reference of the API as a page, without scripts."""
        return _page(await self._once(("docs",), self._docs))

    async def style(self, call: Call) -> Answer:  # noqa: ARG002
        """The style of the pages here."""
        made = await self._once(("style",), lambda: self._render("reference.css"))
        return _text(made, "text/css; charset=utf-8")

    async def llms(self, call: Call) -> Answer:  # noqa: ARG002
        """What agents read first, as llmstxt.org has it."""
        return _text(await self._once(("llms",), self._llms), "text/plain; charset=utf-8")

    async def model_markdown(self, call: Call) -> Answer:
        """The page of one model as Markdown, its texts in the language of the path where it has them."""
        if not _LOCALE.fullmatch(call.params["locale"]):
            raise UnknownRoute(
                f"{call.params['locale'][:20]!r} is not a language; /en/models/… is always there."
            )
        entry = models.entry(call)
        locale = call.params["locale"] if call.params["locale"] in entry.model.texts else "en"
        made = await self._once(("markdown", locale, entry.model.id), lambda: self._markdown(entry, locale))
        return _text(made, "text/markdown; charset=utf-8")

    async def shared(self, call: Call) -> Answer:
        """A shared result as a page, for whoever has the link, until it is taken back."""
        share = await library.show_share(call, await library.find_share(call))
        base = self._gateway.public_url
        files = {
            kind: [url.removeprefix(base) for url in share["output"].get(kind, ())]
            for kind in ("images", "videos")
        }
        entry = self._gateway.catalog.get(share["model_id"])
        name = entry.model.texts["en"].display_name if entry else share["model_id"]
        texts = [
            share["input"][field] for field in (entry.spec.texts if entry else ()) if field in share["input"]
        ]
        answer = _page(
            self._render("share.html", share=share, files=files, name=name, texts=texts),
            f"{POLICY}; img-src 'self'; media-src 'self'",
        )
        answer.headers += [(b"cache-control", b"private, no-store"), (b"x-robots-tag", b"noindex")]
        return answer

    async def _once(self, name: tuple[str, ...], make: Callable[[], bytes]) -> bytes:
        """What was made under this name; the first time in a thread, since it takes a while."""
        if name not in self._made:
            self._made[name] = await asyncio.to_thread(make)
        return self._made[name]

    def _document(self) -> dict[str, Any]:
        return document(self._gateway.public_url, list(self._gateway.catalog.entries))

    def _docs(self) -> bytes:
        found = self._document()
        operations = [
            {**operation, "method": method.upper(), "path": path}
            for path, methods in found["paths"].items()
            for method, operation in methods.items()
        ]
        responses = found["components"]["responses"].values()
        errors = sorted({line for each in responses for line in each["description"].split("\n\n")})
        return self._render(
            "reference.html", document=found, operations=operations, errors=errors, words=words
        )

    def _llms(self) -> bytes:
        base = self._gateway.public_url
        listed = [published(entry, base) for entry in self._gateway.catalog.entries.values()]
        return self._render("llms.txt", base=base, models=listed)

    def _markdown(self, entry: Entry, locale: str) -> bytes:
        base = self._gateway.public_url
        schema = input_schema(entry)
        return self._render(
            "model.markdown",
            base=base,
            model=published(entry, base),
            texts=entry.model.texts[locale],
            fields=words.members(schema),
            schema=_indented(schema),
            output=_indented(entry.model.output_schema),
            example=_indented(example(entry)),
            media=entry.spec.media,
            accepts=entry.model.accepts,
        )

    @cached_property
    def _templates(self) -> Environment:
        from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

        made = Environment(
            loader=PackageLoader("officina.web", "pages"),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters |= {"cell": _cell, "quoted": _quoted, "coded": _coded}
        return made

    def _render(self, template: str, **values: Any) -> bytes:
        return self._templates.get_template(template).render(**values).encode()


def _page(body: bytes, policy: str = POLICY) -> Answer:
    answer = _text(body, HTML)
    answer.headers += [(b"content-security-policy", policy.encode()), (b"referrer-policy", b"no-referrer")]
    return answer


def _text(body: bytes, content_type: str) -> Answer:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    return Answer(200, body, headers)


def _indented(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _cell(text: object) -> str:
    """A text that stays inside one cell of a Markdown table."""
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|")


def _quoted(text: str) -> str:
    """A text between single quotes of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _coded(text: str) -> list[tuple[bool, str]]:
    """A text split at its backticks: (is code, piece)."""
    return [(n % 2 == 1, piece) for n, piece in enumerate(text.split("`")) if piece]

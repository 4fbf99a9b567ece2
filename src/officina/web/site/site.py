"""The site: what all pages share, and the list of their routes."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from markupsafe import Markup
from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import BaseRoute
from starlette.types import Scope

from officina import __version__
from officina.errors import OfficinaError
from officina.service import Gateway
from officina.web.call import Call
from officina.web.render import Answer, when
from officina.web.site import (
    explore,
    generations,
    keys,
    locale,
    model_api,
    operate,
    playground,
    share,
    sign_in,
    usage,
)
from officina.web.site.covers import Covers
from officina.web.site.locale import LOCALES
from officina.web.site.page import Again, Elsewhere, Page, reader, redirect
from officina.web.site.static import Static

TEMPLATES = Path(__file__).parents[1] / "pages"
FOR_PROGRAMS = frozenset(
    {"v1", "files", "worker", "static", "covers", "openapi.json", "llms.txt", "healthz", "readyz", "metrics"}
)
"""First segments of paths whose errors are JSON for everybody."""

MOST_KEPT = 5000
MENU = (
    ("explore", "/", ""),
    ("generations", "/generations", "caller"),
    ("usage", "/usage", "caller"),
    ("keys", "/keys", "admin"),
    ("operate", "/operate", "admin"),
)
"""The pages that the frame links to: the text's name, the path, and the scope that a reader needs."""

PHRASES: dict[str, Callable[..., Markup]] = {
    "Code": Markup("<code>{}</code>").format,
    "Link": Markup('<a href="{}">{}</a>').format,
    "codes": lambda words: Markup(", ").join(Markup("<code>{}</code>").format(word) for word in words),
}
"""What templates put into sentences as marked-up values; what these are given is escaped."""

Show = Callable[[Page], Awaitable[Answer]]
Endpoint = Callable[[Call], Awaitable[Any]]
At = Callable[..., BaseRoute]


class _LocaleInPath(Convertor[str]):
    regex = "|".join(LOCALES)

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class Site:
    """Templates, static files and headers of the pages; nothing is read before the first page is."""

    menu = MENU

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._kept: dict[tuple[str | bool, ...], Markup] = {}

    def routes(self, at: At) -> list[BaseRoute]:
        """Every route of the pages; `at(path, GET=endpoint)` makes one."""
        register_url_convertor("locale", _LocaleInPath())

        def page(path: str, **shows: Show) -> BaseRoute:
            return at(path, **{method: self._endpoint(show) for method, show in shows.items()})

        return [
            at("/", GET=self._front),
            at("/{locale:locale}", GET=self._with_slash),
            at("/sign-in", GET=self._in_best_locale),
            at("/models/{model_id:path}", GET=self._in_best_locale),
            at("/static/{version}/{name:path}", GET=self._static_file),
            at("/covers/{name}", GET=self._cover),
            page("/{locale:locale}/", GET=explore.show),
            page("/{locale:locale}/models/{model_id:path}/api", GET=model_api.show),
            page("/{locale:locale}/models/{model_id:path}", GET=playground.show),
            page("/{locale:locale}/generations", GET=generations.show),
            page("/{locale:locale}/generations/compare", GET=generations.compare),
            page("/{locale:locale}/generations/{request_id}", GET=generations.show_one),
            page("/{locale:locale}/usage", GET=usage.show),
            page("/{locale:locale}/keys", GET=keys.show),
            page("/{locale:locale}/operate", GET=operate.show),
            page("/{locale:locale}/sign-in", GET=sign_in.show, POST=sign_in.sign_in),
            page("/{locale:locale}/sign-out", POST=sign_in.sign_out),
        ]

    def render(self, template: str, **values: Any) -> str:
        """Render a template of `pages/`."""
        return str(self._templates.get_template(template).render(**values))

    def keep(self, name: tuple[str | bool, ...], make: Callable[[], str]) -> Markup:
        """A part of a page that `name` determines wholly: made once, then kept."""
        if name not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[name] = Markup(make())  # noqa: S704 - it comes out of a template
        return self._kept[name]

    def error(self, problem: OfficinaError, scope: Scope) -> Callable[..., Awaitable[None]] | None:
        """The page of an error, where a browser wants one; None where an error is JSON."""
        first, _, _ = scope["path"].lstrip("/").partition("/")
        accepts = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        if first in FOR_PROGRAMS or b"text/html" not in accepts:
            return None
        scope.setdefault("path_params", {})

        async def answer(scope: Scope, receive: Any, send: Any) -> None:
            call = Call(scope, receive, self.gateway)
            code = first if first in LOCALES else best_locale(call)
            try:
                key = await reader(call)
            except OfficinaError:  # such as the one that is told here
                key = None
            page = Page(call, self, locale.load(code), key)
            page.path, page.here = "/", ""  # what its links to other languages lead to
            await page.error(problem)(scope, receive, send)

        return answer

    @functools.cached_property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What every page says to the browser, beside its type."""
        url = urlsplit(self.gateway.public_url)
        own = f"'self' {url.scheme}://{url.netloc}"
        policy = (
            f"default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
            f"img-src {own} blob: data:; "
            f"media-src {own} blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )
        return [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"vary", b"cookie"),
        ]

    @functools.cached_property
    def static(self) -> Static:
        """The static files."""
        return Static()

    @functools.cached_property
    def covers(self) -> Covers:
        """The covers of the models."""
        return Covers(self.gateway.catalog)

    @functools.cached_property
    def _templates(self) -> Any:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        made = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        made.policies["json.dumps_function"] = _json
        made.globals.update(static=self.static.url, version=__version__, iso=when, **PHRASES)
        return made

    def _endpoint(self, show: Show) -> Endpoint:
        async def endpoint(call: Call) -> Answer:
            page = Page(call, self, locale.load(call.params["locale"]), await reader(call))
            try:
                return await show(page)
            except Elsewhere as there:
                return redirect(there.path, there.status)
            except Again:
                return page.html("again.html")

        return endpoint

    async def shared(self, call: Call) -> Answer:
        """`/s/…`: a shared result, in the language that the reader chose on it, else in the reader's own."""
        asked = call.query.get("locale", "")
        code = asked if asked in LOCALES else best_locale(call)
        page = Page(call, self, locale.load(code), await reader(call))
        page.alternates = [(each, name, f"{page.path}?locale={each}") for each, name in LOCALES.items()]
        return await share.show(page)

    async def _front(self, call: Call) -> Answer:
        """`/`: to the front page in the reader's language."""
        return redirect(f"/{best_locale(call)}/", 302, [(b"vary", b"accept-language, cookie")])

    async def _with_slash(self, call: Call) -> Answer:
        """`/it`: to the front page of that language."""
        return redirect(f"/{call.params['locale']}/", 308)

    async def _in_best_locale(self, call: Call) -> Answer:
        """A path without its locale: to the same in the reader's language."""
        query = call.scope["query_string"].decode("latin-1")
        path = call.scope.get("raw_path", call.scope["path"].encode()).decode("latin-1").partition("?")[0]
        tail = f"?{query}" if query else ""
        return redirect(f"/{best_locale(call)}{path}{tail}", 302, [(b"vary", b"accept-language, cookie")])

    async def _cover(self, call: Call) -> Answer:
        return self.covers.answer(call)

    async def _static_file(self, call: Call) -> Answer:
        return self.static.answer(call)


def _json(value: Any, **_: Any) -> str:
    """JSON for a page, from the encoder that everything else uses: a fifth of the time of Python's own."""
    return msgspec.json.encode(value).decode()


def best_locale(call: Call) -> str:
    """The language of a reader whose path names none: chosen before, else the browser's."""
    chosen = call.cookie("officina_locale")
    return chosen if chosen in LOCALES else locale.best(call.header(b"accept-language"))

"""The frame of the pages: what a page is handed, and how it answers.

How a page is made, in short:

- **A page is one function in one module**, `async def show(page: Page) -> Answer`, and one line in
  `Site.routes` of `site.py`: `page("/{locale:locale}/keys", GET=keys_page.show)`.
- `page.locale` is the language of the URL (`locale.py`); `page.t` gives a text, escaped; `page.call` has
  `params`, `query`, `gateway`.
- **Session.** `page.key` is the Key that the browser is signed in with, or None. `page.require("admin")`
  gives it, or sends the browser to the sign-in page and back, or answers 403.
- **HTML.** `page.html("keys.html", keys=…)` renders `pages/keys.html`, which extends `base.html`. Templates
  see `t`, `locale`, `page`, `key` and `static(…)`; `page.to("/keys")` is the path of a page in this language;
  everything is escaped unless it is Markup.
- **Example files** of a model are stored files that never expire: `await gateway.examples.input(entry,
  gateway.public_url)` is an input that can be submitted as it stands.
- **CSP.** No inline style or script, no other host. No `style=""`, no `onclick`; put widths and positions
  into SVG attributes, or set them from a module through `element.style`. Trusted Types are required, so
  scripts make elements (`dom.js`) and never set `innerHTML`.
- **Scripts.** A template names its ES modules in `{% block scripts %}`: `{{ module("keys.js") }}`. Modules
  import each other relatively (`import { call } from "./api.js"`). `api.js` calls the documented API with the
  session's cookie, same origin, no key; it raises `ApiError` with the server's own message.
- **Texts for scripts.** `page.html(…, script=("keys",))` hands the texts under these names, and always
  those under `script`, to the modules: `import { t } from "./text.js"`, then `t("keys.made")`.
  Facts for scripts go along: `facts={"modelId": …}`, read as `facts.modelId`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from officina.errors import BadKey, OfficinaError, Unavailable
from officina.keys import Key
from officina.keys import Scope as KeyScope
from officina.web import browser
from officina.web.call import Call
from officina.web.render import Answer
from officina.web.site.locale import LOCALES, Locale

if TYPE_CHECKING:
    from officina.web.site.site import Site


class Elsewhere(Exception):  # not an error: the answer is a redirect
    """The browser shall go to another path of this server."""

    def __init__(self, path: str, *, status: int = 303) -> None:
        self.path = path
        self.status = status


class Again(Exception):  # not an error: a link from another site brings no cookie, one from ours does
    """The browser shall ask the same again, from a page of this server."""


class Page:
    """One call of a browser: its language, its session, and how to answer it."""

    def __init__(self, call: Call, site: Site, locale: Locale, key: Key | None) -> None:
        self.call = call
        self.site = site
        self.locale = locale
        self.t = locale
        self.key = key
        self.path = str(call.scope["path"]).removeprefix(f"/{locale.code}") or "/"
        """The path without its locale: `/keys`, or `/` for the front page."""

        self.here = self.path
        """The path that the menu marks as the present one."""

    @property
    def theme(self) -> str:
        """The theme that the reader chose: `light`, `dark`, or empty for the system's."""
        return theme_of(self.call)

    def to(self, path: str, locale: str = "") -> str:
        """The path of a page in this language, or another one."""
        return f"/{locale or self.locale.code}{quote(path, safe='/@:+')}"

    @functools.cached_property
    def alternates(self) -> Sequence[tuple[str, str, str]]:
        """This page in every language: code, name, path with its query."""
        query = self.call.scope["query_string"].decode("latin-1")
        tail = f"?{query}" if query else ""
        return [(code, name, self.to(self.path, code) + tail) for code, name in LOCALES.items()]

    def can(self, scope: KeyScope) -> bool:
        """Whether the reader is signed in with a key of this scope."""
        return self.key is not None and scope in self.key.scopes

    def require(self, scope: KeyScope) -> Key:
        """The reader's key. Raises Elsewhere for readers who must sign in first, WrongScope."""
        if self.call.header(b"sec-fetch-site") in {"cross-site", "same-site"}:
            raise Again
        if self.key is None:
            here = self.to(self.path)
            raise Elsewhere(f"{self.to('/sign-in')}?next={quote(here, safe='/')}")
        self.key.require(scope)
        return self.key

    def html(
        self,
        template: str,
        *,
        status: int = 200,
        script: Sequence[str] = (),
        facts: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> Answer:
        """Render a template. `script` names texts and `facts` values that its modules need."""
        handed = {
            "locale": self.locale.code,
            "signedIn": self.key is not None,
            "publicUrl": self.call.gateway.public_url,
            "texts": self.locale.under("script", *script),
            **(facts or {}),
        }
        words = self.site.render(
            template, page=self, t=self.t, locale=self.locale, key=self.key, handed=handed, **values
        )
        return self.answer(words.encode(), "text/html; charset=utf-8", status)

    def answer(self, body: bytes, media_type: str, status: int = 200) -> Answer:
        """A whole body with the headers that every page has."""
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"content-language", self.locale.code.encode()),
            (b"cache-control", b"private, no-cache"),
            *self.site.headers,
        ]
        return Answer(status, body, headers)

    def error(self, problem: OfficinaError) -> Answer:
        """The page of an error."""
        return self.html("error.html", status=problem.http, problem=problem)


def theme_of(call: Call) -> str:
    """The theme that a reader chose: `light`, `dark`, or empty for the system's."""
    theme = call.cookie("officina_theme")
    return theme if theme in {"light", "dark"} else ""


async def reader(call: Call) -> Key | None:
    """The key that the browser is signed in with; None when it is not, or its session has ended."""
    cookie = call.cookie(call.gateway.cookie_name)
    if not cookie:
        return None
    if call.scope["method"] not in browser.READING:
        browser.check_origin(call.scope, call.gateway.public_url)
    try:
        return await call.gateway.keyring.visitor(cookie)
    except (BadKey, Unavailable):
        return None


def redirect(path: str, status: int = 303, extra: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    """Send the browser to another path of this server."""
    headers = [(b"location", path.encode("ascii", "ignore")), (b"content-length", b"0"), *extra]
    return Answer(status, b"", [*headers, (b"cache-control", b"no-store")])

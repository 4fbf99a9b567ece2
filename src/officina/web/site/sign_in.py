"""Signing in and out: plain forms, so that they work without a script."""

from __future__ import annotations

from urllib.parse import parse_qs

from officina.errors import BadKey, TooManyTries
from officina.web import browser
from officina.web.render import Answer
from officina.web.site.page import Page, redirect

LONGEST_FORM_BYTES = 16 * 1024


async def show(page: Page) -> Answer:
    """The form. With the `code` of a link, one button is enough."""
    if page.key is not None and "code" not in page.call.query:
        return redirect(_next(page, page.call.query.get("next", "")))
    return _form(page)


async def sign_in(page: Page) -> Answer:
    """Open a session by `key` or `code`, and go on to `next`."""
    browser.check_origin(page.call.scope, page.call.gateway.public_url)
    said = await _said(page)
    sessions, address = page.call.gateway.sessions, _address(page)
    try:
        if said.get("code"):
            cookie = await sessions.follow_link(said["code"], address)
        else:
            cookie = await sessions.sign_in(said.get("key", ""), address)
    except (BadKey, TooManyTries) as problem:
        answer = _form(page, problem=problem, onward=said.get("next", ""), status=problem.http)
        if problem.retry_after:
            answer.headers.append((b"retry-after", str(problem.retry_after).encode()))
        return answer
    return redirect(_next(page, said.get("next", "")), extra=[_cookie(page, cookie, sessions.lasts_s)])


async def sign_out(page: Page) -> Answer:
    """End this session, or with `everywhere` every session of its key."""
    browser.check_origin(page.call.scope, page.call.gateway.public_url)
    said = await _said(page)
    sessions = page.call.gateway.sessions
    if page.key is not None and said.get("everywhere"):
        await sessions.sign_out_everywhere(page.key)
    await sessions.sign_out(page.call.cookie(page.call.gateway.cookie_name))
    return redirect(page.to("/"), extra=[_cookie(page, "", 0)])


def _form(page: Page, *, problem: Exception | None = None, onward: str = "", status: int = 200) -> Answer:
    code = "" if problem else page.call.query.get("code", "")
    onward = _next(page, onward or page.call.query.get("next", ""))
    return page.html("sign_in.html", status=status, problem=problem, code=code, onward=onward)


def _next(page: Page, path: str) -> str:
    return browser.local_path(path, page.to("/"))


def _cookie(page: Page, value: str, lasts_s: float) -> tuple[bytes, bytes]:
    gateway = page.call.gateway
    secure = gateway.public_url.startswith("https:")
    return browser.set_cookie(gateway.cookie_name, value, lasts_s, secure=secure)


def _address(page: Page) -> str:
    """Where the call comes from, as far as we can believe it: the other end of the connection."""
    client = page.call.scope.get("client")
    return str(client[0]) if client else ""


async def _said(page: Page) -> dict[str, str]:
    body = b""
    async for chunk in page.call.chunks():
        body += chunk
        if len(body) > LONGEST_FORM_BYTES:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    return {name: values[0].strip() for name, values in fields.items()}

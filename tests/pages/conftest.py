"""Servers for the tests of the pages, and a browser that complains for them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import hostile
import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from road_engines import png
from road_server import Server, serving

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with one worker, and among its models one whose every word is hostile."""
    folder = tmp_path_factory.mktemp("pages")
    hostile.write_model(folder / "models")
    flags = ("--models", str(folder / "models"), "--fetch-http", "--fetch-hosts", "127.0.0.1/32")
    with serving(folder / "data", *flags) as running:
        yield running


class Strangers(BaseHTTPRequestHandler):
    """Another host, with pictures."""

    def do_GET(self) -> None:
        body = {"/far.png": png(61, 60), "/wide.png": png(4200, 2)}.get(self.path, b"<!doctype html>")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def strangers() -> Iterator[str]:
    """The URL of a host that only the server may ask: a browser that does fails its test."""
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Strangers)
    thread = Thread(target=listener.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listener.server_port}"
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture
def visit(server: Server) -> Iterator[Callable[..., httpx.Client]]:
    """Opens a reader's client: it keeps cookies and says what browsers say; signed in where a key is given."""
    opened: list[httpx.Client] = []

    def open_it(key: str | None = None, **headers: str) -> httpx.Client:
        said = {"Accept": "text/html", "Accept-Language": "it", "Sec-Fetch-Site": "same-origin", **headers}
        client = httpx.Client(base_url=server.url, headers=said, timeout=60, trust_env=False)
        opened.append(client)
        if key:
            assert client.post("/it/sign-in", data={"key": key}).status_code == 303
        return client

    yield open_it
    for client in opened:
        client.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    assert found, f"install one of: {', '.join(BROWSERS)} (`.ci/run` does)"
    expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def refusals() -> list[str]:
    """What the console says of answers that a test means to be refused."""
    return []


@pytest.fixture
def open_page(browser: Browser, server: Server, refusals: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens a page in a browser of its own; at the end, its console may have said what was meant only."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_it(
        path: str = "/it/",
        *,
        key: str | None = None,
        width: int = 1280,
        theme: str = "light",
        scripts: bool = True,
        **options: object,
    ) -> Page:
        context = browser.new_context(
            base_url=server.url,
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", lambda asked: complaints.extend(_foreign(asked.url, server.url)))
        if key:
            page.goto("/it/sign-in")
            page.fill("#key", key)
            page.keyboard.press("Enter")
            page.wait_for_url("**/it/")
        page.goto(path)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert [said for said in complaints if not any(meant in said for meant in refusals)] == []


def _foreign(url: str, own: str) -> list[str]:
    """A complaint about a request that leaves the server."""
    return [] if url.startswith((own, "blob:", "data:")) else [f"asked for {url}"]

"""Takes a picture of every page, in three widths, both themes and two languages: `make screenshots`.

It starts a server of its own with the shipped models, runs what works and what does not, and writes
`<page>-<language>-<theme>-<width>.png` into the folder that is named; with `--docs`, the pictures of the
documentation and the README instead.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "road"))

from road_server import SEED, Server, serving

PAGES = {
    "explore": "/",
    "sign-in": "/sign-in",
    "playground": f"/models/{SEED}",
    "api": f"/models/{SEED}/api",
    "missing": "/no-such-page",
    "generations": "/generations",
    "generation": "/generations/{good}",
    "result": f"/models/{SEED}?request={{good}}",
    "failure": f"/models/{SEED}?request={{bad}}",
    "usage": "/usage",
    "keys": "/keys",
    "operate": "/operate",
}
"""Those before `generations` are taken without a key."""
ROOT_PAGES = {"share": "{share}", "docs": "/docs"}
LANGUAGES, THEMES, WIDTHS = ("it", "ja"), ("light", "dark"), (390, 820, 1440)
PROMPTS = (
    "A beautiful girl is sitting on the boat",
    "blur the background",
    "make it a black and white photo",
    "teach the boat to sing",
)
DOCS = (
    ("page-result", "result", "en", (1200, 900)),
    ("page-generations", "generations", "en", (1200, 900)),
    ("playground", "result", "it", (1000, 1040)),
)
"""Name, page, language, and size of the window."""
QUALITY = 72


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("into", type=Path, nargs="?", default=Path("screenshots"))
    parser.add_argument("--docs", action="store_true", help="the pictures of the documentation, as JPEG")
    asked = parser.parse_args()
    asked.into.mkdir(parents=True, exist_ok=True)
    with _lived_in() as (server, browser, places):
        if asked.docs:
            _take_for_docs(browser, server, asked.into, places)
        else:
            for language, theme, width in itertools.product(LANGUAGES, THEMES, WIDTHS):
                _take(browser, server, asked.into / f"{{}}-{language}-{theme}-{width}.png", places)


@contextmanager
def _lived_in() -> Iterator[tuple[Server, Browser, dict[str, str]]]:
    """A server behind which some runs lie, a browser, and where to find a good run, a bad one and a share."""
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert found, "install chromium-headless-shell or chromium"
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "data") as server,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield server, browser, _runs(server)
        browser.close()


def _runs(server: Server) -> dict[str, str]:
    examples = server.client(None).get(f"/en/models/{SEED}").text
    names = dict.fromkeys(part.split('"')[0] for part in examples.split(f"{server.url}/files/")[1:])
    urls = [f"{server.url}/files/{name}" for name in names][:2]
    sized = {"width×height": "1024x1024(1:1)", "force_single": True}
    given = [urls, *(urls[1:] for _ in PROMPTS[1:])]
    inputs = [
        {**sized, "image_urls": each, "prompt": said} for each, said in zip(given, PROMPTS, strict=True)
    ]
    ids = [server.submit(each, SEED) for each in inputs]
    for each in ids:
        server.result(each, 60)
    share = server.http.post(f"/v1/requests/{ids[0]}/share").json()["url"].removeprefix(server.url)
    return {"good": ids[0], "bad": ids[-1], "share": share}


def _context(
    browser: Browser, server: Server, language: str, theme: str, width: int, height: int = 900
) -> BrowserContext:
    return browser.new_context(
        base_url=server.url, viewport={"width": width, "height": height}, color_scheme=theme, locale=language
    )


def _sign_in(page: Page, server: Server, language: str) -> None:
    page.goto(f"/{language}/sign-in")
    page.fill("#key", server.key)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{language}/")


def _open(page: Page, name: str, path: str) -> None:
    page.goto(path, wait_until="load")
    page.evaluate("document.fonts.ready")
    if name in {"result", "failure"}:
        expect(page.locator(".run footer")).to_be_visible()
    if page.locator(".files").count():
        expect(page.locator(".files li img")).to_have_count(2)


def _take(browser: Browser, server: Server, into: Path, places: dict[str, str]) -> None:
    _, language, theme, width = into.stem.split("-")
    context = _context(browser, server, language, theme, int(width))
    page = context.new_page()
    for name, path in PAGES.items():
        if name == "generations":
            _sign_in(page, server, language)
        _open(page, name, f"/{language}{path.format(**places)}")
        page.screenshot(path=str(into).format(name), full_page=True)
    for name, path in ROOT_PAGES.items():
        _open(page, name, path.format(**places))
        page.screenshot(path=str(into).format(name), full_page=name != "docs")
    context.close()
    print(f"{language} {theme} {width}")


def _take_for_docs(browser: Browser, server: Server, into: Path, places: dict[str, str]) -> None:
    for file, name, language, (width, height) in DOCS:
        context = _context(browser, server, language, "light", width, height)
        page = context.new_page()
        _sign_in(page, server, language)
        _open(page, name, f"/{language}{PAGES[name].format(**places)}")
        page.screenshot(path=into / f"{file}.jpg", type="jpeg", quality=QUALITY)
        context.close()


if __name__ == "__main__":
    main()

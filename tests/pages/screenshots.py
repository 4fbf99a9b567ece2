"""Takes a picture of every page, in three widths, both themes and two languages: `make screenshots`.

It starts a server of its own with the shipped models, runs one thing that works and one that does not, and writes
`<page>-<language>-<theme>-<width>.png` into the folder that is named.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "road"))

from road_server import SEED, Server, serving

PAGES = {
    "explore": "/",
    "sign-in": "/sign-in",
    "playground": f"/models/{SEED}",
    "api": f"/models/{SEED}/api",
    "generations": "/generations",
    "usage": "/usage",
    "keys": "/keys",
    "operate": "/operate",
}
OPEN = {"explore", "sign-in", "playground", "api"}
LANGUAGES, THEMES, WIDTHS = ("it", "ja"), ("light", "dark"), (390, 820, 1440)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("into", type=Path, nargs="?", default=Path("screenshots"))
    into: Path = parser.parse_args().into
    into.mkdir(parents=True, exist_ok=True)
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert found, "install chromium-headless-shell or chromium"
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "data") as server,
        sync_playwright() as play,
    ):
        server.run({"prompt": "count"})
        server.run({"prompt": "refuse"})
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        for language, theme, width in itertools.product(LANGUAGES, THEMES, WIDTHS):
            _take(browser, server, into, language, theme, width)
        browser.close()


def _take(browser: Browser, server: Server, into: Path, language: str, theme: str, width: int) -> None:
    context = browser.new_context(
        base_url=server.url, viewport={"width": width, "height": 900}, color_scheme=theme, locale=language
    )
    page = context.new_page()
    for name, path in PAGES.items():
        if name not in OPEN and not context.cookies():
            page.goto(f"/{language}/sign-in")
            page.fill("#key", server.key)
            page.keyboard.press("Enter")
            page.wait_for_url(f"**/{language}/")
        page.goto(f"/{language}{path}", wait_until="load")
        page.evaluate("document.fonts.ready")
        page.screenshot(path=into / f"{name}-{language}-{theme}-{width}.png", full_page=True)
    context.close()
    print(f"{language} {theme} {width}")


if __name__ == "__main__":
    main()

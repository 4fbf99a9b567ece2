"""The pages in a real browser: what people click, type and hear. Anything on the console is a failure."""

from __future__ import annotations

import re
from collections.abc import Callable

import hostile
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from road_server import ECHO, SEED, Server

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
MODELS = [f"/models/{each}{view}" for each in (SEED, hostile.ID) for view in ("", "/api")]
BEHIND_A_KEY = ["/generations", "/usage", "/keys", "/operate"]
PAGES = ["/", "/sign-in", *MODELS, *BEHIND_A_KEY]
GRAVE = {"serious", "critical"}


# Every page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious(
    path: str, width: int, theme: str, server: Server, open_page: Open
) -> None:
    server.run({"prompt": "refuse"})
    key = server.key if path in BEHIND_A_KEY else None
    page = open_page(f"/it{path}", key=key, width=width, theme=theme)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    grave = [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in GRAVE
    ]
    assert grave == []


@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_its_window(path: str, width: int, server: Server, open_page: Open) -> None:
    page = open_page(f"/de{path}", key=None, width=width)
    if path in BEHIND_A_KEY:
        page = open_page(f"/de{path}", key=server.key, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_typeface_is_our_own(open_page: Open) -> None:
    page = open_page("/ru/")
    page.evaluate("document.fonts.ready")
    loaded = page.evaluate("[...document.fonts].filter(f => f.status === 'loaded').length")
    assert loaded == 2, "Latin and Cyrillic, and nothing that the page has no use for"


@pytest.mark.parametrize("path", ["/", f"/models/{SEED}/api", *BEHIND_A_KEY])
def test_pages_read_without_scripts(path: str, server: Server, open_page: Open) -> None:
    key = server.key if path in BEHIND_A_KEY else None
    page = open_page(f"/it{path}", key=key, scripts=False)
    expect(page.locator("h1")).to_be_visible()
    if path.endswith("/api"):
        expect(page.locator("#start-code-2")).to_be_visible()  # all languages, one below the other


# The frame


def test_the_keyboard_alone_reaches_the_content_and_the_menus(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    menu = page.locator("summary", has_text="Italiano")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="日本語")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="日本語")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_language_that_is_chosen_is_kept(open_page: Open) -> None:
    page = open_page("/it/?search=dreamina")
    page.locator("summary", has_text="Italiano").click()
    page.get_by_role("link", name="Deutsch").click()
    page.wait_for_url("**/de/?search=dreamina")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.goto("/")
    page.wait_for_url("**/de/")


def test_the_theme_that_is_chosen_is_kept_and_announced(open_page: Open) -> None:
    page = open_page(theme="dark")
    page.get_by_role("button", name="Chiaro o scuro").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("#announcer")).to_have_text("Chiaro")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(31, 27, 22)"


def test_times_are_the_readers_own(server: Server, open_page: Open) -> None:
    page = open_page("/it/keys", key=server.key, timezone_id="Asia/Tokyo", locale="it-IT")
    shown = page.locator("time").first
    expect(shown).not_to_contain_text("UTC")
    hour = page.evaluate("new Date(document.querySelector('time').dateTime).getHours()")
    expect(shown).to_contain_text(f"{hour:02}:")


# Signing in


def test_the_way_in_and_out(server: Server, open_page: Open) -> None:
    page = open_page("/it/")
    page.get_by_role("link", name="Accedi").click()
    page.get_by_label("Chiave API").fill(server.key)
    page.get_by_role("button", name="Accedi").click()
    page.wait_for_url("**/it/")
    assert page.evaluate("document.cookie") == "", "no script can read the session"
    page.get_by_role("link", name="Gestione").click()
    expect(page.locator("h1")).to_have_text("Gestione")
    page.locator("summary", has_text="first key").click()
    page.get_by_role("button", name="Esci", exact=True).click()
    page.wait_for_url("**/it/")
    expect(page.get_by_role("link", name="Accedi")).to_be_visible()


# Explore, and a model's manual


def test_typing_narrows_the_models_at_once(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#found")).to_have_text(re.compile(r"^\d+ modelli$"))
    page.get_by_role("searchbox").fill("dreamina")
    expect(page.locator("#found")).to_have_text("1 modello")
    expect(page.locator(".card:visible, .hero:visible")).to_have_count(1)
    page.get_by_role("searchbox").fill("zzzz")
    expect(page.locator("#nothing")).to_be_visible()


def test_a_sample_is_copied_without_the_mask(server: Server, open_page: Open) -> None:
    page = open_page(f"/it/models/{ECHO}/api", key=server.key)
    expect(page.locator("#submit-code-1 .secret")).to_contain_text(server.key[:8])
    page.locator("#submit-1 .copy").click()
    expect(page.locator("#announcer")).to_have_text("Copiato")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert '--header "Authorization: Bearer $OFFICINA_KEY"' in copied
    assert f"{server.url}/v1/models/{ECHO}" in copied


def test_a_language_of_samples_is_chosen_for_the_whole_page(open_page: Open) -> None:
    page = open_page(f"/it/models/{SEED}/api")
    expect(page.locator("#status-1")).to_be_visible()
    page.get_by_role("tab", name="Python").first.click()
    expect(page.locator("#status-1")).to_be_hidden()
    expect(page.locator("#status-2")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#cancel-3")).to_be_visible()
    expect(page.get_by_role("tab", name="JavaScript").first).to_be_focused()


def test_the_schema_opens_as_json(open_page: Open) -> None:
    page = open_page(f"/it/models/{SEED}/api")
    page.locator("#input summary").click()
    expect(page.locator("#input-json")).to_contain_text('"title": "Schema di input"')


def test_hostile_words_do_nothing_in_a_browser(open_page: Open) -> None:
    page = open_page("/it/")
    page.goto(f"/it/models/{hostile.ID}/api")
    expect(page.locator("h1")).to_contain_text("<script>alert(1)</script>")
    page.goto('/it/?search="><script>alert(1)</script>')
    expect(page.get_by_role("searchbox")).to_have_value('"><script>alert(1)</script>')


# Keys, usage, operate


def test_a_key_is_made_shown_once_used_and_revoked(server: Server, open_page: Open) -> None:
    page = open_page("/it/keys", key=server.key)
    page.get_by_label("Nome").fill('negozio "<b>online</b>"')
    page.get_by_role("button", name="Crea la chiave").click()
    expect(page.locator("#made")).to_be_visible()
    secret = page.locator("#secret").inner_text()
    assert re.fullmatch(r"ofk_[\w-]{43}", secret)
    page.locator("#made .copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_role("button", name="L’ho conservata").click()
    row = page.get_by_role("row", name='negozio "<b>online</b>"')
    expect(row).to_contain_text("eseguire modelli")
    assert secret not in page.content()

    other = open_page("/it/usage", key=secret)
    expect(other.locator("h1")).to_have_text("Consumi")

    row.get_by_role("button", name="Revoca").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoca", exact=True).click()
    expect(row).to_contain_text("revocata")
    other.reload()
    other.wait_for_url("**/it/sign-in**")


def test_a_key_that_cannot_be_made_is_explained(server: Server, open_page: Open, refusals: list[str]) -> None:
    page = open_page("/it/keys", key=server.key)
    page.get_by_label("Nome").fill("nothing allowed")
    page.get_by_label("eseguire modelli").uncheck()
    page.get_by_role("button", name="Crea la chiave").click()
    expect(page.locator("#new-key .problem")).to_contain_text("`scopes` must be a list")
    refusals.append("the server responded with a status of 400")


def test_usage_is_plotted_and_can_be_taken_away_as_csv(server: Server, open_page: Open) -> None:
    server.run({"prompt": "copy"})
    page = open_page("/it/usage", key=server.key)
    expect(page.locator(".plot rect.succeeded").last).to_be_visible()
    page.get_by_role("link", name="Immagini").click()
    expect(page.locator(".plot rect.outputs").last).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    text = download.value.path().read_text()
    assert text.startswith("day,")
    assert ECHO in text


def test_operate_follows_the_queue_while_somebody_looks(server: Server, open_page: Open) -> None:
    page = open_page("/it/operate", key=server.key)
    expect(page.locator("#models")).to_contain_text("Nulla in attesa")
    request_id = server.submit({"prompt": "copy", "seconds": 20})
    expect(page.locator("#models")).to_contain_text(ECHO)
    expect(page.locator("#summary")).to_contain_text("In esecuzione: 1")
    expect(page.locator(".slot.busy")).to_have_count(1)
    expect(page.locator("#workers")).to_contain_text(request_id)
    server.http.post(f"/v1/requests/{request_id}/cancel", params={"force": "true"})
    expect(page.locator("#models")).to_contain_text("Nulla in attesa")

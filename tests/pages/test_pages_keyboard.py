"""The whole way with the keyboard alone: no pointer, no focus set by the test. What has the focus shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from road_server import ECHO, SEED, Server

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
FARTHEST = 120
"""Presses of Tab that nobody exceeds on the way to anything on one page."""
IS_SEEN = """
(element) => {
  const shown = (each) => {
    const style = getComputedStyle(each);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  };
  const box = element.getBoundingClientRect();
  const within = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return within && (shown(element) || [...(element.labels ?? [])].some(shown));
}
"""


def go_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press Tab until the target has the focus; it must then be in sight, and marked."""
    for _ in range(FARTHEST):
        if target.evaluate("(element) => element === document.activeElement"):
            assert target.evaluate(IS_SEEN), f"{target} has the focus and does not show it"
            return
        page.keyboard.press(key)
    raise AssertionError(f"{FARTHEST} presses of {key} do not lead to {target}")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    go_to(page, target)
    page.keyboard.press(key)


def sign_in(page: Page, server: Server) -> None:
    go_to(page, page.locator("#key"))
    page.keyboard.type(server.key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/it/")


def test_from_a_key_to_a_download(server: Server, open_page: Open) -> None:
    page = open_page("/it/sign-in")
    sign_in(page, server)
    press(page, page.get_by_role("link", name="Prova").first)
    page.wait_for_url(f"**/it/models/{SEED}")
    expect(page.locator(".files li")).to_have_count(2)

    press(page, page.get_by_role("button", name="Sposta avanti l’immagine 2"))
    expect(page.locator(".files li").first).to_contain_text("boat.jpg")
    press(page, page.get_by_role("button", name="Sposta indietro l’immagine 1"))
    expect(page.locator(".files li").first).to_contain_text("portrait.jpg")
    go_to(page, page.locator("#fields textarea"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Una ragazza è seduta sulla barca")
    sizes = page.locator(".field.is-shape [type=radio]")
    go_to(page, page.locator(".field.is-shape [type=radio]:checked"))
    page.keyboard.press("ArrowLeft")
    expect(sizes.first).to_be_checked()
    press(page, page.get_by_role("button", name="Esegui", exact=True))

    card = page.locator(".run")
    expect(card.locator(".badge")).to_have_text("Riuscita", timeout=90_000)
    picture = card.get_by_role("button", name="Ingrandisci l’immagine 1")
    press(page, picture)
    expect(page.locator("#zoom img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#zoom")).to_be_hidden()
    expect(picture).to_be_focused()
    with page.expect_download() as download:
        press(page, card.get_by_role("link", name="Scarica"))
    assert download.value.path().stat().st_size > 10_000


def test_tabs_are_chosen_with_arrows_and_json_is_written_and_left(server: Server, open_page: Open) -> None:
    page = open_page("/it/sign-in")
    sign_in(page, server)
    page.goto(f"/it/models/{ECHO}")
    go_to(page, page.locator("#tab-form"))
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-json")).to_be_focused()
    go_to(page, page.locator("#json"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type('{"prompt": "refuse"}')
    press(page, page.get_by_role("button", name="Esegui", exact=True))
    expect(page.locator(".run .badge")).to_have_text("Non riuscita")


def test_a_run_is_deleted_and_a_question_gives_the_focus_back(server: Server, open_page: Open) -> None:
    server.run({"prompt": "delete me"})
    page = open_page("/it/sign-in")
    sign_in(page, server)
    page.goto("/it/generations?search=delete+me")
    remove = page.get_by_role("button", name="Elimina").first
    press(page, remove)
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(remove).to_be_focused()
    press(page, remove)
    press(page, page.locator("dialog[open]").get_by_role("button", name="Elimina"))
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.get_by_text("delete me", exact=True)).to_have_count(0)


def test_a_key_is_made_and_revoked(server: Server, open_page: Open) -> None:
    page = open_page("/it/sign-in")
    sign_in(page, server)
    press(page, page.get_by_role("link", name="Chiavi"))
    page.wait_for_url("**/it/keys")
    go_to(page, page.get_by_label("Nome").first)
    page.keyboard.type("da tastiera")
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.press("Escape")
    row = page.locator("tr", has_text="da tastiera")
    expect(row).to_be_visible()
    press(page, row.get_by_role("button", name="Revoca", exact=True))
    press(page, page.locator("dialog[open]").get_by_role("button", name="Revoca", exact=True))
    expect(row).to_contain_text("evocata")

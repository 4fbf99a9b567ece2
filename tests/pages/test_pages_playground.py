"""The playground in a real browser: from the form to the picture. Anything on the console is a failure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import hostile
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect
from road_engines import png
from road_server import ECHO, PATIENT, SEED, Server

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
PATH = f"/it/models/{ECHO}"
SLOW_PATH = f"/it/models/{PATIENT}"
GIVE = """
async ([selector, kind, files]) => {
  const data = new DataTransfer();
  for (const [name, type, text] of files)
    data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name, { type }));
  const init = { bubbles: true, cancelable: true };
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { ...init, clipboardData: data })
    : new DragEvent(kind, { ...init, dataTransfer: data });
  document.querySelector(selector).dispatchEvent(event);
}
"""


def give(page: Page, selector: str, kind: str, *files: tuple[str, str, bytes]) -> None:
    """Drop or paste files, as a browser hands them to a page."""
    packed = [[name, mime, base64.b64encode(data).decode()] for name, mime, data in files]
    page.evaluate(GIVE, [selector, kind, packed])


def field(page: Page, name: str) -> Locator:
    return page.locator(f'.field[data-name="{name}"]')


def sent(page: Page) -> Any:
    return json.loads(page.locator("#json").input_value())


def run(page: Page, prompt: str, seconds: float = 0) -> Locator:
    """Fill the form of the echo, run it, and give its card."""
    page.locator("#fields textarea").first.fill(prompt)
    page.locator("summary", has_text="Avanzate").click()
    field(page, "seconds").locator("[type=number]").fill(str(seconds))
    page.get_by_role("button", name="Esegui", exact=True).click()
    return page.locator(".run").first


# The whole way


def test_from_a_key_to_a_picture_in_italian(server: Server, open_page: Open) -> None:
    page = open_page("/it/", key=server.key)
    page.get_by_role("link", name="Prova").first.click()
    page.wait_for_url(f"**/it/models/{SEED}")
    expect(page.locator(".files li")).to_have_count(2)
    expect(page.locator(".files li").first).to_contain_text("portrait.jpg")
    expect(page.locator(".files li").first).to_contain_text("512 × 512")
    expect(page.locator("#engine")).to_contain_text("collage è pronto")
    page.locator("label.chip", has_text="1024 × 1024").click()
    page.get_by_role("button", name="Esegui", exact=True).click()
    card = page.locator(".run")
    expect(card.locator(".badge")).to_have_text("Riuscita", timeout=90_000)
    expect(card.locator("header")).to_contain_text("collage")
    expect(card.locator(".notes")).to_contain_text("placed girl of picture 1 on boat of picture 2")
    picture = card.locator(".zoom img")
    assert picture.evaluate(
        "async (i) => { await i.decode(); return [i.naturalWidth, i.naturalHeight]; }"
    ) == [1024, 1024]
    expect(page.locator("#announcer")).to_contain_text("Riuscita")

    card.get_by_role("button", name="Prima / dopo").click()
    edge = card.get_by_role("slider", name="Confine tra prima e dopo")
    expect(edge).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(edge).to_have_attribute("aria-valuetext", "52 %")
    assert card.locator(".compare").evaluate("(e) => e.style.getPropertyValue('--at')") == "52%"
    page.keyboard.press("Home")
    expect(edge).to_have_attribute("aria-valuetext", "0 %")
    card.get_by_role("button", name="Prima / dopo").click()

    card.get_by_role("button", name="Ingrandisci l’immagine 1").click()
    expect(page.locator("#zoom img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#zoom")).to_be_hidden()
    with page.expect_download() as download:
        card.get_by_role("link", name="Scarica").click()
    assert download.value.path().read_bytes().startswith((b"\x89PNG", b"\xff\xd8"))
    card.get_by_role("button", name="Usa come input").click()
    expect(page.locator(".files li")).to_have_count(3)


# Files


def test_files_are_dropped_pasted_chosen_and_named_and_put_in_order(
    server: Server, open_page: Open, strangers: str
) -> None:
    page = open_page(PATH, key=server.key)
    files = page.locator(".files li")
    give(page, ".zone", "drop", ("first <b>.png", "image/png", png(30, 20)))
    expect(files.nth(0)).to_contain_text("30 × 20")
    expect(files.nth(0)).to_contain_text("first <b>.png")
    give(page, "textarea", "paste", ("second.png", "image/png", png(41, 40)))
    expect(files.nth(1)).to_contain_text("41 × 40")
    page.locator("input[type=file]").set_input_files(
        {"name": "third.png", "mimeType": "image/png", "buffer": png(52, 50)}
    )
    expect(files.nth(2)).to_contain_text("52 × 50")
    page.get_by_label("URL per").fill(f"{strangers}/far.png")
    page.get_by_role("button", name="Aggiungi").click()
    expect(files.nth(3)).to_contain_text("61 × 60")
    assert (
        files.nth(3).locator("img").evaluate("async (i) => { await i.decode(); return i.naturalWidth; }")
        == 61
    )
    assert sent(page)["image_urls"][3] == f"{strangers}/far.png"
    page.wait_for_function("!document.querySelector('#json').value.includes('blob:')")

    page.get_by_role("button", name="Sposta avanti l’immagine 3").click()
    expect(files.nth(1)).to_contain_text("52 × 50")
    expect(page.get_by_role("button", name="Sposta avanti l’immagine 2")).to_be_focused()
    files.nth(0).drag_to(files.nth(2))
    expect(files.nth(2)).to_contain_text("30 × 20")
    page.get_by_role("button", name="Togli l’immagine 4").click()
    expect(files).to_have_count(3)
    card = run(page, "copy")
    expect(card.locator(".badge")).to_have_text("Riuscita")
    expect(card.locator(".notes")).to_contain_text('"files":3')


def test_a_file_that_breaks_a_rule_is_told_in_the_models_words_before_a_run(
    server: Server, open_page: Open
) -> None:
    page = open_page(PATH, key=server.key)
    give(page, ".zone", "drop", ("wide.png", "image/png", png(4200, 2)))
    expect(page.locator(".files li")).to_contain_text("Maximum resolution is 4096x4096.")
    give(page, ".zone", "drop", ("big.png", "image/png", png(4, 4) + b"\0" * 2**20))
    expect(page.locator(".files li").nth(1)).to_contain_text("Each image file must be ≤ 1 MB.")
    give(
        page,
        ".zone",
        "drop",
        ("evil.png", "image/png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    )
    expect(page.locator(".files li").nth(2)).to_contain_text("Non si riesce a leggerlo come immagine")
    page.get_by_role("button", name="Esegui", exact=True).click()
    expect(page.locator("#announcer")).to_contain_text("Qualcosa non va ancora")
    expect(page.locator("input[type=file]")).to_be_focused()
    expect(page.locator("#json-wrong")).to_contain_text("image_urls: 1: Maximum resolution is 4096x4096.")
    expect(page.locator(".run")).to_have_count(0)


def test_a_picture_behind_a_url_is_checked_by_the_server_before_a_run(
    server: Server, open_page: Open, strangers: str, refusals: list[str]
) -> None:
    refusals.append("the server responded with a status of 422")
    page = open_page(PATH, key=server.key)
    for path, words in (
        (f"{strangers}/wide.png", "Maximum resolution is 4096x4096."),
        (f"{strangers}/page", "an HTML page came instead of a picture"),
        ("https://169.254.169.254/latest", "leads to a link-local network"),
    ):
        page.get_by_label("URL per").fill(path)
        page.get_by_role("button", name="Aggiungi").click()
        expect(page.locator(".files li").last).to_contain_text(words)
    expect(page.locator(".files li").first).to_contain_text("4200 × 2")
    page.get_by_role("button", name="Esegui", exact=True).click()
    expect(page.locator("#announcer")).to_contain_text("Qualcosa non va ancora")
    expect(page.locator(".run")).to_have_count(0)


def test_what_a_run_costs_and_how_long_it_takes_is_told_before_it(server: Server, open_page: Open) -> None:
    server.run({"prompt": "copy"}, ECHO)
    page = open_page(PATH, key=server.key)
    expect(page.locator("#price")).to_contain_text("per immagine · questa esecuzione al massimo 0,02")
    expect(page.locator("#outlook")).to_contain_text("Parte subito · dura circa")


# Fields and JSON


def test_texts_and_numbers_are_checked_as_they_are_written(server: Server, open_page: Open) -> None:
    page = open_page(PATH, key=server.key)
    prompt = page.locator("#fields textarea").first
    prompt.fill("😀" * 801)
    expect(field(page, "prompt")).to_contain_text("801 / 800")
    expect(field(page, "prompt").locator("ul.wrong")).to_contain_text(
        "Al massimo 800 caratteri; ora sono 801"
    )
    prompt.fill("")
    page.get_by_role("button", name="Esegui", exact=True).click()
    expect(prompt).to_be_focused()
    expect(prompt).to_have_attribute("aria-invalid", "true")
    expect(field(page, "prompt").locator("ul.wrong")).to_have_text("Compila questo campo")
    page.locator("summary", has_text="Avanzate").click()
    seconds = field(page, "seconds")
    seconds.locator("[type=number]").fill("61")
    expect(seconds.locator("ul.wrong")).to_contain_text("il limite superiore è 60")
    seconds.locator("[type=range]").fill("2")
    expect(seconds.locator("[type=number]")).to_have_value("2")
    expect(seconds.locator("ul.wrong")).to_be_hidden()


def test_form_and_json_follow_each_other(server: Server, open_page: Open) -> None:
    page = open_page(f"/it/models/{SEED}", key=server.key)
    page.locator("#fields textarea").fill("Make it 'black' and white")
    page.get_by_role("tab", name="JSON").click()
    assert sent(page)["prompt"] == "Make it 'black' and white"
    value = sent(page) | {"scale": 0.25, "force_single": True, "width×height": "1024x1024(1:1)"}
    page.locator("#json").fill(json.dumps(value))
    page.get_by_role("tab", name="Modulo").click()
    expect(page.get_by_role("radio", checked=True)).to_have_id("field-2")
    page.locator("summary", has_text="Avanzate").click()
    expect(field(page, "scale").locator("[type=number]")).to_have_value("0.25")
    expect(page.get_by_role("switch")).to_be_checked()

    page.get_by_role("tab", name="JSON").click()
    page.locator("#json").fill('{"prompt": 5, "colour": "red"}')
    for words in (
        "prompt: Qui serve un testo",
        "image_urls: Compila questo campo",
        "colour: il modello non legge",
    ):
        expect(page.locator("#json-wrong")).to_contain_text(words)
    page.locator("#json").fill("{")
    expect(page.locator("#json-wrong")).to_have_text("Questo non è JSON valido")
    page.get_by_role("tab", name="Modulo").click()
    expect(field(page, "prompt").locator("ul.wrong")).to_have_text("Qui serve un testo")


def test_samples_hold_what_the_form_holds(server: Server, open_page: Open) -> None:
    page = open_page(PATH, key=server.key)
    page.locator("#fields textarea").first.fill("copy 'that'")
    page.get_by_role("tab", name="Codice").click()
    expect(page.locator("#snippet-1")).to_contain_text(f"{server.url}/v1/models/{ECHO}")
    page.get_by_role("tab", name="Python").click()
    expect(page.locator("#snippet-2")).to_contain_text('"prompt": "copy \'that\'"')


# Runs


def test_a_run_is_followed_and_survives_a_reload(server: Server, open_page: Open) -> None:
    page = open_page(SLOW_PATH, key=server.key)
    card = run(page, "copy slowly", 4)
    expect(card.locator(".badge")).to_have_text("In corso")
    expect(card.locator(".message")).to_contain_text("passing time")
    assert "request=" in page.url
    page.reload()
    card = page.locator(".run")
    expect(card).to_have_count(1)
    expect(card.locator(".badge")).to_have_text("Riuscita")
    expect(card.locator(".words")).to_have_text("copy slowly")
    expect(card.locator(".zoom img")).to_be_visible()


def test_a_waiting_run_and_a_running_one_can_be_cancelled(server: Server, open_page: Open) -> None:
    page = open_page(SLOW_PATH, key=server.key)
    busy = server.submit({"prompt": "copy", "seconds": 20}, PATIENT)
    first = run(page, "copy this", 20)
    expect(first.locator(".badge")).to_have_text("In attesa")
    first.get_by_role("button", name="Annulla").click()
    expect(first.locator(".badge")).to_have_text("Annullata")
    server.http.post(f"/v1/requests/{busy}/cancel", params={"force": "true"})
    page.get_by_role("button", name="Esegui", exact=True).click()
    expect(page.locator(".run")).to_have_count(2)
    second = page.locator(".run").first
    expect(second.locator(".badge")).to_have_text("In corso")
    second.get_by_role("button", name="Annulla").click()
    expect(second.locator(".badge")).to_have_text("Annullata")


def test_a_failure_says_what_to_change(server: Server, open_page: Open) -> None:
    page = open_page(PATH, key=server.key)
    card = run(page, "refuse it")
    expect(card.locator(".badge")).to_have_text("Non riuscita")
    for words in ("not_understood", "I only copy.", "Dillo in altro modo", "refuse"):
        expect(card.locator(".failure")).to_contain_text(words)
    card.get_by_role("button", name="Copia l’id della richiesta").click()
    expect(page.locator("#announcer")).to_have_text("Copiato")
    assert page.evaluate("navigator.clipboard.readText()") in page.url


def test_a_run_is_deleted_after_a_question(server: Server, open_page: Open) -> None:
    page = open_page(PATH, key=server.key)
    card = run(page, "count")
    expect(card.locator(".output")).to_have_count(3)
    card.get_by_role("button", name="Elimina").click()
    page.get_by_role("dialog").get_by_role("button", name="Conserva").click()
    card.get_by_role("button", name="Elimina").click()
    page.get_by_role("dialog").get_by_role("button", name="Elimina").click()
    expect(page.locator(".run")).to_have_count(0)
    assert "request=" not in page.url


# Everybody


def test_signed_out_readers_see_the_form_and_are_led_to_sign_in_with_what_they_wrote(
    server: Server, open_page: Open
) -> None:
    page = open_page(PATH)
    page.locator("#fields textarea").first.fill("copy my words")
    page.get_by_role("button", name="Accedi ed esegui").click()
    page.get_by_label("Chiave API").fill(server.key)
    page.get_by_role("button", name="Accedi").click()
    page.wait_for_url(f"**{PATH}")
    expect(page.locator("#fields textarea").first).to_have_value("copy my words")


def test_the_playground_reads_without_scripts(open_page: Open) -> None:
    page = open_page(f"/it/models/{SEED}", scripts=False)
    expect(page.locator("table.fields")).to_contain_text("image_urls")
    expect(page.locator("noscript").get_by_role("link", name="API")).to_be_visible()


def test_hostile_words_do_nothing_in_the_form(server: Server, open_page: Open) -> None:
    page = open_page(f"/it/models/{hostile.ID}", key=server.key)
    expect(page.locator("h1")).to_contain_text("<script>alert(1)</script>")
    expect(field(page, "prompt")).to_contain_text("<script>alert(1)</script>")
    give(page, ".zone", "drop", (hostile.WORDS, "image/png", png(12, 12)))
    expect(page.locator(".files li")).to_contain_text(f"9 {hostile.WORDS.splitlines()[0][:20]}")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_serious_in_the_playground(
    width: int, theme: str, server: Server, open_page: Open
) -> None:
    good, bad = server.run({"prompt": "copy"}), server.run({"prompt": "refuse"})
    path = f"{PATH}?request={good['request_id']}&request={bad['request_id']}"
    page = open_page(path, key=server.key, width=width, theme=theme)
    expect(page.locator(".run footer")).to_have_count(2)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    grave = [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]
    assert grave == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width

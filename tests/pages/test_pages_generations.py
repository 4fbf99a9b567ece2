"""The library of one's runs in a real browser. Anything on the console is a failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from markup import read
from playwright.sync_api import Locator, Page, expect
from road_server import ECHO, PATIENT, Server

Open = Callable[..., Page]
Visit = Callable[..., httpx.Client]
PATH = "/it/generations"
HOSTILE = 'copy "><script>alert(1)</script>{{7*7}}'


@pytest.fixture
def key(server: Server) -> str:
    """A key whose library is empty."""
    made = server.http.post("/v1/keys", json={"name": "library", "scopes": ["caller"]}).json()
    return str(made["key"])


@pytest.fixture
def run(server: Server, key: str) -> Callable[[str], str]:
    """Runs a prompt with that key to its end, and gives the request id."""
    client = server.client(key)

    def run_it(prompt: str) -> str:
        request_id = str(client.post(f"/v1/models/{ECHO}", json={"prompt": prompt}).json()["request_id"])
        client.get(f"/v1/requests/{request_id}/result", params={"wait": 30})
        return request_id

    return run_it


def cards(page: Page) -> Locator:
    return page.locator(".generation")


# As it is sent


def test_two_runs_stand_side_by_side_with_what_differs(
    run: Callable[[str], str], key: str, server: Server, visit: Visit
) -> None:
    first, second = run("copy one"), run(HOSTILE)
    found = read(visit(key).get(f"{PATH}/compare", params={"a": first, "b": second}).text)
    assert len(found.all("article")) == 2
    assert len([each for each in found.all("img") if each.attributes["src"].startswith("/files/")]) == 2
    prompt, seconds = found.all("tr")
    assert "copy one" in prompt.text
    assert HOSTILE in prompt.text
    assert "diverso" in prompt.text
    assert "diverso" not in seconds.text
    assert visit(key).get(f"{PATH}/compare", params={"a": first}).status_code == 400
    others = server.submit({"prompt": "copy"})
    assert visit(key).get(f"{PATH}/compare", params={"a": first, "b": others}).status_code == 403


def test_the_first_page_of_the_library_reads_without_scripts(
    run: Callable[[str], str], key: str, visit: Visit
) -> None:
    first, second = run("copy one"), run(HOSTILE)
    run("refuse it")
    client = visit(key)
    found = read(client.get(PATH).text)
    links = [each.attributes["href"] for each in found.all("a", class_="frame")]
    assert links[1:] == [f"{PATH}/{second}", f"{PATH}/{first}"]
    assert HOSTILE in [each.text for each in found.all("p", class_="words")]
    narrowed = read(client.get(PATH, params={"search": "ONE", "state": "succeeded", "model": ECHO}).text)
    assert len(narrowed.all("a", class_="frame")) == 1
    one = read(client.get(f"{PATH}/{second}").text)
    assert [each for each in one.all("img") if each.attributes.get("src", "").startswith("/files/")]
    assert HOSTILE in one.one("title").text


def test_a_library_is_its_owners_alone(run: Callable[[str], str], server: Server, visit: Visit) -> None:
    request_id = run("copy privately")
    for path in (PATH, f"{PATH}/{request_id}"):
        assert visit().get(path).headers["location"].startswith("/it/sign-in?next=")
    other = server.http.post("/v1/keys", json={"name": "other", "scopes": ["caller"]}).json()["key"]
    client = visit(other)
    assert request_id not in client.get(PATH).text
    assert client.get(f"{PATH}/{request_id}").status_code in {403, 404}
    assert client.get(f"{PATH}/none-such").status_code == 404
    assert client.get(PATH, params={"state": "odd"}).status_code == 422


# In a browser


@pytest.mark.browser
def test_searching_and_filtering_narrow_the_library(
    run: Callable[[str], str], key: str, open_page: Open
) -> None:
    run("copy a red boat")
    run("copy a blue car")
    run("refuse a boat")
    page = open_page(PATH, key=key)
    expect(cards(page)).to_have_count(3)
    page.get_by_role("searchbox").fill("BOAT")
    expect(cards(page)).to_have_count(2)
    page.get_by_label("Stato").select_option("succeeded")
    expect(cards(page)).to_have_count(1)
    expect(cards(page)).to_contain_text("copy a red boat")
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("BOAT")
    expect(cards(page)).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.locator("#nothing")).to_be_visible()


@pytest.mark.browser
def test_older_runs_come_on_demand(server: Server, key: str, open_page: Open) -> None:
    client = server.client(key)
    for n in range(26):
        last = client.post(f"/v1/models/{ECHO}", json={"prompt": f"copy {n}"}).json()["request_id"]
    client.get(f"/v1/requests/{last}/result", params={"wait": 60})
    page = open_page(PATH, key=key)
    expect(cards(page)).to_have_count(24)
    page.get_by_role("link", name="Mostra le precedenti").click()
    expect(cards(page)).to_have_count(26)
    expect(cards(page).last.locator(".words")).to_have_text("copy 0")
    expect(page.locator("#more")).to_be_hidden()


@pytest.mark.browser
def test_a_run_is_forked_into_the_playground_and_run_again(
    run: Callable[[str], str], key: str, open_page: Open
) -> None:
    run("copy 'this' again")
    page = open_page(PATH, key=key)
    cards(page).get_by_role("link", name="Modifica come nuova").click()
    page.wait_for_url(f"**/it/models/{ECHO}?from=*")
    expect(page.locator("#fields textarea").first).to_have_value("copy 'this' again")
    page.goto(PATH)
    cards(page).get_by_role("button", name="Esegui di nuovo").click()
    page.wait_for_url(f"**/it/models/{ECHO}?request=*")
    expect(page.locator(".run .badge")).to_have_text("Riuscita")


@pytest.mark.browser
def test_two_runs_are_chosen_to_be_compared(run: Callable[[str], str], key: str, open_page: Open) -> None:
    first, second = run("copy one"), run("copy two")
    page = open_page(PATH, key=key)
    compare = page.get_by_role("button", name="Confronta con un’altra esecuzione")
    compare.first.click()
    expect(compare.first).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#choosing")).to_be_visible()
    compare.first.click()
    expect(page.locator("#choosing")).to_be_hidden()
    compare.first.click()
    compare.nth(1).click()
    page.wait_for_url(f"**/compare?a={second}&b={first}")
    expect(page.get_by_role("heading", name="Due esecuzioni a confronto")).to_be_visible()


@pytest.mark.browser
def test_a_run_is_deleted_only_after_a_question(
    run: Callable[[str], str], key: str, server: Server, open_page: Open
) -> None:
    request_id = run("copy and forget")
    page = open_page(PATH, key=key)
    cards(page).get_by_role("button", name="Elimina").click()
    page.keyboard.press("Escape")
    expect(cards(page)).to_have_count(1)
    cards(page).get_by_role("button", name="Elimina").click()
    page.get_by_role("dialog").get_by_role("button", name="Elimina").click()
    expect(cards(page)).to_have_count(0)
    expect(page.locator("#nothing-yet")).to_be_visible()
    expect(page.locator("#nothing")).to_be_hidden()
    assert server.http.get(f"/v1/requests/{request_id}").status_code == 404


@pytest.mark.browser
def test_a_result_is_private_until_it_is_shared_and_again_after(
    run: Callable[[str], str], key: str, server: Server, open_page: Open
) -> None:
    request_id = run("copy for all")
    page = open_page(PATH, key=key)
    page.locator(".generation a.frame").click()
    page.wait_for_url(f"**{PATH}/{request_id}")
    expect(page.locator("#sharing-state")).to_contain_text("Privata")
    page.get_by_role("button", name="Crea un link").click()
    expect(page.locator("#sharing-state")).to_contain_text("Chi ha questo link")
    page.locator("#share-copy").click()
    expect(page.locator("#announcer")).to_have_text("Copiato")
    url = page.evaluate("navigator.clipboard.readText()")
    stranger = server.client(None)
    assert "copy for all" in stranger.get(url).text
    page.get_by_role("button", name="Rendila di nuovo privata").click()
    expect(page.locator("#sharing-state")).to_contain_text("Privata")
    assert stranger.get(url).status_code == 404


@pytest.mark.browser
def test_what_runs_is_kept_up_to_date(server: Server, key: str, open_page: Open) -> None:
    client = server.client(key)
    client.post(f"/v1/models/{ECHO}", json={"prompt": "copy slowly", "seconds": 1.5})
    page = open_page(PATH, key=key)
    expect(cards(page).locator(".badge")).to_have_text("Riuscita", timeout=15_000)
    expect(cards(page).locator("img")).to_be_visible()


@pytest.mark.browser
def test_what_still_runs_says_what_it_was_asked(
    server: Server, key: str, open_page: Open, tmp_path: Path
) -> None:
    asked = f"await {tmp_path / 'gate'} and copy"
    made = server.client(key).post(f"/v1/models/{PATIENT}", json={"prompt": asked}).json()["request_id"]
    for path in (f"{PATH}/{made}", f"/it/models/{PATIENT}?request={made}"):
        page = open_page(path, key=key)
        expect(page.locator(".run .badge")).to_have_text("In corso")
        expect(page.locator(".run .words")).to_have_text(asked)
    (tmp_path / "gate").touch()
    expect(page.locator(".run .badge")).to_have_text("Riuscita")


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_serious_in_the_library(
    width: int, theme: str, run: Callable[[str], str], key: str, open_page: Open
) -> None:
    bad, good = run("refuse this"), run(HOSTILE)
    for path in (PATH, f"{PATH}/{good}", f"{PATH}/compare?a={good}&b={bad}"):
        page = open_page(path, key=key, width=width, theme=theme)
        expect(page.locator(".generation, .run footer, .pair").first).to_be_visible()
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        grave = [
            (each["id"], [node["html"][:200] for node in each["nodes"]])
            for each in found
            if each["impact"] in {"serious", "critical"}
        ]
        assert grave == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_all_pictures_of_a_run_are_taken_away_at_once(server: Server, key: str, open_page: Open) -> None:
    run_id = server.submit({"prompt": "count"})
    made = server.result(run_id)["output"]["images"]
    assert len(made) > 1
    page = open_page(f"/it/generations/{run_id}", key=server.key)
    taken: list[str] = []
    page.on("download", lambda each: taken.append(each.url))
    with page.expect_event("download", lambda _: len(taken) == len(made)):
        page.get_by_role("button", name="Scarica tutte").click()
    assert sorted(taken) == sorted(made)

"""The pages as they are sent: languages, policy, escaping, the seed's page, samples that run, sizes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hostile
import httpx
import pytest
from markup import Reading, read
from road_server import ECHO, SEED, Server, serving

from officina import catalog
from officina.web.site.locale import LOCALES

PAGES = [
    "/",
    "/sign-in",
    *(f"/models/{each}{view}" for each in (SEED, hostile.ID, ECHO) for view in ("", "/api")),
]
BEHIND_A_KEY = ["/generations", "/usage", "/keys", "/operate"]
Visit = Callable[..., httpx.Client]


def page(client: httpx.Client, path: str, status: int = 200) -> Reading:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return read(answer.text)


# Languages and places


def test_the_words_of_a_schema_are_those_of_the_page_where_the_model_has_them(visit: Visit) -> None:
    italian = page(visit(), f"/it/models/{SEED}/api")
    said = [each for each in italian.all("td") if each.text.startswith("Immagini")]
    assert len(said) == 1
    assert said[0].attributes["lang"] == "it"
    assert italian.all("span", lang="it")[0].text == "Ogni immagine può pesare al massimo 15 MB."
    echo = page(visit(), f"/it/models/{ECHO}/api")
    assert [each for each in echo.all("td", lang="en") if each.text.startswith("What to do")]


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({"Accept-Language": "it-CH, de;q=0.5"}, "/it/"),
        ({"Accept-Language": "nl"}, "/en/"),
        ({"Accept-Language": "zh"}, "/zh-CN/"),
        ({"Accept-Language": "it", "Cookie": "officina_locale=ja"}, "/ja/"),
        ({"Accept-Language": "it", "Cookie": "officina_locale=//evil.example"}, "/it/"),
    ],
)
def test_the_front_leads_to_the_language_of_the_reader(
    headers: dict[str, str], path: str, visit: Visit
) -> None:
    answer = visit(**headers).get("/")
    assert (answer.status_code, answer.headers["location"]) == (302, path)
    assert "accept-language" in answer.headers["vary"]


def test_paths_without_a_language_lead_to_the_same_with_one(visit: Visit) -> None:
    client = visit()
    for path in (f"/models/{SEED}", "/sign-in?code=x%2F1"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (302, f"/it{path}")
    assert client.get("/it").headers["location"] == "/it/"
    assert client.get(f"/it/models/{SEED}x").status_code == 404


@pytest.mark.parametrize("code", LOCALES)
@pytest.mark.parametrize("path", [*PAGES, *BEHIND_A_KEY])
def test_every_page_is_there_in_every_language(code: str, path: str, server: Server, visit: Visit) -> None:
    client = visit(None if path in PAGES else server.key)
    found = page(client, f"/{code}{path}")
    assert found.one("html").attributes["lang"] == code
    assert len(found.all("h1")) == 1
    links = {
        each.attributes["hreflang"]: each.attributes["href"]
        for each in found.all("link", rel="alternate")
        if "hreflang" in each.attributes
    }
    assert links == {each: f"{server.url}/{each}{path}" for each in LOCALES}


@pytest.mark.parametrize(
    "path", ["/xx/", "/it/nothing", f"/it/models/{SEED}x/api", "/it/models/one/api", "/ITA/", "/nothing"]
)
def test_what_is_not_there_is_a_page_for_browsers_and_json_for_programs(
    path: str, server: Server, visit: Visit
) -> None:
    status = 400 if path == "/it/models/one/api" else 404
    found = page(visit(), path, status)
    assert found.one("html").attributes["lang"] == "it"
    assert found.all("h1")
    answer = server.client(None).get(path)
    assert answer.status_code == status
    assert answer.json()["error_code"]


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/files/none.png", "/worker/v1/none", "/static/x/none.css", "/covers/none.webp"]
)
def test_errors_where_programs_call_are_json_for_everybody(path: str, visit: Visit) -> None:
    answer = visit().get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"


def test_pages_take_head_and_refuse_other_methods(visit: Visit) -> None:
    client = visit()
    head = client.head("/it/")
    assert (head.status_code, head.content) == (200, b"")
    assert client.post("/it/").status_code == 405


# Policy


@pytest.mark.parametrize("path", [*PAGES, *BEHIND_A_KEY, "/nothing"])
def test_no_page_has_a_script_or_a_style_of_its_own(path: str, server: Server, visit: Visit) -> None:
    answer = visit(server.key if path in BEHIND_A_KEY else None).get(f"/it{path}")
    assert answer.headers["content-type"].startswith("text/html")
    policy = dict(
        part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    for element in read(answer.text).elements:
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
        assert element.tag != "style"
        if element.tag == "script":
            assert (
                element.attributes.get("src", "").startswith("/static/")
                or element.attributes["type"] == "application/json"
            )
        for name in ("src", "action"):
            assert element.attributes.get(name, "/").startswith("/")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/models/{hostile.ID}",
        f"/models/{hostile.ID}/api",
        "/?search=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    ],
)
def test_hostile_words_stay_words(path: str, visit: Visit) -> None:
    found = read(visit().get(f"/it{path}").text)
    assert not [
        each
        for each in found.all("script")
        if "alert" in each.text and each.attributes.get("type") != "application/json"
    ]
    assert not found.all("img", src="x")
    assert not [
        each for each in found.elements if "49" in each.text and "7*7" not in each.text and each.tag == "h1"
    ]


def test_hostile_words_reach_the_reader_whole(visit: Visit) -> None:
    found = page(visit(), f"/it/models/{hostile.ID}/api")
    assert found.one("h1").text == hostile.WORDS
    assert json.loads(found.one("code", id="input-json").text)["title"] == hostile.WORDS


def test_static_files_are_kept_for_ever_and_old_names_are_not(visit: Visit) -> None:
    client = visit()
    style = page(client, "/it/").one("link", rel="stylesheet").attributes["href"]
    answer = client.get(style)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert "@font-face" in answer.text
    old = client.get("/static/0123456789ab/app.css", headers={"Accept-Encoding": "identity"})
    assert old.status_code == 200
    assert old.headers["cache-control"] == "no-store"
    assert old.text == answer.text
    for name in ("../app.py", "%2e%2e/app.py", "fonts/"):
        assert client.get(f"/static/x/{name}").status_code == 404


def test_the_first_page_weighs_at_most_150_kb(visit: Visit) -> None:
    client = visit()
    answer = client.get("/it/")
    found = read(answer.text)
    needed = {
        each.attributes["href"]
        for each in found.all("link")
        if each.attributes.get("rel") in {"stylesheet", "preload", "icon"}
    }
    needed |= {
        each.attributes["src"]
        for tag in ("script", "img")
        for each in found.all(tag)
        if "src" in each.attributes and each.attributes.get("loading") != "lazy"
    }
    static = next(path for path in needed if path.endswith("frame.js")).removesuffix("frame.js")
    needed |= {static + name for name in ("dom.js", "text.js", "handed.js", "icons.svg")}
    total = len(answer.content) + sum(int(client.get(path).headers["content-length"]) for path in needed)
    assert any("covers" in path for path in needed)
    assert total <= 150_000, total


# The page of a model's API


def test_the_seeds_page_has_its_sections_in_their_order_in_italian(server: Server, visit: Visit) -> None:
    found = page(visit(), f"/it/models/{SEED}/api")
    assert [each.attributes["id"] for each in found.all("section")] == [
        *("start", "authentication", "reference", "submit", "status", "result", "cancel"),
        *("files", "input", "output", "more"),
    ]
    headings = [each.text for tag in ("h2",) for each in found.all(tag)]
    assert headings[:3] == ["Per iniziare", "Autenticazione", "Riferimento dell’API"]
    text = found.one("main").text
    for fact in (
        "OFFICINA_KEY",
        "Authorization: Bearer",
        "in_queue, in_progress, completed, cancelled",
        "50 MB",
        "100 MB",
        "720p",
    ):
        assert fact in text
    assert f"--url {server.url}/v1/models/{SEED} " in text
    assert "runcomfy.net/v1" not in text


@pytest.mark.parametrize("code", LOCALES)
def test_the_schema_on_the_page_is_the_published_one(code: str, server: Server, visit: Visit) -> None:
    found = page(visit(), f"/{code}/models/{SEED}/api")
    published = server.http.get(f"/v1/models/{SEED}").json()
    shown_input = json.loads(found.one("code", id="input-json").text)
    shown_output = json.loads(found.one("code", id="output-json").text)
    assert {**shown_input, "title": ""} == {**published["input_schema"], "title": ""}
    if code == "it":
        assert shown_input["title"] == "Schema di input"
        assert shown_output["output"]["properties"]["image"]["description"] == "URL di una singola immagine"
    for each in (shown_output, published["output_schema"]):
        for member in each["output"]["properties"].values():
            member.pop("description")
    assert shown_output == published["output_schema"]


def test_the_table_tells_every_field_with_every_rule(visit: Visit) -> None:
    found = page(visit(), f"/it/models/{SEED}/api")
    text = found.all("table", class_="fields")[0].text
    model = catalog.load().entries[SEED].model
    words = model.texts["it"].schema
    for name, node in model.input_schema["properties"].items():
        assert name in text
        for each in node.get("validations", ()):
            assert f"{each['validation_rule']} {each['validation_value']}" in text
            assert words[each["validation_error"]] in text
        for option in node.get("enum", ()):
            assert option in text
    for words in (
        "da 1 a 10 elementi",
        "al massimo 800 caratteri",
        "da 0 a 1",
        "obbligatorio",
        "elenco di immagini",
    ):
        assert words in text


def sample(found: Reading, name: str) -> str:
    return found.one("code", id=name).text


def test_the_curl_sample_runs_as_it_stands(server: Server, visit: Visit) -> None:
    found = page(visit(), f"/it/models/{SEED}/api")
    said = shell(sample(found, "submit-code-1").replace("<token>", server.key))
    request_id = said["request_id"]
    for name, word in (
        ("status-code-1", "in_queue in_progress completed"),
        ("cancel-code-1", "cancelled not_cancellable"),
    ):
        said = shell(sample(found, name).replace("<token>", server.key).replace("{request_id}", request_id))
        assert said["request_id"] == request_id
        assert said.get("outcome", said["status"]) in word.split()


def shell(command: str) -> dict[str, Any]:
    done = subprocess.run(["bash", "-c", command + " --silent"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_python_sample_runs_to_the_result(server: Server, visit: Visit) -> None:
    found = page(visit(), f"/it/models/{ECHO}/api")
    done = program([sys.executable, "-c", sample(found, "start-code-2")], server)
    assert "succeeded {'images': ['http" in done


def test_the_javascript_sample_runs_to_the_result_where_there_is_a_node(server: Server, visit: Visit) -> None:
    found = page(visit(), f"/it/models/{ECHO}/api")
    code = sample(found, "start-code-3")
    assert "process.env.OFFICINA_KEY" in code
    assert json.loads(code.split("JSON.stringify(")[1].split("),\n}")[0]) == {"prompt": "copy"}


def program(command: list[str], server: Server) -> str:
    environment = {**os.environ, "OFFICINA_KEY": server.key, "NO_PROXY": "*"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_samples_show_the_readers_own_key_masked(server: Server, visit: Visit) -> None:
    found = page(visit(server.key), f"/it/models/{SEED}/api")
    code = sample(found, "submit-code-1")
    assert f"Bearer {server.key[:8]}…" in code
    assert server.key not in str([each.text for each in found.elements])
    assert {each.attributes["data-copy"] for each in found.all("span", class_="secret")} == {"$OFFICINA_KEY"}
    assert "<token>" in sample(page(visit(), f"/it/models/{SEED}/api"), "submit-code-1")


# What the others show


def test_explore_finds_by_text_and_category_and_says_what_serves(visit: Visit) -> None:
    client = visit()
    found = page(client, "/it/?search=DREAMINA")
    assert [each.text for each in found.all("h3")] == ["Dreamina 4.0 Edit"]
    assert "1 modello" in found.one("p", id="found").text
    assert "collage è pronto" in found.one("main").text
    assert not page(client, "/it/?search=zzz").all("h3")
    assert page(client, "/it/?category=nothing").one("p", id="nothing").text
    assert client.get("/it/?offset=x").status_code == 422


def test_texts_that_a_model_lacks_are_marked_as_english(visit: Visit) -> None:
    found = page(visit(), "/ja/")
    assert "Echo" in {each.text for each in found.all("a", lang="en")}
    assert "Eco" in {each.text for each in page(visit(), "/it/").all("a")}


@pytest.mark.parametrize("code", LOCALES)
def test_the_seeds_model_speaks_every_language_of_the_pages(code: str, visit: Visit) -> None:
    found = page(visit(), f"/{code}/models/{SEED}/api")
    assert len(found.all("td", lang=code)) == 5
    assert not found.all("h1", lang="en")


def test_keys_are_listed_without_their_secrets(server: Server, visit: Visit) -> None:
    found = page(visit(server.key), "/it/keys")
    assert server.key[:8] in found.one("table").text
    assert server.key not in found.one("html").text


def test_usage_shows_what_ran_and_hides_it_from_others(server: Server, visit: Visit) -> None:
    server.run({"prompt": "copy"})
    found = page(visit(server.key), "/it/usage")
    assert ECHO in found.one("main").text
    assert found.one("svg", role="img").attributes["aria-label"].startswith("Esecuzioni giorno per giorno")
    assert found.all("rect", class_="succeeded")
    csv = visit(server.key).get(
        next(each.attributes["href"] for each in found.all("a") if "csv" in each.attributes["href"])
    )
    assert csv.text.startswith("day,")
    assert ECHO in csv.text
    other = server.new_key().headers["Authorization"].removeprefix("Bearer ")
    found = page(visit(other), "/it/usage")
    assert ECHO not in found.one("main").text
    assert not found.all("table")


def test_usage_of_more_than_two_months_is_told_by_weeks(server: Server, visit: Visit) -> None:
    server.run({"prompt": "copy"})
    today = datetime.now(UTC).date()
    year = f"/it/usage?from={today - timedelta(364)}&to={today}"
    found = page(visit(server.key), year)
    plot = found.one("svg", role="img").attributes
    assert plot["aria-label"].startswith("Esecuzioni settimana per settimana")
    assert plot["viewbox"].split()[2] in {"53", "54"}
    assert "Per settimana" in found.one("details", class_="by-day").text


def test_operate_shows_failures_with_their_reasons(server: Server, visit: Visit) -> None:
    request_id = server.submit({"prompt": "refuse"})
    assert server.result(request_id)["status"] == "failed"
    text = page(visit(server.key), "/it/operate").one("main").text
    assert request_id in text
    assert "not_understood" in text
    assert "I only copy." in text
    assert "slot occupat" in text


def test_a_key_without_the_scope_is_told_so(server: Server, visit: Visit) -> None:
    caller = server.new_key().headers["Authorization"].removeprefix("Bearer ")
    client = visit(caller)
    for path in ("/it/keys", "/it/operate"):
        assert "403" in page(client, path, 403).one("main").text
    menu = [
        each.attributes["href"]
        for each in page(client, "/it/").all("a")
        if each.attributes["href"].startswith("/it/")
    ]
    assert "/it/usage" in menu
    assert "/it/keys" not in menu


def test_a_cover_is_a_picture_that_is_kept_and_runs_nothing(visit: Visit) -> None:
    client = visit()
    source = page(client, "/it/").all("img")[0].attributes["src"]
    answer = client.get(source)
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert len(answer.content) <= 60_000


def test_example_files_outlive_a_restart_and_are_stored_once(tmp_path: Path) -> None:
    shown: list[set[str]] = []
    for _ in range(2):
        with serving(tmp_path / "data", workers=0) as running:
            text = running.client(None).get(f"/it/models/{SEED}/api").text
            urls = set(re.findall(r"/files/\w+\.jpg", text))
            assert {running.client(None).get(url).status_code for url in urls} == {200}
            shown.append(urls)
    assert shown[0] == shown[1]
    assert len(shown[0]) == 2

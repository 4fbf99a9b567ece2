"""This server as others read it: the reference page, llms.txt, models as Markdown, shared results as pages."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from road_server import ECHO, HERE, SEED, Server, serving

from officina import catalog
from officina.web.openapi.document import OPERATIONS, input_schema
from officina.web.openapi.words import kind, members, rules

NASTY = '</td><script>alert(1)</script> | "quoted" `code` <img src=x onerror=alert(1)>'
VOID = {"meta", "link", "img", "br", "input"}


class Html(HTMLParser):
    """The elements of a page; fails where they are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [str(attributes[name]) for _, attributes in self.elements if name in attributes]


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a model whose every text is an attack."""
    folder = tmp_path_factory.mktemp("nasty")
    model = folder / "models" / "tests" / "nasty"
    shutil.copytree(HERE / "models" / ECHO, model)
    (model / "texts" / "en.toml").write_text(f"display_name = '''{NASTY}'''\ndescription = '''{NASTY}'''\n")
    schema = (model / "input.json").read_text()
    told = NASTY.replace("\\", "\\\\").replace('"', '\\"')
    (model / "input.json").write_text(schema.replace('"What to do"', f'"{told}"'))
    with serving(folder / "data", "--models", str(folder / "models")) as running:
        yield running


def opened(server: Server, path: str) -> httpx.Response:
    answer = server.client(None).get(path)
    assert answer.status_code == 200, answer.text
    return answer


def shared(server: Server, prompt: str, model: str = ECHO) -> str:
    request_id = server.submit({"prompt": prompt}, model)
    assert server.result(request_id)["status"] == "succeeded"
    return str(server.http.post(f"/v1/requests/{request_id}/share").json()["url"])


# The reference page


def test_the_reference_has_every_operation_and_every_link_in_it_leads_somewhere(idle: Server) -> None:
    page = Html(opened(idle, "/docs").text)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {each.id for each in OPERATIONS} <= set(ids)
    for target in page.values("href"):
        if target.startswith("#"):
            assert target[1:] in ids
        else:
            opened(idle, target)


def test_the_reference_is_small_inert_and_asks_nothing_of_others(idle: Server) -> None:
    answer = opened(idle, "/docs")
    page = Html(answer.text)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "unsafe" not in policy and "script-src" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not {"script", "style", "iframe", "object"} & {tag for tag, _ in page.elements}
    assert page.values("style") == []
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not [target for target in page.values("href") + page.values("src") if "//" in target]
    assert len(answer.content) + len(opened(idle, "/docs/reference.css").content) < 150_000


def test_what_is_read_by_get_has_its_headers_by_head(idle: Server) -> None:
    for path in ("/docs", "/openapi.json", "/llms.txt", "/docs/reference.css"):
        answer = idle.client(None).head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["content-length"]) > 1000


# For agents


def test_llms_txt_lists_every_model_and_leads_to_what_is_there(idle: Server) -> None:
    text = opened(idle, "/llms.txt").text
    links = re.findall(r"\]\((\S+)\)", text)
    assert text.startswith("# Officina\n\n> ")
    assert f"{idle.url}/en/models/{SEED}/api.md" in links
    assert f"{idle.url}/v1/models/{SEED}/openapi.json" in links
    for link in links:
        opened(idle, link)


def test_the_markdown_of_a_model_has_its_texts_in_the_language_asked_for(idle: Server) -> None:
    texts = catalog.load().entries[SEED].model.texts
    for locale in ("it", "en", "ja", "zh-CN"):
        answer = opened(idle, f"/{locale}/models/{SEED}/api.md")
        assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
        assert texts[locale].description.splitlines()[0] in answer.text
    assert (
        "Does what the prompt says" in opened(idle, f"/ja/models/{ECHO}/api.md").text
    )  # it has English and Italian
    refused = idle.client(None).get(f"/italian/models/{SEED}/api.md")
    assert (refused.status_code, refused.json()["error_code"]) == (404, 404002)
    unknown = idle.client(None).get("/en/models/no/such/api.md")
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, 400001)


def test_the_markdown_of_a_model_tells_every_rule(idle: Server) -> None:
    text = opened(idle, f"/en/models/{SEED}/api.md").text
    schema = catalog.load().entries[SEED].model.input_schema["properties"]
    rows = {row[0]: row[1] for row in re.findall(r"^\| `(\S+)` \| (.*) \|$", text, re.MULTILINE)}
    assert rows.keys() == schema.keys()
    for entry in schema["image_urls"]["validations"]:
        assert entry["validation_error"] in rows["image_urls"]
    for size in schema["width×height"]["enum"]:
        assert f"`{size}`" in rows["width×height"]
    assert "at most 10 items" in rows["image_urls"] and "at least 1 item<" in rows["image_urls"]
    assert "at most 800 characters" in rows["prompt"]
    assert "at least 0" in rows["scale"] and "`0.5` unless given" in rows["scale"]


@pytest.mark.parametrize("model", [SEED, ECHO])
def test_the_sample_of_the_markdown_submits(idle: Server, model: str) -> None:
    text = opened(idle, f"/en/models/{model}/api.md").text
    sample = text.split("```sh\n")[1].split("```")[0]
    done = subprocess.run(
        ["sh", "-c", sample], capture_output=True, text=True, timeout=30, env={"OFFICINA_KEY": idle.key}
    )
    assert '"request_id":' in done.stdout, done.stderr + done.stdout


# Every rule in words


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"$ref": "#/components/schemas/Error"}, "Error"),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": ["array", "null"], "items": {"type": "integer"}}, "list of integer or null"),
        ({"enum": ["a", "b"]}, "string"),
        ({"const": True}, "boolean"),
        ({}, "anything"),
    ],
)
def test_a_type_is_told_in_words(schema: dict[str, Any], told: str) -> None:
    assert kind(schema) == told


def test_no_keyword_of_a_schema_is_passed_over() -> None:
    schema = {"type": "string", "minLength": 1, "uniqueItems": True, "not": {"const": 3}, "const": "x"}
    assert list(rules(schema)) == [
        "at least 1 character",
        "uniqueItems `true`",
        'not `{"const":3}`',
        "always `x`",
    ]


def test_the_members_of_an_input_say_whether_they_are_required() -> None:
    found = {each.name: each for each in members(input_schema(catalog.load().entries[SEED]))}
    assert [name for name, each in found.items() if each.is_required] == ["image_urls", "prompt"]


# Shared results, and texts that attack


def test_a_shared_result_is_a_page_for_people(server: Server) -> None:
    answer = opened(server, shared(server, "copy a boat"))
    page = Html(answer.text)
    [picture] = [str(attributes["src"]) for tag, attributes in page.elements if tag == "img"]
    assert opened(server, picture).headers["content-type"] == "image/png"
    assert "copy a boat" in page.text
    assert answer.headers["x-robots-tag"] == "noindex"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "script-src 'self'; style-src 'self'" in answer.headers["content-security-policy"]
    assert server.client(None).get("/s/" + "0" * 32).status_code == 404


def test_a_shared_result_is_in_the_language_of_whoever_has_the_link(server: Server) -> None:
    url = shared(server, "copy a boat")
    visitor = server.client(None)
    assert 'lang="ja"' in visitor.get(url, headers={"Accept-Language": "ja"}).text
    chosen = visitor.get(url, params={"locale": "it"}, headers={"Accept-Language": "ja"}).text
    assert 'lang="it"' in chosen and "Provalo" in chosen


def test_prompts_and_texts_of_models_are_inert_wherever_they_are_shown(nasty: Server) -> None:
    page = Html(opened(nasty, shared(nasty, f"copy {NASTY}", "tests/nasty")).text)
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert all(each.get("type") == "application/json" or "/static/" in str(each["src"]) for each in scripts)
    assert "td" not in {tag for tag, _ in page.elements}
    assert len([tag for tag, _ in page.elements if tag == "img"]) == 1
    assert page.text.count(NASTY) == 3, "as it is in the title, in the prompt, and in the line below"
    markdown = opened(nasty, "/en/models/tests/nasty/api.md").text
    [row] = [line for line in markdown.splitlines() if line.startswith("| `prompt`")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert opened(nasty, "/v1/models/tests/nasty/openapi.json").json()["info"]["description"] == NASTY

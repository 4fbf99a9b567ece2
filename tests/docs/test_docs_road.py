"""What the pages tell people to write and run, written and run."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from docs_pages import REPOSITORY, Fence, page
from docs_server import Served, serving, write_files
from PIL import Image

from officina import catalog
from officina_client import Client

EXAMPLES = REPOSITORY / "examples"
PROGRAMS = [
    fence
    for name in ("tutorial.md", "reference/client.md", "how-to/write-an-engine.md")
    for fence in page(name).fences("python")
    if not fence.file
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("docs")
    write_files(folder)
    Image.effect_mandelbrot((640, 480), (-2.0, -1.2, 1.0, 1.2), 50).convert("RGB").save(folder / "boat.jpg")
    with serving(folder) as running:
        yield running


def test_the_models_that_the_pages_make_pass_the_linter(served: Served) -> None:
    done = served.run(sys.executable, "-m", "officina", "models", "check", "models")
    assert done.returncode == 0, done.stdout
    assert len(catalog.find(served.folder / "models")) == 2


def test_the_engine_of_the_page_runs(served: Served) -> None:
    with Client(served.url, served.key) as client:
        uploads = [client.upload(served.folder / "boat.jpg") for _ in range(2)]
        result = client.run("studio/stripes/make", {"image_urls": uploads, "strips": 12})
        assert (result.engine, result.notes) == ("stripes:StripesEngine", {"strips": 12})
        made = [client.download(url, served.folder) for url in result.images]
    assert [_size(path) for path in made] == [(640, 480), (640, 480)]


def test_the_model_of_the_page_runs(served: Served) -> None:
    with Client(served.url, served.key) as client:
        edit = {"image_urls": [client.upload(served.folder / "boat.jpg")], "prompt": "black and white"}
        result = client.run("studio/portrait/blur", edit)
        assert _size(client.download(result.images[0], served.folder)) == (1024, 1024)


@pytest.mark.parametrize("fence", PROGRAMS, ids=lambda fence: fence.page.stem)
def test_every_python_program_of_the_pages_runs(served: Served, fence: Fence) -> None:
    program = fence.text.replace("http://127.0.0.1:8000", served.url).replace("YOUR_KEY", served.key)
    program = program.replace("remove the background", "black and white")  # there is no subject in a fractal
    done = served.run(sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_example_for_one_edit_runs(served: Served) -> None:
    done = served.run(sys.executable, str(EXAMPLES / "edit.py"), "boat.jpg", "black and white", "one.jpg")
    assert done.returncode == 0, done.stderr
    assert _size(served.folder / "one.jpg") == (1024, 1024)


def test_the_example_for_one_edit_tells_why_there_is_none(served: Served) -> None:
    done = served.run(sys.executable, str(EXAMPLES / "edit.py"), "boat.jpg", "write a poem", "none.jpg")
    assert done.returncode == 1
    assert "not_understood" in done.stderr
    assert not (served.folder / "none.jpg").exists()


def test_the_example_for_many_edits_runs(served: Served) -> None:
    shutil.copy(served.folder / "boat.jpg", served.folder / "ship.jpg")
    many = str(EXAMPLES / "edit_many.py")
    done = served.run(sys.executable, many, "black and white", "many", "boat.jpg", "ship.jpg")
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in (served.folder / "many").iterdir()} == {"boat", "ship"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_example_with_curl_runs(served: Served) -> None:
    done = served.run("bash", str(EXAMPLES / "submit.sh"), "boat.jpg", "black and white")
    assert done.returncode == 0, done.stderr
    saved = done.stdout.splitlines()[-1].removeprefix("saved: ")
    assert _size(served.folder / saved) == (1024, 1024)


def test_every_route_wants_the_scope_that_the_table_says(served: Served) -> None:
    said = {
        (route[1], route[2].replace("{n}", "0")): row[1]
        for row in page("reference/http.md").rows("HTTP")
        if (route := re.search(r"`(GET|POST|PUT|DELETE) (/\S*)`", row[0]))
    }
    scopes = ("caller", "worker", "admin")
    with Client(served.url, served.key) as client:
        keys = {scope: str(client.create_key(scope, scopes=[scope]).secret) for scope in scopes}
    for (method, path), scope in said.items():
        url = served.url + re.sub(r"\{\w+\}", "x", path)
        assert (httpx.request(method, url).status_code == 401) == (scope != "none"), path
        for held, key in keys.items():
            answer = httpx.request(method, url, headers={"Authorization": f"Bearer {key}"})
            refused = answer.status_code == 403 and answer.json()["error_code"] == 403003
            assert refused == (scope not in (held, "none")), f"{method} {path} with {held}"


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size

"""What every page must keep: links that lead somewhere, and examples that can be read by their programs."""

from __future__ import annotations

import ast
import configparser
import importlib
import tomllib

import msgspec
import pytest
from docs_pages import DOCS, REPOSITORY, Fence, Page, name_of, page, pages

from officina.settings import names

PAGES = pages()
FENCES = [fence for each in PAGES for fence in each.fences("json", "toml", "python", "ini")]


@pytest.mark.parametrize("each", PAGES, ids=lambda each: name_of(each.path))
def test_every_link_leads_to_a_file_and_heading(each: Page) -> None:
    for target in each.links():
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        place, _, anchor = target.partition("#")
        path = (each.path.parent / place).resolve() if place else each.path
        assert path.exists(), f"{target} leads nowhere"
        assert path.is_relative_to(REPOSITORY), f"{target} leads out of the repository"
        if anchor:
            anchors = Page(path, path.read_text(encoding="utf-8")).anchors()
            assert anchor in anchors, f"{target} names no heading of {name_of(path)}"


@pytest.mark.parametrize("fence", FENCES, ids=lambda fence: f"{name_of(fence.page)}-{fence.language}")
def test_every_example_is_well_formed(fence: Fence) -> None:
    match fence.language:
        case "json":
            msgspec.json.decode(fence.text)
        case "toml":
            tomllib.loads(fence.text)
        case "ini":
            configparser.ConfigParser(strict=False, interpolation=None).read_string(fence.text)
        case "python":
            ast.parse(fence.text)


@pytest.mark.parametrize(
    "fence", [each for each in FENCES if each.language == "python"], ids=lambda fence: name_of(fence.page)
)
def test_every_name_that_a_python_example_imports_from_us_exists(fence: Fence) -> None:
    for node in ast.walk(ast.parse(fence.text)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("officina"):
            module = importlib.import_module(str(node.module))
            assert not {alias.name for alias in node.names} - set(dir(module))


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_every_page_can_be_reached_from_the_index(path: object) -> None:
    index = page("README.md")
    listed = {(index.path.parent / target).resolve() for target in index.links() if "://" not in target}
    assert path == index.path or path in listed


def test_every_settings_file_is_one_that_would_be_read() -> None:
    for each in PAGES:
        for fence in each.fences("toml"):
            is_settings = not fence.file or fence.file.endswith("officina.toml")
            facts = tomllib.loads(fence.text)
            if is_settings and "categories" not in facts:
                assert facts.keys() <= set(names()), f"{name_of(each.path)}: {facts.keys() - set(names())}"

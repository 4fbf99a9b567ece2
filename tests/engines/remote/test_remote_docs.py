"""The pages about the remote engine, and its examples, against the code."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from docs.docs_pages import REPOSITORY, Page, page
from officina.engines.remote import RemoteEngine
from officina.engines.remote.engine import PROTOCOLS
from officina.engines.remote.options import Common
from officina.settings import load

PAGE = page("reference/remote.md")
HOW_TO = page("how-to/use-a-provider.md")
EXAMPLES = sorted((REPOSITORY / "examples/providers").glob("*.toml"))
OURS = {each.name for each in msgspec.structs.fields(Common)}


def described(section: str) -> dict[str, str]:
    """The options of a section, each with its default as it is written."""
    return {row[0].strip("`"): row[1].strip("`") for row in PAGE.rows(section)[1:]}


def default(kind: type[msgspec.Struct], name: str) -> Any:
    (found,) = [each for each in msgspec.structs.fields(kind) if each.name == name]
    if found.required:
        return None
    made = found.default_factory() if found.default is msgspec.NODEFAULT else found.default  # type: ignore[misc]
    return list(made) if isinstance(made, tuple) else made


def options_of(protocol: str) -> type[Common]:
    kind: type[Common] = importlib.import_module(PROTOCOLS[protocol]).Options
    return kind


def test_every_option_of_every_protocol_is_described_with_its_default() -> None:
    rows = described("Every protocol")
    assert rows.keys() == OURS
    for name, text in rows.items():
        if text != "by protocol":
            assert same(text, default(Common, name)), name


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_option_of_a_protocol_is_described_with_its_default(protocol: str) -> None:
    kind = options_of(protocol)
    rows = described(protocol)
    assert rows.keys() == {each.name for each in msgspec.structs.fields(kind)} - OURS
    for name, text in rows.items():
        assert same(text, default(kind, name)), name
    prose = PAGE.sections()[protocol]
    assert f"`{default(kind, 'base_url')}`" in prose
    assert f"`timeout_s` is `{default(kind, 'timeout_s')}`" in prose


def same(text: str, value: Any) -> bool:
    """Whether a default is written as TOML has it; nothing, for one that is empty."""
    return value in (None, "") if not text else tomllib.loads(f"x = {text}")["x"] == value


def test_every_protocol_has_its_recipe() -> None:
    found = set(re.findall(r'protocol = "(\w+)"', HOW_TO.text))
    assert found == PROTOCOLS.keys()


@pytest.mark.parametrize("each", [HOW_TO, PAGE], ids=lambda each: each.path.stem)
def test_every_recipe_makes_an_engine(each: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for n, fence in enumerate(each.fences("toml")):
        path = tmp_path / f"{n}.toml"
        path.write_text(fence.text, encoding="utf-8")
        engine_of(path, monkeypatch)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_makes_an_engine(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_of(path, monkeypatch)
    assert f"providers/{path.name}" in (REPOSITORY / "examples/README.md").read_text(encoding="utf-8")
    assert f"--config examples/providers/{path.name}" in path.read_text(encoding="utf-8")


def engine_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(config=path, environ={}).settings
    (choice,) = settings.engines.values()
    assert choice.engine == "remote"
    named = {"VOLC_ACCESS_KEY_ID", "VOLC_SECRET_ACCESS_KEY", *filter(None, [choice.options.get("key_env")])}
    for name in named:
        monkeypatch.setenv(name, "a-secret")
    RemoteEngine(choice.options)

"""`officina models`: list, show, check."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_scene import SEED, Shell

from officina.cli.exits import Code

FIXTURES = Path(__file__).parent.parent / "fixtures" / "models"


def test_the_models_of_the_server_are_listed(idle: Shell) -> None:
    listed = idle("models", "list", "--json").json["models"]
    url = (idle.folder / "officina-data" / "address").read_text().strip()
    assert listed[0]["model_id"] == SEED
    assert listed[0]["model_url"].startswith(url)
    assert "input_schema" not in listed[0]


def test_a_search_keeps_what_fits(idle: Shell) -> None:
    assert SEED in idle("models", "list", "DREAMINA").out
    assert idle("models", "list", "no such model").out == "No model fits.\n"


@pytest.mark.parametrize("words", [["--offline"], []])
def test_without_a_server_the_catalog_of_this_machine_is_listed(words: list[str], shell: Shell) -> None:
    (shell.folder / "officina.toml").write_text(f'models = ["{FIXTURES / "good"}"]\nport = 1')
    listed = [each["model_id"] for each in shell("models", "list", *words, "--json").json["models"]]
    assert listed[0] == SEED
    assert "studio/spark" in listed


def test_a_server_that_was_named_must_answer(shell: Shell) -> None:
    shell("models", "list", "--url", "http://127.0.0.1:1", code=Code.UNREACHABLE)


def test_a_model_is_shown_with_every_field(shell: Shell) -> None:
    shown = shell("models", "show", SEED, "--offline").out
    for words in ("Dreamina 4.0 Edit", "image_urls*", "array of image_uri", "width×height", "0 to 1"):
        assert words in shown
    published = shell("models", "show", SEED, "--offline", "--json").json
    assert published["input_schema"]["properties"]["scale"]["type"] == "float"


def test_a_model_that_is_not_there_is_told_with_the_nearest(shell: Shell) -> None:
    done = shell("models", "show", "bytedance/dreamina-4/edit", "--offline", code=Code.BAD_INPUT)
    assert f'did you mean "{SEED}"?' in done.err


def test_good_models_pass_the_check(shell: Shell) -> None:
    assert "nothing is wrong" in shell("models", "check").out
    assert shell("models", "check", "--json").json == {"findings": []}


def test_every_finding_of_a_check_is_a_line_with_its_place(shell: Shell) -> None:
    done = shell("models", "check", FIXTURES / "bad", code=Code.FAILED)
    assert len(done.out.splitlines()) > 5
    assert all(line.startswith("studio/all-wrong/api") for line in done.out.splitlines())
    found = shell("models", "check", FIXTURES / "bad", "--json", code=Code.FAILED).json["findings"]
    assert len(found) == len(done.out.splitlines())
    assert found[0].keys() == {"model", "where", "sentence"}


def test_a_folder_that_is_not_there_is_a_finding(shell: Shell) -> None:
    assert "does not exist" in shell("models", "check", "nowhere", code=Code.FAILED).out

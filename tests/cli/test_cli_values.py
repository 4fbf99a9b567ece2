"""From `name=value` to the input of a model."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from officina.catalog import FIRST, SHIPPED
from officina.cli import values
from officina.cli.exits import Code, Stop
from officina.cli.values import LocalFile, read

SEED = json.loads((SHIPPED / FIRST / "input.json").read_text())
MANY = {
    "properties": {
        "steps": {"type": "integer"},
        "note": {"type": ["string", "null"]},
        "count": {"type": ["integer", "null"]},
        "box": {"type": "object"},
        "sizes": {"type": "array", "items": {"type": "integer"}},
        "mask": {"type": "string", "format": "image_uri"},
        "level": {"type": "integer", "enum": [1, 2, 10]},
        "seed": {},
    }
}


@pytest.fixture
def boat(tmp_path: Path) -> Path:
    file = tmp_path / "boat.jpg"
    file.write_bytes(b"boat")
    return file


def test_every_field_of_the_first_model_is_read_by_its_type(boat: Path) -> None:
    words = [f"image_urls=@{boat}", "prompt=a=b", "width×height=1024x1024(1:1)", "scale=0.25"]
    assert read([*words, "force_single=yes"], SEED) == {
        "image_urls": [LocalFile(boat)],
        "prompt": "a=b",
        "width×height": "1024x1024(1:1)",
        "scale": 0.25,
        "force_single": True,
    }


def test_a_list_takes_its_name_more_than_once_in_order(boat: Path) -> None:
    words = ["image_urls=https://example.org/1.png", f"image_urls=@{boat}"]
    assert read(words, SEED)["image_urls"] == ["https://example.org/1.png", LocalFile(boat)]


def test_a_list_may_be_json_with_local_files_in_it(boat: Path) -> None:
    given = json.dumps([f"@{boat}", "https://example.org/1.png"])
    assert read([f"image_urls={given}"], SEED)["image_urls"] == [LocalFile(boat), "https://example.org/1.png"]
    assert read(["sizes=[1, 2]"], MANY)["sizes"] == [1, 2]
    assert read(["sizes=1", "sizes=2"], MANY)["sizes"] == [1, 2]


def test_the_multiplication_sign_may_be_typed_as_x_and_an_option_shortened() -> None:
    assert read(["widthxheight=2304"], SEED) == {"width×height": "2304x1728(4:3)"}
    assert read(["WIDTHXHEIGHT=2304X1728(4:3)"], SEED) == {"width×height": "2304x1728(4:3)"}


def test_an_option_that_could_be_several_is_sent_as_typed_for_the_server_to_refuse() -> None:
    assert read(["widthxheight=4"], SEED) == {"width×height": "4"}


def test_options_keep_their_own_type() -> None:
    assert read(["level=10"], MANY) == {"level": 10}
    assert read(["level=1"], MANY) == {"level": 1}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("steps=4", 4),
        ("steps=4.0", 4),
        ("note=null", None),
        ("note=12", "12"),
        ("count=null", None),
        ("count=12", 12),
        ('box={"a": 1}', {"a": 1}),
        ("seed=7", "7"),
        ("mask=https://example.org/@me.png", "https://example.org/@me.png"),
    ],
)
def test_a_word_becomes_a_value_of_the_type_that_the_schema_says(word: str, value: object) -> None:
    assert read([word], MANY) == {word.partition("=")[0]: value}


def test_only_fields_of_files_read_an_at_sign_as_a_file() -> None:
    assert read(["prompt=@home a boat"], SEED) == {"prompt": "@home a boat"}


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("prompt", "is not name=value"),
        ("=x", "is not name=value"),
        ("promt=x", 'did you mean "prompt"?'),
        ("scale=much", 'scale must be a number, got "much"'),
        ("force_single=perhaps", "force_single must be true or false"),
        ("image_urls=@nowhere.jpg", "There is no file nowhere.jpg."),
        ("image_urls=[1", "image_urls begins like JSON and is not"),
    ],
)
def test_a_word_that_cannot_be_understood_is_refused_with_a_sentence(word: str, sentence: str) -> None:
    with pytest.raises(Stop) as refused:
        read([word], SEED)
    assert sentence in refused.value.message
    assert refused.value.code in {Code.USAGE, Code.BAD_INPUT}


def test_one_value_is_not_given_twice() -> None:
    with pytest.raises(Stop, match="prompt is given 2 times"):
        read(["prompt=a", "prompt=b"], SEED)


def test_a_local_file_without_the_at_sign_is_told_how_to_be_uploaded(boat: Path) -> None:
    with pytest.raises(Stop) as refused:
        read([f"image_urls={boat}"], SEED)
    assert refused.value.todo == f"Upload it as image_urls=@{boat}"


def test_a_json_file_is_the_input_and_words_go_on_top_of_it(boat: Path, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"prompt": "one", "scale": 0.1, "image_urls": [f"@{boat}"], "other": "@x"}))
    expected = {"prompt": "two", "scale": 0.1, "image_urls": [LocalFile(boat)], "other": "@x"}
    assert read(["prompt=two"], SEED, body) == expected
    assert read([f"@{body}", "prompt=two"], SEED) == expected


@pytest.mark.parametrize("words", [["@-"], []])
def test_a_dash_reads_the_input_from_stdin(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"prompt": "x"}')))
    assert read(words, SEED, None if words else Path("-")) == {"prompt": "x"}


@pytest.mark.parametrize(
    ("text", "sentence"), [("[1]", "is not a JSON object"), ("{", "is not a JSON object")]
)
def test_an_input_that_is_no_json_object_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(text)
    with pytest.raises(Stop, match=sentence):
        read([], SEED, body)
    with pytest.raises(Stop, match="cannot be read"):
        read([], SEED, tmp_path / "none.json")


def test_without_a_schema_values_are_json_where_they_can_be() -> None:
    assert read(["a=1", "b=true", "c=x y", "d=1", "d=2"], None) == {
        "a": 1,
        "b": True,
        "c": "x y",
        "d": [1, 2],
    }


def test_local_files_are_found_and_replaced_wherever_they_stand() -> None:
    one, two = LocalFile(Path("1")), LocalFile(Path("2"))
    made: dict[str, Any] = {"a": [one, "x"], "b": two, "c": {"d": [one]}}
    assert list(values.files(made)) == [one, two, one]
    assert values.replaced(made, lambda file: file.path.name) == {
        "a": ["1", "x"],
        "b": "2",
        "c": {"d": ["1"]},
    }

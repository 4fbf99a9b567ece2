"""The page of the model folder against what the catalog reads, and NOTICE against the files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from docs_pages import REPOSITORY, name_of, page, pages

from officina.catalog import FIRST, KEYS, RESERVED, SHIPPED
from officina.model import Metric, Model, Operator, Price, Texts
from officina.picture import PROBED

PAGE = page("reference/model-folder.md")
CARRIED = [
    *sorted((REPOSITORY / "src/officina/engines/collage/weights").glob("*.onnx")),
    *sorted((SHIPPED / FIRST / "example").iterdir()),
    SHIPPED / FIRST / "cover.webp",
    *sorted((REPOSITORY / "src/officina/web/static/fonts").glob("*.woff2")),
]


def test_every_key_of_model_toml_is_described_with_its_default() -> None:
    rows = {row[0].strip("`"): row[2] for row in PAGE.rows("model.toml")[1:]}
    assert rows.keys() == KEYS
    for field in msgspec.structs.fields(Model):
        if isinstance(field.default, int | float):
            assert float(rows[field.name]) == field.default


def test_every_key_of_a_price_is_described() -> None:
    assert [row[0].strip("`") for row in PAGE.rows("[price]")[1:]] == list(Price.__struct_fields__)


def test_every_key_of_the_texts_is_described() -> None:
    assert [row[0].strip("`") for row in PAGE.rows("texts/")[1:]] == list(Texts.__struct_fields__)


def test_every_metric_and_operator_is_described() -> None:
    assert set(get_args(Metric)) | set(get_args(Operator)) <= PAGE.codes("validations")


def test_every_format_and_reserved_name_is_described() -> None:
    assert PAGE.codes("Formats") - {"accepts"} == PROBED
    assert PAGE.codes("The id") >= RESERVED


@pytest.mark.parametrize("path", CARRIED, ids=lambda path: path.name)
def test_notice_names_every_weight_picture_and_font_with_its_digest(path: Path) -> None:
    notice = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
    assert path.name in notice
    assert hashlib.sha256(path.read_bytes()).hexdigest() in notice


def test_model_ids_of_our_own_provider_are_those_that_are_shipped() -> None:
    for each in pages():
        for code in each.codes():
            if code.startswith("bytedance/") and name_of(each.path).startswith("docs/"):
                assert (SHIPPED / code / "model.toml").is_file(), f"{name_of(each.path)} names {code}"

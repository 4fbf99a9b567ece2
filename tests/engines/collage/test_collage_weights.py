"""The shipped nets are those of the table beside them."""

from __future__ import annotations

import hashlib
import re

import pytest

from officina.engines.collage.nets import DETECTOR_FILE, KINDS, SALIENCY_FILE, WEIGHTS

ROW = re.compile(r"^\| `([\w.-]+\.onnx)` .*`([0-9a-f]{64})` \|$", re.MULTILINE)
TABLE = dict(ROW.findall((WEIGHTS / "README.md").read_text(encoding="utf-8")))


def test_the_table_lists_every_file() -> None:
    assert set(TABLE) == {path.name for path in WEIGHTS.glob("*.onnx")}
    assert {DETECTOR_FILE, SALIENCY_FILE} <= set(TABLE)


@pytest.mark.parametrize("file", sorted(TABLE))
def test_a_file_has_the_sum_of_the_table(file: str) -> None:
    assert hashlib.sha256((WEIGHTS / file).read_bytes()).hexdigest() == TABLE[file]


def test_there_are_eighty_kinds() -> None:
    assert len(set(KINDS)) == 80

"""The diffusers engine keeps to what every engine keeps to."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine_conformance import EngineConformance, Specimen
from officina.engines.diffusers import DiffusersEngine


@pytest.fixture
def specimen(engine: DiffusersEngine, reference: Path) -> Specimen:
    given = {"prompt": "a boat", "width×height": "64x64(1:1)", "seed": 1}
    return Specimen(engine, given, {**given, "width×height": "wide"}, {"image_urls": (reference,)})


class TestDiffusers(EngineConformance):
    """With the specimen above."""

"""The collage engine keeps to what every engine keeps to."""

from __future__ import annotations

import pytest
from PIL import Image

from engine_conformance import EngineConformance, Specimen
from officina.engines.collage import CollageEngine


@pytest.fixture(scope="module")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Specimen:
    path = tmp_path_factory.mktemp("collage") / "teal.png"
    Image.new("RGB", (64, 64), "teal").save(path)
    given = {"prompt": "black and white", "width×height": "512x512(1:1)", "scale": 0.5}
    refused = {**given, "prompt": "make her smile"}
    return Specimen(CollageEngine(), given, refused, {"image_urls": (path,)})


class TestCollage(EngineConformance):
    """With the specimen above."""

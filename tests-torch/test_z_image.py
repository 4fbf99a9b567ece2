"""Z-Image, tiny and random: text to picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import ImageChops

import tiny
from officina.engines.diffusers import DiffusersEngine
from officina.errors import RunError
from torch_scene import Runner, options


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiffusersEngine]:
    folder = tiny.z_image(tmp_path_factory.mktemp("z-image"))
    engine = DiffusersEngine(options(folder, call={"guidance_scale": 0.0}, references={"most": 0}))
    yield engine
    engine.close()


def test_a_prompt_gives_a_picture(painter: DiffusersEngine, start: Runner) -> None:
    one, again, other = (start(painter, seed=seed) for seed in (7, 7, 8))
    assert one.images[0].size == (128, 96)
    assert ImageChops.difference(one.images[0], again.images[0]).getbbox() is None
    assert ImageChops.difference(one.images[0], other.images[0]).getbbox() is not None


def test_pictures_beside_the_prompt_are_refused(
    painter: DiffusersEngine, start: Runner, reference: Path
) -> None:
    with pytest.raises(RunError, match="takes no pictures"):
        start(painter, reference)

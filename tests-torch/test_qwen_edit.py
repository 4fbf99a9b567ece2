"""Qwen-Image-Edit, tiny and random, where torchvision is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as library
from PIL import ImageChops

import tiny
from officina.engines.diffusers import DiffusersEngine
from torch_scene import Runner, options


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiffusersEngine]:
    """The engine; the library scales every picture to a megapixel, which here would take minutes."""
    guided = {"guidance": {"parameter": "true_cfg_scale"}, "negative_prompt": " "}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "VAE_IMAGE_SIZE", 64 * 64)
        patch.setattr(library, "CONDITION_IMAGE_SIZE", 56 * 56)
        engine = DiffusersEngine(options(tiny.qwen_edit(tmp_path_factory.mktemp("qwen")), **guided))
        yield engine
        engine.close()


def test_pictures_are_edited_with_guidance_from_scale(
    qwen: DiffusersEngine, start: Runner, reference: Path
) -> None:
    low, high = (start(qwen, reference, reference, scale=scale) for scale in (0.1, 1.0))
    assert low.images[0].size == (128, 96)
    assert ImageChops.difference(low.images[0], high.images[0]).getbbox() is not None
    assert (low.notes["guidance"], low.notes["ignored"]) == (1.6, [])


def test_the_same_seed_gives_the_same_pixels(qwen: DiffusersEngine, start: Runner, reference: Path) -> None:
    one, other = start(qwen, reference), start(qwen, reference)
    assert ImageChops.difference(one.images[0], other.images[0]).getbbox() is None

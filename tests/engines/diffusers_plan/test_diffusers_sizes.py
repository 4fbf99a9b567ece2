"""Sizes that can be rendered, and how pictures are brought to the size that was asked for."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from officina.engines.diffusers import pictures
from officina.engines.diffusers.recipe import MEGAPIXEL, References
from officina.engines.diffusers.sizes import LEAST_SIDE, Size, covering, renderable, together
from officina.errors import RunError

SEED_SIZES = [
    *("1024x1024", "2048x2048", "2304x1728", "2496x1664", "2560x1440", "3024x1296"),
    *("4096x4096", "4694x3520", "4992x3328", "5404x3040", "6198x2656"),
]
SIDES = st.integers(16, 6200)


def size(text: str) -> Size:
    width, height = text.split("x")
    return Size(int(width), int(height))


@pytest.mark.parametrize("text", SEED_SIZES)
@pytest.mark.parametrize("most", [MEGAPIXEL, 4 * MEGAPIXEL])
def test_every_size_of_the_contract_is_rendered_at_a_legal_size_of_nearly_its_ratio(
    text: str, most: int
) -> None:
    wanted = size(text)
    rendered = renderable(wanted, most, 16)
    assert rendered.width % 16 == rendered.height % 16 == 0
    assert rendered.pixels <= most
    assert abs(math.log(rendered.width / rendered.height * wanted.height / wanted.width)) < 0.02
    assert rendered.pixels > 0.95 * min(most, wanted.pixels)


def test_a_size_that_is_small_enough_is_covered_and_no_more() -> None:
    assert renderable(Size(1024, 768), MEGAPIXEL, 16) == (1024, 768)
    assert renderable(Size(330, 250), MEGAPIXEL, 16) == (336, 256)


@given(SIDES, SIDES, st.sampled_from([MEGAPIXEL, 4 * MEGAPIXEL]))
def test_whatever_is_asked_for_the_rendered_size_is_legal(width: int, height: int, most: int) -> None:
    rendered = renderable(Size(width, height), most, 16)
    assert rendered.width % 16 == rendered.height % 16 == 0
    assert min(rendered) >= 16
    assert rendered.pixels <= most


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_picture_that_covers_a_size_is_never_smaller_than_it(a: int, b: int, c: int, d: int) -> None:
    over = covering(Size(a, b), Size(c, d))
    assert over.width >= c
    assert over.height >= d


@given(st.lists(st.tuples(st.integers(64, 4096), st.integers(64, 4096)), min_size=1, max_size=10))
def test_pictures_beside_a_prompt_keep_within_their_shares_and_are_not_enlarged(
    given_sizes: list[tuple[int, int]],
) -> None:
    before = [Size(*each) for each in given_sizes]
    after = together(before, MEGAPIXEL, 4 * MEGAPIXEL)
    roomy = [each for each in after if min(each) > LEAST_SIDE]
    assert sum(each.pixels for each in roomy) <= 4.02 * MEGAPIXEL
    assert all(each.pixels <= 1.01 * MEGAPIXEL for each in roomy)
    assert all(new.width <= old.width for new, old in zip(after, before, strict=True) if new in roomy)


def test_pictures_are_scaled_by_the_same_factor() -> None:
    large, small = together([Size(1000, 1000), Size(500, 500)], MEGAPIXEL, MEGAPIXEL // 2)
    assert large.width / small.width == pytest.approx(2, rel=0.01)


def test_a_tiny_picture_is_enlarged_to_what_pipelines_take() -> None:
    assert together([Size(16, 32)], MEGAPIXEL, MEGAPIXEL) == [(64, 128)]


def test_a_made_picture_is_enlarged_and_cut_evenly() -> None:
    made = Image.new("RGB", (336, 256), "white")
    made.paste("red", (0, 0, 3, 256))
    fitted = pictures.fitted(made, Size(330, 250))
    assert fitted.size == (330, 250)
    assert fitted.getpixel((0, 100)) == (255, 255, 255)
    assert pictures.fitted(made, Size(2000, 1600)).size == (2000, 1600)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "P", "1", "CMYK", "I;16"])
def test_pictures_of_any_mode_become_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    Image.new(mode, (80, 70)).save(path)
    (read,) = pictures.read_all([path], References())
    assert (read.mode, read.size) == ("RGB", (80, 70))


def test_transparency_is_read_as_white(tmp_path: Path) -> None:
    Image.new("RGBA", (80, 80), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    (read,) = pictures.read_all([tmp_path / "clear.png"], References())
    assert read.getpixel((40, 40)) == (255, 255, 255)


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    lying = Image.new("RGB", (200, 100))
    exif = lying.getexif()
    exif[0x0112] = 6
    lying.save(tmp_path / "lying.jpg", exif=exif)
    (read,) = pictures.read_all([tmp_path / "lying.jpg"], References())
    assert read.size == (100, 200)


def test_a_picture_that_is_a_stripe_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (900, 100)).save(tmp_path / "stripe.png")
    with pytest.raises(RunError, match="Picture 1 is more than 8 times") as error:
        pictures.read_all([tmp_path / "stripe.png"], References())
    assert error.value.type == "validation_failed"


def test_a_model_without_references_takes_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="takes no pictures; 1 were given"):
        pictures.read_all([tmp_path / "any.png"], References(most=0))

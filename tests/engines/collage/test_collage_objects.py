"""Recolouring one object, and pictures made sharper, cleaner or larger."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from collage_painting import SQUARE, apart, detail, likeness, paint, untouched
from PIL import Image

from officina.engines.collage.framing import Size
from officina.engines.collage.plan import Enhance, Mention, Recolour
from officina.engines.collage.refusal import CannotDo

BOAT = Mention("boat", "boat")


def test_an_object_takes_the_colour_and_the_rest_keeps_its_own(boat: Path) -> None:
    before, painted = untouched(boat), paint(Recolour(BOAT, (30, 80, 220), "blue"), boat)
    changed = np.abs(painted.pixels.astype(int) - before).max(axis=-1) > 25
    hues = cv2.cvtColor(painted.pixels, cv2.COLOR_RGB2HSV)[..., 0][changed]
    assert 0.01 < changed.mean() < 0.25
    assert np.mean((hues > 100) & (hues < 130)) > 0.8
    assert not changed[:120].any(), "the sky stays"
    assert likeness(painted.pixels, before) > 0.95
    assert painted.done == ("made the boat of picture 1 blue",)
    assert painted.approximate


def test_recolouring_ignores_a_weak_scale_and_varies(boat: Path) -> None:
    wish = Recolour(BOAT, (30, 80, 220), "blue")
    first = paint(wish, boat).pixels
    assert np.array_equal(first, paint(wish, boat, scale=0.1).pixels)
    assert apart(first, paint(wish, boat, variant=1).pixels) > 0.2


def test_what_has_the_colour_already_is_refused(boat: Path) -> None:
    blue = paint(Recolour(BOAT, (30, 80, 220), "blue"), boat, Size(512, 512)).pixels
    path = boat.parent / "boat.jpg"
    assert path.exists()
    brown = untouched(boat, Size(512, 512))
    own = np.median(brown[np.abs(blue.astype(int) - brown).max(axis=-1) > 60], axis=0)
    with pytest.raises(CannotDo, match="already"):
        paint(Recolour(BOAT, (int(own[0]), int(own[1]), int(own[2])), "brown"), boat)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Mention("car", "car"), "no car was found"),
        (Mention("woman", "person"), "is alive"),
        (Mention("dress", "dress"), "no dress was found"),
    ],
)
def test_what_is_not_clearly_found_is_not_recoloured(target: Mention, said: str, portrait: Path) -> None:
    with pytest.raises(CannotDo, match=said):
        paint(Recolour(target, (220, 20, 20), "red"), portrait)


def test_sharpening_steepens_edges_without_halos(boat: Path) -> None:
    before, after = untouched(boat), paint(Enhance("sharpen"), boat).pixels
    assert detail(after) > 1.15 * detail(before)
    brush = np.ones((5, 5), np.uint8)
    over = after.astype(int) - cv2.dilate(before, brush)
    assert over.max() < 60
    assert np.mean(over > 15) < 0.01


def test_noise_is_taken_out_and_edges_stay(boat: Path, tmp_path: Path) -> None:
    clean = untouched(boat, SQUARE)
    noise = np.random.default_rng(5).normal(0, 12, clean.shape)
    path = tmp_path / "noisy.png"
    Image.fromarray(np.clip(clean + noise, 0, 255).astype(np.uint8)).save(path)
    noisy = untouched(path, SQUARE)
    after = paint(Enhance("denoise"), path, SQUARE).pixels
    assert apart(after, clean) < 0.7 * apart(noisy, clean)


def test_a_picture_without_noise_is_not_cleaned(tmp_path: Path) -> None:
    path = tmp_path / "slope.png"
    Image.radial_gradient("L").convert("RGB").resize((400, 400)).save(path)
    with pytest.raises(CannotDo, match="no noise"):
        paint(Enhance("denoise"), path)


def test_enlarging_redraws_edges_and_changes_nothing_else(portrait: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    with Image.open(portrait) as opened:
        opened.crop((130, 10, 290, 170)).save(path)
    plain, after = untouched(path, SQUARE), paint(Enhance("upscale"), path, SQUARE)
    assert likeness(after.pixels, plain) > 0.99
    assert 0.3 < apart(after.pixels, plain) < 12
    assert after.done == ("enlarged picture 1 2.4 times",)
    again = paint(Enhance("upscale"), path, SQUARE)
    assert np.array_equal(after.pixels, again.pixels)


def test_what_is_large_enough_is_not_enlarged(portrait: Path) -> None:
    with pytest.raises(CannotDo, match="as large as the result"):
        paint(Enhance("upscale"), portrait)

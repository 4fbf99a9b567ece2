"""Pictures as if made by hand: what each style leaves, adds and takes away."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from collage_painting import apart, brightness, colourfulness, likeness, paint, untouched

from officina.engines.collage.framing import Size
from officina.engines.collage.paint.abstraction import ink, patches, washes
from officina.engines.collage.plan import RemoveBackground, StyleKind, Stylise

SIZE = Size(512, 512)
every_style = pytest.mark.parametrize("kind", get_args(StyleKind))


@every_style
def test_a_style_changes_the_picture_and_keeps_its_shapes(kind: StyleKind, portrait: Path) -> None:
    painted = paint(Stylise(kind), portrait, SIZE)
    before = untouched(portrait, SIZE)
    assert apart(painted.pixels, before) > 6
    assert likeness(painted.pixels, before) > 0.6
    assert painted.picture.alpha is None


@every_style
def test_a_style_is_the_same_every_time_and_another_in_each_variant(kind: StyleKind, boat: Path) -> None:
    small = Size(256, 256)
    first, again = (paint(Stylise(kind), boat, small).pixels for _ in range(2))
    assert np.array_equal(first, again)
    others = [paint(Stylise(kind), boat, small, variant=v).pixels for v in (1, 2, 5)]
    assert all(apart(first, other) > 0.8 for other in others)


@every_style
def test_the_scale_mixes_a_style_in(kind: StyleKind, portrait: Path) -> None:
    before = untouched(portrait, SIZE)
    some, all_ = (apart(paint(Stylise(kind), portrait, SIZE, scale=s).pixels, before) for s in (0.2, 0.5))
    assert 0.25 * all_ < some < 0.55 * all_


@every_style
def test_a_style_keeps_transparency(kind: StyleKind, portrait: Path) -> None:
    painted = paint([RemoveBackground(), Stylise(kind)], portrait, SIZE)
    assert 0.3 < np.mean(painted.alpha > 250) < 0.6
    assert painted.alpha[:20, :20].max() < 5


@every_style
def test_a_style_fits_odd_sizes(kind: StyleKind, portrait: Path) -> None:
    assert paint(Stylise(kind), portrait, Size(301, 129)).pixels.shape == (129, 301, 3)


@pytest.mark.parametrize("kind", ["pencil", "charcoal"])
def test_a_drawing_has_no_colours(kind: StyleKind, portrait: Path) -> None:
    assert colourfulness(paint(Stylise(kind), portrait, SIZE).pixels) < 16


def test_a_pencil_drawing_is_lines_on_light_paper(portrait: Path) -> None:
    pixels = paint(Stylise("pencil"), portrait, SIZE).pixels
    assert np.mean(pixels > 215) > 0.4
    assert (pixels < 110).mean() > 0.03


def test_charcoal_is_darker_than_pencil(portrait: Path) -> None:
    pencil, charcoal = (brightness(paint(Stylise(k), portrait, SIZE).pixels) for k in ("pencil", "charcoal"))
    assert charcoal < pencil - 20


def test_a_watercolour_leaves_a_rim_of_paper(boat: Path) -> None:
    pixels = paint(Stylise("watercolor"), boat, SIZE).pixels
    rim = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3), pixels[:, 0], pixels[:, -1]])
    assert np.mean(rim.min(axis=-1) > 225) > 0.8
    assert np.mean(pixels[100:400, 100:400].min(axis=-1) > 225) < 0.5


def test_a_comic_has_black_lines_and_vivid_colours(boat: Path) -> None:
    before, pixels = untouched(boat, SIZE), paint(Stylise("comic"), boat, SIZE).pixels
    assert colourfulness(pixels) > 1.1 * colourfulness(before)
    assert (pixels.max(axis=-1) < 40).mean() > (before.max(axis=-1) < 40).mean()


def test_pixel_art_is_square_blocks_of_few_colours(portrait: Path) -> None:
    pixels = paint(Stylise("pixel_art"), portrait, SIZE).pixels
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) <= 28
    across = np.any(pixels[:, 1:] != pixels[:, :-1], axis=(0, 2))
    borders = np.flatnonzero(across)
    assert set(np.unique(np.diff(borders))) <= {5, 10}


def test_oil_follows_the_forms_in_strokes(boat: Path) -> None:
    pixels = paint(Stylise("oil"), boat, SIZE).pixels
    before = untouched(boat, SIZE)
    sky = (slice(10, 60), slice(300, 500))
    assert pixels[sky].std() > before[sky].std() + 1, "even a plain sky shows strokes"


def test_patches_smooth_surfaces_and_keep_borders() -> None:
    noise = np.random.default_rng(3).integers(-20, 21, (80, 80, 3))
    step = np.where(np.arange(80)[None, :, None] < 40, 60, 190)
    smooth = patches(np.clip(step + noise, 0, 255).astype(np.uint8), 5)
    assert smooth[:, 5:30].std() < 0.35 * noise.std()
    assert int(smooth[40, 44, 0]) - int(smooth[40, 35, 0]) > 100


def test_washes_step_the_tones() -> None:
    slope = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    counts = np.bincount(washes(np.ascontiguousarray(slope), 6, 0.1)[0, :, 0], minlength=256)
    assert np.sort(counts)[-6:].sum() > 120


def test_ink_lies_on_the_dark_side_of_an_edge_alone() -> None:
    grey = np.full((60, 60), 0.8, np.float32)
    grey[:, 30:] = 0.4
    lines = ink(cv2.GaussianBlur(grey, (0, 0), 1), 1.0, least=0.5)
    assert lines[30, 30:33].min() < 0.3
    assert lines[30, :25].min() > 0.9

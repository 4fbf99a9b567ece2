"""Flip, rotate, crop, sticker, arrange, gradients: where things are afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from collage_painting import apart, likeness, nets, paint, untouched
from PIL import Image

from officina.engines.collage.framing import Size
from officina.engines.collage.plan import (
    Arrange,
    Crop,
    Flip,
    Mention,
    RemoveBackground,
    ReplaceBackground,
    Rotate,
    Sticker,
    Stylise,
)
from officina.engines.collage.refusal import CannotDo


@pytest.fixture(scope="module")
def quarters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red, green, blue, white from the upper left to the lower right."""
    image = Image.new("RGB", (400, 400), "white")
    for colour, corner in (("red", (0, 0)), ("lime", (200, 0)), ("blue", (0, 200))):
        image.paste(colour, (*corner, corner[0] + 200, corner[1] + 200))
    path = tmp_path_factory.mktemp("quarters") / "quarters.png"
    image.save(path)
    return path


def corners(pixels: np.ndarray) -> str:
    """The first letters of the colours, clockwise from the upper left."""
    names = {(255, 0, 0): "r", (0, 255, 0): "g", (0, 0, 255): "b", (255, 255, 255): "w"}
    return "".join(
        names[tuple(int(v) for v in pixels[y, x])] for y, x in ((9, 9), (9, -9), (-9, -9), (-9, 9))
    )


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (Flip(), "grbw"),
        (Flip("vertical"), "bwgr"),
        (Rotate(90), "brgw"),
        (Rotate(180), "wbrg"),
        (Rotate(-90), "gwbr"),
        (Rotate(450), "brgw"),
    ],
    ids=str,
)
def test_corners_go_where_they_should(operation, expected: str, quarters: Path) -> None:
    assert corners(untouched(quarters, Size(400, 400))) == "rgwb"
    assert corners(paint(operation, quarters, Size(400, 400)).pixels) == expected


def test_a_full_turn_is_refused(quarters: Path) -> None:
    with pytest.raises(CannotDo, match="full turn"):
        paint(Rotate(360), quarters)


def test_a_slight_turn_has_no_empty_corners(portrait: Path) -> None:
    painted = paint(Rotate(7), portrait)
    assert painted.picture.alpha is None
    assert likeness(painted.pixels, untouched(portrait)) > 0.4


def test_a_wide_turn_has_clear_corners(portrait: Path) -> None:
    alpha = paint(Rotate(45), portrait).alpha
    assert max(alpha[0, 0], alpha[0, -1], alpha[-1, 0], alpha[-1, -1]) == 0
    assert alpha[192, 192] == 255


@pytest.mark.parametrize("operation", [Flip(), Rotate(90), Crop(tight=True), Rotate(7)], ids=str)
def test_variants_of_a_move_differ(operation, portrait: Path) -> None:
    variants = [paint(operation, portrait, variant=v).pixels for v in range(3)]
    assert all(apart(a, b) > 0.8 for i, a in enumerate(variants) for b in variants[:i])


def test_zooming_in_shows_the_subject_larger(portrait: Path) -> None:
    def width(pixels: np.ndarray) -> float:
        return max(d.box.width * d.score for d in nets().detect(pixels) if d.kind == "person")

    near = paint(Crop(tight=True), portrait)
    assert near.done == ("zoomed into picture 1",)
    assert width(near.pixels) > 0.9 * width(untouched(portrait))
    assert likeness(near.pixels, untouched(portrait)) < 0.9


def test_cropping_to_a_thing_fills_the_picture_with_it(boat: Path) -> None:
    painted = paint(Crop(target=Mention("boat", "boat"), tight=True), boat, Size(480, 270))
    ship = max((d for d in nets().detect(painted.pixels) if d.kind == "boat"), key=lambda d: d.score)
    assert ship.box.width > 0.75 * 480
    assert painted.done == ("cropped picture 1 to the boat",)


def test_cropping_to_what_is_not_there_is_refused(boat: Path) -> None:
    with pytest.raises(CannotDo, match="no dog was found"):
        paint(Crop(target=Mention("dog", "dog")), boat)


def test_a_ratio_that_agrees_with_the_size_is_cropped_to(boat: Path) -> None:
    assert paint(Crop(ratio=(16, 9)), boat, Size(480, 270)).done == ("cropped picture 1 to 16:9",)


def test_a_ratio_that_contradicts_the_size_is_refused_with_what_to_do(boat: Path) -> None:
    with pytest.raises(CannotDo, match="choose a size of the shape 16:9"):
        paint(Crop(ratio=(16, 9)), boat)


def test_a_sticker_has_its_outline_all_around(portrait: Path) -> None:
    painted = paint(Sticker((255, 0, 0), "red"), portrait)
    alpha = painted.alpha
    edge = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert edge.max() == 0, "cut edges have an outline too, and room beside it"
    solid = (alpha > 250).astype(np.uint8)
    rim = solid.astype(bool) & (np.abs(painted.pixels.astype(int) - (255, 0, 0)).max(axis=-1) < 6)
    columns = np.flatnonzero(solid.any(axis=0))
    ends = [(np.flatnonzero(solid[:, x])[[0, -1]] + (1, -1), x) for x in columns[8:-8:5]]
    assert np.mean([rim[row, x] for rows, x in ends for row in rows]) > 0.95


def test_stickers_ignore_the_scale_and_vary(portrait: Path) -> None:
    one, other = (paint(Sticker(), portrait, scale=s).pixels for s in (0.1, 0.5))
    assert np.array_equal(one, other)
    assert apart(paint(Sticker(), portrait, variant=1).alpha, paint(Sticker(), portrait).alpha) > 3


def test_a_gradient_runs_from_top_to_bottom_without_bands(portrait: Path) -> None:
    wish = ReplaceBackground((10, 20, 60), "navy", (30, 40, 90), "blue")
    painted = paint(wish, portrait, Size(384, 384))
    assert painted.done == ("replaced the background by navy to blue",)
    assert np.abs(painted.pixels[0, 5].astype(int) - (10, 20, 60)).max() <= 2
    column = painted.pixels[:200, 2:10, 2].astype(int)
    assert column[150:].mean() > column[:50].mean() + 5
    assert (column.std(axis=1) > 0).mean() > 0.5, "levels are mixed along a row"


def test_cut_out_variants_stand_elsewhere(portrait: Path) -> None:
    variants = [paint(RemoveBackground(), portrait, variant=v).alpha for v in range(4)]
    assert all(apart(a, b) > 2 for i, a in enumerate(variants) for b in variants[:i])


@pytest.mark.parametrize("layout", ["row", "column", "grid"])
def test_an_arrangement_shows_every_picture_whole(layout: str, portrait: Path, boat: Path) -> None:
    painted = paint(Arrange(layout), [portrait, boat], Size(600, 400))
    assert any(d.kind == "person" and d.score > 0.35 for d in nets().detect(painted.pixels))
    colours = painted.pixels.astype(int)
    assert np.mean(colours[..., 2] - colours[..., 0] > 30) > 0.06, "there is the lake"
    assert np.mean(colours.min(axis=-1) < 250) > 0.4, "and not much bare ground"
    assert painted.done == ("showed 2 pictures in one",)


def test_an_arrangement_never_stretches(tmp_path: Path) -> None:
    paths = []
    for number, shape in enumerate(((300, 200), (200, 300), (400, 100))):
        image = Image.new("RGB", shape, (40, 40, 40))
        middle = (shape[0] // 2, shape[1] // 2)
        image.paste((250, 30, 30), (middle[0] - 30, middle[1] - 30, middle[0] + 30, middle[1] + 30))
        paths.append(tmp_path / f"{number}.png")
        image.save(paths[-1])
    pixels = paint(Arrange("row"), paths, Size(900, 300)).pixels.astype(int)
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 90)
    columns = np.flatnonzero(red.any(axis=0))
    for part in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
        height = red[:, part[len(part) // 2]].sum()
        assert len(part) == pytest.approx(height, abs=3)


def test_one_picture_alone_cannot_be_arranged(portrait: Path) -> None:
    with pytest.raises(CannotDo, match="at least two"):
        paint(Arrange(), portrait)
    with pytest.raises(CannotDo, match="nothing to compare"):
        paint(Arrange("before_after"), portrait)


def test_before_and_after_stand_side_by_side(portrait: Path) -> None:
    painted = paint([Stylise("pencil"), Arrange("before_after")], portrait, Size(600, 300))
    left, right = painted.pixels[20:280, 10:290], painted.pixels[20:280, 310:590]
    spread = [(p.max(axis=-1).astype(int) - p.min(axis=-1)).mean() for p in (left, right)]
    assert spread[0] > 25
    assert spread[1] < 12


def test_variants_of_an_arrangement_differ(portrait: Path, boat: Path) -> None:
    one, other = (paint(Arrange(), [portrait, boat], variant=v).pixels for v in (0, 1))
    assert apart(one, other) > 5

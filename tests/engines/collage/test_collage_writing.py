"""Text on pictures: where it stands, how it is broken, that it can be read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from collage_painting import SQUARE, apart, paint, untouched
from PIL import Image

from officina.engines.collage.framing import Size
from officina.engines.collage.operations.order import in_painting_order
from officina.engines.collage.paint.lettering import cleaned, fitted, line_width, undrawable
from officina.engines.collage.plan import (
    Arrange,
    BlurBackground,
    Crop,
    Flip,
    Place,
    RemoveBackground,
    Text,
    Tone,
)
from officina.engines.collage.refusal import CannotDo


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ground") / "grey.png"
    Image.new("RGB", (384, 384), (120, 120, 120)).save(path)
    return path


def written(pixels: np.ndarray, ground: int = 120) -> tuple[slice, slice]:
    """The rows and columns that are not bare ground."""
    inked = np.abs(pixels.astype(int) - ground).max(axis=-1) > 60
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


@pytest.mark.parametrize("place", get_args(Place))
@pytest.mark.parametrize("size", [Size(384, 384), Size(630, 270)], ids=str)
def test_text_stands_where_it_should_and_clear_of_the_edges(place: Place, size: Size, grey: Path) -> None:
    rows, columns = written(paint(Text("Hello", place, size="small"), grey, size).pixels)
    x, y = (columns.start + columns.stop) / 2 / size.width, (rows.start + rows.stop) / 2 / size.height
    assert ("left" in place) == (x < 0.35)
    assert ("right" in place) == (x > 0.65)
    assert ("top" in place) == (y < 0.35)
    assert ("bottom" in place) == (y > 0.65)
    safe = 0.03 * min(size.width, size.height)
    assert min(columns.start, rows.start, size.width - columns.stop, size.height - rows.stop) > safe


def test_sizes_grow(grey: Path) -> None:
    heights = []
    for size in ("small", "normal", "large"):
        rows, _ = written(paint(Text("Hi", size=size), grey).pixels)
        heights.append(rows.stop - rows.start)
    assert heights[1] > 1.6 * heights[0]
    assert heights[2] > 1.3 * heights[1]


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (250, 220, 40), (30, 60, 160)], ids=str)
def test_text_can_be_read_on_any_ground(ground: tuple[int, int, int], tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("RGB", (384, 384), ground).save(path)
    for colour in (None, ground):
        pixels = paint(Text("SALE", "center", colour), path).pixels
        tones = pixels.astype(float) @ (0.299, 0.587, 0.114)
        assert tones.max() - tones.min() > 150


def test_the_asked_colour_is_used(grey: Path) -> None:
    pixels = paint(Text("SALE", colour=(220, 20, 60), colour_name="crimson"), grey).pixels
    assert (np.abs(pixels.astype(int) - (220, 20, 60)).max(axis=-1) < 8).sum() > 300


def test_a_long_text_is_broken_into_lines_of_like_length(grey: Path) -> None:
    found = fitted("the quick brown fox jumps over the lazy dog", 40, 10, (500, 400))
    assert found is not None
    assert len(found.lines) > 1
    assert " ".join(found.lines) == "the quick brown fox jumps over the lazy dog"
    widths = [line_width(line, found.size) for line in found.lines]
    assert max(widths) <= 500
    assert min(widths) > 0.55 * max(widths)


def test_a_word_too_long_for_its_line_is_written_smaller(grey: Path) -> None:
    found = fitted("Donaudampfschifffahrtsgesellschaft", 60, 10, (400, 400))
    assert found is not None
    assert found.lines == ("Donaudampfschifffahrtsgesellschaft",)
    assert found.size < 60


def test_line_breaks_of_the_caller_stay() -> None:
    found = fitted(cleaned("one \n  two\tthree"), 30, 10, (600, 400))
    assert found is not None
    assert found.lines == ("one", "two three")


def test_chinese_is_broken_between_signs() -> None:
    found = fitted("祝你生日快乐天天开心", 60, 10, (330, 400))
    assert found is not None
    assert len(found.lines) == 2


def test_a_text_too_long_to_be_legible_is_refused(grey: Path) -> None:
    with pytest.raises(CannotDo, match="too long"):
        paint(Text("word " * 1200), grey)


@pytest.mark.parametrize(
    ("wording", "missing"),
    [("हैलो", "ह"), ("مرحبا", "م"), ("שלום", "ש"), ("party 🎉", "🎉"), ("สวัสดี", "ส")],
)
def test_signs_that_cannot_be_drawn_are_named(wording: str, missing: str, grey: Path) -> None:
    with pytest.raises(CannotDo, match=missing):
        paint(Text(wording), grey)


@pytest.mark.parametrize(
    "wording",
    [
        "Grüße, größer!",
        "¿Qué? ¡Mañana!",
        "Où ça? L’été, cœur",
        "È più caffè",
        "5 € – 20 %",
        "Привет",
        "生日快乐",
        "Łódź",
    ],
)
def test_the_languages_of_the_engine_and_some_more_can_be_written(wording: str) -> None:
    assert undrawable(cleaned(wording)) == ()


def test_an_empty_text_is_refused(grey: Path) -> None:
    with pytest.raises(CannotDo, match="empty"):
        paint(Text(" \u200b "), grey)


def test_the_scale_does_not_fade_text(grey: Path) -> None:
    one, other = (paint(Text("SALE"), grey, scale=scale).pixels for scale in (0.1, 1.0))
    assert np.array_equal(one, other)


def test_variants_of_a_text_differ(grey: Path) -> None:
    variants = [paint(Text("SALE"), grey, variant=v).pixels for v in range(5)]
    assert all(apart(a, b) > 0.3 for i, a in enumerate(variants) for b in variants[:i])


def test_text_beside_a_cut_out_subject_can_be_seen(portrait: Path) -> None:
    alone = paint(RemoveBackground(), portrait).alpha
    both = paint([RemoveBackground(), Text("Hello", "top_left")], portrait).alpha
    assert alone[:70, :70].max() < 20
    assert both[:70, 20:120].max() == 255


def test_text_is_written_after_what_would_spoil_it() -> None:
    text = Text("SALE")
    assert in_painting_order([text, BlurBackground()]) == [BlurBackground(), text]
    assert in_painting_order([text, Flip()]) == [Flip(), text]
    assert in_painting_order([text, Arrange("before_after")]) == [text, Arrange("before_after")]


def test_what_moves_pixels_comes_before_effects_but_after_cutting_out() -> None:
    sepia, crop = Tone("sepia"), Crop(tight=True)
    assert in_painting_order([sepia, crop]) == [crop, sepia]
    assert in_painting_order([RemoveBackground(), crop]) == [RemoveBackground(), crop]
    assert in_painting_order([Arrange(), sepia, crop]) == [Arrange(), crop, sepia]


def test_nothing_but_the_letters_surroundings_changes(portrait: Path) -> None:
    before, after = untouched(portrait), paint(Text("Hello", "bottom"), portrait).pixels
    assert np.array_equal(before[: SQUARE.height // 2], after[: SQUARE.height // 2])

"""Tones, duotones, weather and the time of day: what becomes of light and colour."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from collage_painting import (
    SQUARE,
    apart,
    brightness,
    colourfulness,
    contrast,
    detail,
    likeness,
    paint,
    untouched,
    warmth,
)
from PIL import Image

from officina.engines.collage.framing import Size
from officina.engines.collage.plan import (
    BlackAndWhite,
    Duotone,
    RemoveBackground,
    TimeOfDay,
    Tone,
    ToneKind,
    Weather,
)
from officina.engines.collage.refusal import CannotDo

EFFECTS = (
    *(Tone(kind) for kind in get_args(ToneKind)),
    Duotone((20, 20, 90), (255, 190, 80), ("navy", "orange")),
    BlackAndWhite(),
    *(Weather(kind) for kind in ("fog", "rain", "snow")),
    *(TimeOfDay(kind) for kind in ("sunset", "golden_hour")),
)
NAMES = [f"{type(effect).__name__} {getattr(effect, 'kind', '')}" for effect in EFFECTS]
every_effect = pytest.mark.parametrize("effect", EFFECTS, ids=NAMES)


@every_effect
def test_an_effect_changes_the_picture_and_keeps_its_shapes(effect, portrait: Path) -> None:
    painted = paint(effect, portrait)
    before = untouched(portrait)
    assert apart(painted.pixels, before) > 3
    assert likeness(painted.pixels, before) > 0.8
    assert painted.picture.alpha is None
    assert len(painted.done) == 1


@every_effect
def test_the_scale_mixes_an_effect_in_and_then_strengthens_it(effect, portrait: Path) -> None:
    before = untouched(portrait)
    some, all_, more = (apart(paint(effect, portrait, scale=s).pixels, before) for s in (0.2, 0.5, 1.0))
    assert 0.25 * all_ < some < 0.6 * all_
    assert more > 0.97 * all_


@every_effect
def test_five_variants_of_an_effect_differ(effect, portrait: Path) -> None:
    variants = [paint(effect, portrait, Size(192, 192), variant=v).pixels for v in (0, 1, 2, 6)]
    for i, one in enumerate(variants):
        for other in variants[:i]:
            assert apart(one, other) > 0.4


@every_effect
def test_an_effect_keeps_transparency(effect, portrait: Path) -> None:
    alone = paint(RemoveBackground(), portrait).alpha
    painted = paint([RemoveBackground(), effect], portrait)
    assert apart(painted.alpha, alone) < 1


def test_the_same_tones_come_out_every_time(portrait: Path) -> None:
    for effect in (Tone("faded_film"), Tone("vignette"), Weather("rain"), Weather("snow"), Weather("fog")):
        assert np.array_equal(paint(effect, portrait).pixels, paint(effect, portrait).pixels)


def test_each_tone_does_what_its_name_says(portrait: Path) -> None:
    before = untouched(portrait)
    after = {kind: paint(Tone(kind), portrait).pixels for kind in get_args(ToneKind)}
    assert brightness(after["brighter"]) > brightness(before) + 12
    assert brightness(after["darker"]) < brightness(before) - 12
    assert warmth(after["warmer"]) > warmth(before) + 12
    assert warmth(after["cooler"]) < warmth(before) - 12
    assert contrast(after["more_contrast"]) > 1.1 * contrast(before)
    assert contrast(after["less_contrast"]) < 0.8 * contrast(before)
    assert colourfulness(after["vivid"]) > 1.2 * colourfulness(before)
    assert colourfulness(after["muted"]) < 0.65 * colourfulness(before)
    assert colourfulness(after["faded_film"]) < 0.96 * colourfulness(before)
    assert np.percentile(after["faded_film"], 1) > np.percentile(before, 1) + 15, "blacks are lifted"


def test_much_of_a_tone_is_more_than_some(portrait: Path) -> None:
    before = untouched(portrait)
    for kind in get_args(ToneKind):
        if kind != "sepia":
            some, much = (apart(paint(Tone(kind, strong=s), portrait).pixels, before) for s in (False, True))
            assert much > 1.2 * some, kind


def test_sepia_is_brown_all_over(portrait: Path) -> None:
    red, green, blue = (paint(Tone("sepia"), portrait).pixels[..., i].astype(int) for i in range(3))
    assert ((red >= green) & (green >= blue)).all()
    assert (red - blue).mean() > 25


def test_a_vignette_darkens_the_corners_alone(portrait: Path) -> None:
    before, after = untouched(portrait), paint(Tone("vignette"), portrait).pixels
    middle = (slice(150, 234), slice(150, 234))
    assert apart(after[middle], before[middle]) < 6
    assert brightness(after[:40, :40]) < 0.75 * brightness(before[:40, :40])


def test_a_vignette_on_a_plain_ground_has_no_bands(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("RGB", (400, 400), (128, 128, 128)).save(path)
    row = paint(Tone("vignette"), path, Size(1200, 1200)).pixels[600, :, 0].astype(int)
    runs = np.diff(np.flatnonzero(np.diff(row) != 0))
    assert runs[:200].max() < 30, "neighbouring levels are mixed rather than in steps"


def test_a_duotone_holds_nothing_but_its_two_colours_and_what_lies_between(portrait: Path) -> None:
    pixels = paint(Duotone((0, 0, 120), (255, 220, 0)), portrait).pixels
    assert np.abs(pixels.reshape(-1, 3).astype(int) - (0, 0, 120)).sum(axis=1).min() < 12
    assert np.abs(pixels.reshape(-1, 3).astype(int) - (255, 220, 0)).sum(axis=1).min() < 12
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) <= 256


def test_a_duotone_of_equally_bright_colours_is_refused(portrait: Path) -> None:
    with pytest.raises(CannotDo, match="equally bright"):
        paint(Duotone((100, 100, 100), (100, 104, 100)), portrait)


def test_black_and_white_is_grey_alone(portrait: Path) -> None:
    assert colourfulness(paint(BlackAndWhite(), portrait).pixels) == 0


def test_fog_is_thick_far_away_and_thin_near_by(boat: Path) -> None:
    before, after = untouched(boat), paint(Weather("fog"), boat).pixels
    assert contrast(after) < 0.8 * contrast(before)
    assert detail(after[:96]) < 0.6 * detail(before[:96])
    assert detail(after[288:]) > 0.35 * detail(before[288:])


def test_strong_fog_hides_more(boat: Path) -> None:
    some, much = (contrast(paint(Weather("fog", strong=s), boat).pixels) for s in (False, True))
    assert much < 0.9 * some


def test_rain_makes_it_duller_and_falls_in_streaks(boat: Path) -> None:
    before, after = untouched(boat), paint(Weather("rain"), boat).pixels
    assert brightness(after) < brightness(before)
    assert colourfulness(after) < colourfulness(before)
    grey = after.mean(axis=-1)
    across, down = np.abs(np.diff(grey, axis=1)).mean(), np.abs(np.diff(grey, axis=0)).mean()
    plain = before.mean(axis=-1)
    across_before, down_before = np.abs(np.diff(plain, axis=1)).mean(), np.abs(np.diff(plain, axis=0)).mean()
    assert across / down > 1.1 * across_before / down_before, "streaks stand upright"


def test_snow_is_white_and_cold(boat: Path, portrait: Path) -> None:
    before, after = untouched(boat), paint(Weather("snow"), boat).pixels
    water = slice(150, None)
    assert (after[water].min(axis=-1) > 190).sum() > (before[water].min(axis=-1) > 190).sum() + 100
    assert warmth(paint(Weather("snow"), portrait).pixels) < warmth(untouched(portrait)) - 5


def test_a_sunset_colours_the_sky_and_warms_the_land(boat: Path) -> None:
    before, after = untouched(boat), paint(TimeOfDay("sunset"), boat)
    assert warmth(after.pixels[:60]) > warmth(before[:60]) + 30
    assert warmth(after.pixels[220:300, 100:300]) > warmth(before[220:300, 100:300]) + 10
    assert after.approximate


def test_the_golden_hour_is_warm(boat: Path) -> None:
    before, after = untouched(boat), paint(TimeOfDay("golden_hour"), boat)
    assert warmth(after.pixels) > warmth(before) + 20
    assert not after.approximate


def test_night_falls_over_an_open_sky(boat: Path) -> None:
    before, after = untouched(boat), paint(TimeOfDay("night"), boat)
    assert brightness(after.pixels) < 0.5 * brightness(before)
    assert brightness(after.pixels[:30]) < 60
    assert warmth(after.pixels) < 0


def test_night_without_a_sky_is_refused(portrait: Path) -> None:
    with pytest.raises(CannotDo, match="sky"):
        paint(TimeOfDay("night"), portrait)


def test_a_picture_must_be_named_among_several(portrait: Path, boat: Path) -> None:
    with pytest.raises(CannotDo, match="which one"):
        paint(Tone("sepia"), [portrait, boat])
    assert paint(Tone("sepia", picture=2), [portrait, boat]).done == ("toned picture 2 in sepia",)


def test_effects_add_up(portrait: Path) -> None:
    painted = paint([Tone("sepia"), Tone("vignette")], portrait, SQUARE)
    assert painted.done == ("toned picture 1 in sepia", "darkened the corners of picture 1")
    assert brightness(painted.pixels[:40, :40]) < brightness(paint(Tone("sepia"), portrait).pixels[:40, :40])

"""Edits of one picture, exact sizes, and the scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from officina.engines.collage.box import Box
from officina.engines.collage.framing import Anchor, Size, around, shown
from officina.engines.collage.pictures import Picture
from officina.errors import RunError
from officina.run import Run, Stopped

SIZES = (
    *("1024x1024(1:1)", "2048x2048(1:1)", "2304x1728(4:3)", "2496x1664(3:2)", "2560x1440(16:9)"),
    *("3024x1296(21:9)", "4096x4096(1:1)", "4694x3520(4:3)", "4992x3328(3:2)", "5404x3040(16:9)"),
    "6198x2656(21:9)",
)


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_met_exactly(size: str, run, portrait: Path) -> None:
    outcome = run("black and white", [portrait], **{"width×height": size})
    assert "{}x{}".format(*outcome.size) == size.partition("(")[0]


def test_the_size_is_2048_square_when_none_is_given(run, portrait: Path) -> None:
    assert run("black and white", [portrait], **{"width×height": None}).size == (2048, 2048)


def test_removing_the_background_gives_a_png_with_a_clear_ground(run, portrait: Path) -> None:
    outcome = run("remove the background", [portrait])
    assert outcome.paths[0].suffix == ".png"
    alpha = outcome.pixels[..., 3]
    assert 0.3 < np.mean(alpha > 250) < 0.6
    assert 0.3 < np.mean(alpha < 5) < 0.7
    assert np.mean((alpha >= 5) & (alpha <= 250)) < 0.08
    assert alpha[:40, :40].max() < 5, "the flag in the corner is gone"
    assert alpha[420:440, 480:500].min() > 250, "the face is whole"


def test_a_cut_out_bust_stays_on_the_lower_edge_of_a_wide_picture(run, portrait: Path) -> None:
    outcome = run("remove the background", [portrait], **{"width×height": "3024x1296(21:9)"})
    alpha = outcome.pixels[..., 3]
    assert (alpha[-1] > 200).sum() > 300
    assert alpha[:10].max() < 30, "there is air above the head"
    assert alpha[:, :200].max() == 0


def test_a_plain_background_has_exactly_the_asked_colour(run, portrait: Path) -> None:
    outcome = run("make the background #2040c0", [portrait])
    assert np.abs(outcome.pixels[20:60, 20:60].astype(int) - (0x20, 0x40, 0xC0)).max() <= 3
    assert outcome.notes["understood"] == ["replaced the background by #2040c0"]


def test_a_background_picture_is_laid_behind(run, portrait: Path, boat: Path) -> None:
    outcome = run("replace the background of picture 1 with picture 2", [portrait, boat])
    assert outcome.notes["understood"] == ["put the subject of picture 1 before picture 2"]
    sky = outcome.pixels[20:60, 20:60].reshape(-1, 3).mean(axis=0)
    assert sky[2] > sky[0], "there is the sky of picture 2"


def test_blurring_keeps_the_subject_sharp(run, portrait: Path) -> None:
    sharp = run("black and white", [portrait], scale=0.0).pixels
    blurred = run("blur the background", [portrait]).pixels
    rocket, patch = (slice(60, 300), slice(740, 900)), (slice(600, 760), slice(240, 420))
    assert _detail(blurred[rocket]) < 0.5 * _detail(sharp[rocket])
    assert _detail(blurred[patch]) > 0.9 * _detail(sharp[patch])


def _detail(pixels: np.ndarray) -> float:
    return float(np.abs(np.diff(pixels.astype(float).mean(axis=-1), axis=1)).mean())


def test_black_and_white_has_no_colour_left(run, portrait: Path) -> None:
    assert _colour(run("black and white", [portrait]).pixels) < 2


def test_the_scale_mixes_the_effect_in(run, portrait: Path) -> None:
    colours = [_colour(run("black and white", [portrait], scale=scale).pixels) for scale in (0, 0.25, 0.5, 1)]
    assert colours[0] > 1.6 * colours[1] > 20 * colours[2]
    assert colours[3] < 2


def _colour(pixels: np.ndarray) -> float:
    return float((pixels.max(axis=-1).astype(int) - pixels.min(axis=-1)).mean())


def test_operations_are_done_in_the_order_of_the_prompt(run, portrait: Path) -> None:
    outcome = run("Remove the background and make it black and white", [portrait])
    assert outcome.notes["understood"] == ["removed the background", "made picture 1 black and white"]
    assert _colour(outcome.pixels[..., :3]) < 2
    assert outcome.pixels.shape[-1] == 4


def test_a_picture_without_a_subject_is_refused(run, tmp_path: Path) -> None:
    path = tmp_path / "sky.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    with pytest.raises(RunError, match="stands out"):
        run("remove the background", [path])


def test_no_picture_is_refused(run) -> None:
    with pytest.raises(RunError, match="No picture"):
        run("black and white", [])


def test_a_stop_wish_passes_through_the_engine(engine, portrait: Path, tmp_path: Path) -> None:
    def stop(fraction: float, _: str) -> None:
        if fraction > 0.1:
            raise Stopped

    wish = {"prompt": "remove the background"}
    with pytest.raises(Stopped):
        engine.run(Run("job", 1, wish, {"image_urls": (portrait,)}, tmp_path, stop, lambda _: None))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("want", [Size(100, 100), Size(300, 100), Size(50, 200)], ids=str)
@pytest.mark.parametrize("keep", [Box(0, 0, 20, 20), Box(150, 40, 198, 99), Box(5, 5, 195, 95)], ids=str)
def test_framing_never_cuts_what_matters_and_never_stretches(want: Size, keep: Box) -> None:
    part = around(Size(200, 100), want, keep)
    assert part.width / part.height == pytest.approx(want.aspect)
    assert part.left <= keep.left + 1e-6
    assert part.right >= keep.right - 1e-6
    assert part.top <= keep.top + 1e-6
    assert part.bottom >= keep.bottom - 1e-6


def test_framing_extends_away_from_the_edge_where_the_subject_is_cut() -> None:
    part = around(Size(100, 100), Size(100, 200), Box(5, 30, 95, 100), Anchor(bottom=True))
    assert part.bottom == pytest.approx(100)
    assert part.top < 0


def test_an_extended_picture_does_not_repeat_its_subject() -> None:
    pixels = np.full((100, 100, 3), 40, np.uint8)
    pixels[20:80, 5:35] = (250, 20, 20)
    subject = np.zeros((100, 100), np.uint8)
    subject[20:80, 5:35] = 255
    wide = shown(Picture(pixels), Box(-100, 0, 200, 100), Size(300, 100), subject).pixels
    assert (wide[:, :80, 0] > 120).sum() == 0
    assert wide[50, 120, 0] > 200

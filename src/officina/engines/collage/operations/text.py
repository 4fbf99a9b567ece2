"""Write a quoted text onto the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.paint.lettering import Lines, cleaned, drawn, fitted, undrawable
from officina.engines.collage.paint.sheet import sheet
from officina.engines.collage.paint.tones import LUMA
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Colour, Place, Text
from officina.engines.collage.raster import Mask, Pixels, blended
from officina.engines.collage.refusal import CannotDo

_SIZES = {"small": 0.05, "normal": 0.12, "large": 0.18}
"""Of the letters, as a share of the picture's shorter side."""
_FACTORS = (1.0, 0.8, 1.25, 0.65, 1.1)
_LEAST = 0.022
"""No letter is smaller, or it could not be read."""
_MARGIN = 0.05
_SPOTS: Mapping[Place, tuple[float, float]] = {
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
    "center": (0.5, 0.5),
    "top_left": (0.0, 0.0),
    "top_right": (1.0, 0.0),
    "bottom_left": (0.0, 1.0),
    "bottom_right": (1.0, 1.0),
}
_WHITE, _INK = (255, 255, 255), (16, 16, 20)
_SCHEMES: tuple[Colour | None, ...] = (None, (255, 214, 64), _INK, (226, 46, 52), _WHITE)
"""Colours of the letters for each variant, when the prompt names none; None goes by the ground."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where the letters come to stand: the pixel of their upper left corner, margin included."""

    left: int
    top: int


def text(operation: Text, bench: Bench) -> Canvas:
    """Letters on the picture at its final size, so that none is cropped: all or nothing, whatever the scale.

    Broken into lines of like length, made smaller when they would not fit, with an outline in the opposite
    tone and a soft shadow, so that they can be read on any ground. Variants change size and colour.
    """
    wording = cleaned(operation.text)
    _check(wording)
    canvas = sheet(operation.picture, bench)
    bench.step("writing the text")
    lines = _lines(wording, operation, bench)
    across, down = _SPOTS[operation.place]
    margin = max(round(lines.size * 0.3), 4)
    letters = drawn(lines, across, margin)
    spot = _spot(letters, canvas.picture, (across, down), margin)
    colour = operation.colour or _SCHEMES[bench.variant % len(_SCHEMES)] or _by_ground(canvas, letters, spot)
    bench.done.append(f"wrote “{' '.join(wording.split())}”")
    return replace(canvas, picture=_written(canvas.picture, letters, spot, colour, lines.size))


def _check(wording: str) -> None:
    if not wording:
        raise CannotDo("the text to write is empty")
    missing = undrawable(wording)
    if missing:
        signs = " ".join(missing[:12])
        raise CannotDo(
            f"the built-in letters have no sign for {signs} (there are Latin, Greek, Cyrillic, Chinese and "
            "Japanese ones); write the text in those"
        )


def _lines(wording: str, operation: Text, bench: Bench) -> Lines:
    shortest = min(bench.size.width, bench.size.height)
    margin = round(_MARGIN * shortest)
    size = round(_SIZES[operation.size] * shortest * _FACTORS[bench.variant % len(_FACTORS)])
    room = (bench.size.width - 2 * margin, round(0.7 * bench.size.height))
    lines = fitted(wording, size, max(round(_LEAST * shortest), 8), room)
    if lines is None:
        raise CannotDo(f"the text is too long to be written legibly ({len(wording)} signs); shorten it")
    return lines


def _spot(letters: Mask, picture: Picture, place: tuple[float, float], margin: int) -> _Spot:
    """Within the picture's safe margin."""
    safe = round(_MARGIN * min(picture.width, picture.height)) - margin
    free_x = picture.width - letters.shape[1] - 2 * safe
    free_y = picture.height - letters.shape[0] - 2 * safe
    return _Spot(safe + round(place[0] * free_x), safe + round(place[1] * free_y))


def _by_ground(canvas: Canvas, letters: Mask, spot: _Spot) -> Colour:
    """White, but dark letters where the ground is bright."""
    height, width = letters.shape
    part = canvas.picture.pixels[max(spot.top, 0) : spot.top + height, max(spot.left, 0) : spot.left + width]
    return _INK if float(np.median(part @ LUMA)) > 176 else _WHITE


def _written(picture: Picture, letters: Mask, spot: _Spot, colour: Colour, size: int) -> Picture:
    """The picture with shadow, outline and letters, one above the other."""
    letters, spot = _within(letters, spot, picture)
    rows = slice(spot.top, spot.top + letters.shape[0])
    columns = slice(spot.left, spot.left + letters.shape[1])
    contrast: Colour = _INK if float(np.dot(LUMA, colour)) > 110 else _WHITE
    outline, shadow = _surrounds(letters, size)
    pixels = picture.pixels.copy()
    part = np.ascontiguousarray(pixels[rows, columns])
    for mask, tone in ((shadow, contrast), (outline, contrast), (letters, colour)):
        part = blended(part, _plain(part, tone), mask)
    pixels[rows, columns] = part
    if picture.alpha is None:
        return Picture(pixels)
    alpha = picture.alpha.copy()
    alpha[rows, columns] = np.maximum(alpha[rows, columns], np.maximum(outline, shadow))
    return Picture(pixels, alpha)


def _within(letters: Mask, spot: _Spot, picture: Picture) -> tuple[Mask, _Spot]:
    """Without what of the empty margin reaches over the picture's edges."""
    top, left = max(-spot.top, 0), max(-spot.left, 0)
    bottom = min(letters.shape[0], picture.height - spot.top)
    right = min(letters.shape[1], picture.width - spot.left)
    return np.ascontiguousarray(letters[top:bottom, left:right]), _Spot(spot.left + left, spot.top + top)


def _surrounds(letters: Mask, size: int) -> tuple[Mask, Mask]:
    """The outline with the letters themselves, and the shadow around it."""
    width = max(0.045 * size, 1.2)
    inside = (letters > 127).astype(np.uint8)
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    edge = np.clip(width + 0.5 - distance, 0, 1) * 255
    outline = np.maximum(edge.astype(np.uint8), letters)
    sigma = max(0.07 * size, 1.5)
    soft = cv2.GaussianBlur(outline, (0, 0), sigma)
    return outline, np.asarray(cv2.convertScaleAbs(soft, alpha=0.55), np.uint8)


def _plain(part: Pixels, colour: Colour) -> Pixels:
    ground = np.empty_like(part)
    ground[:] = colour
    return ground

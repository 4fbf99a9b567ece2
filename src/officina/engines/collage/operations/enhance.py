"""Make the picture sharper, cleaner or larger."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.operations.upscale import upscaled
from officina.engines.collage.paint.bands import in_bands, toward
from officina.engines.collage.paint.sheet import (
    at_size,
    closeness,
    named,
    painted,
    sheet,
    strength,
)
from officina.engines.collage.paint.tones import grey_of
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Enhance
from officina.engines.collage.raster import Mask, Pixels, resized
from officina.engines.collage.refusal import CannotDo

_LEAST_NOISE = 0.7
"""Of 255 levels: what is below is no noise that anybody sees."""
_LEAST_LARGER = 1.1


def enhance(operation: Enhance, bench: Bench) -> Canvas:
    """Details that are there come out better; none are invented."""
    canvas = bench.one_picture(operation.picture)
    if operation.kind == "sharpen":
        return _sharpened(operation, bench)
    return _cleaned(canvas, bench) if operation.kind == "denoise" else _enlarged(canvas, bench)


def _sharpened(operation: Enhance, bench: Bench) -> Canvas:
    """Unsharp masking of the brightness in two widths, held between the neighbours' darkest and brightest.

    So edges get steeper and no halo arises around them.
    """
    canvas = sheet(operation.picture, bench)
    bench.step("sharpening")
    pixels = canvas.picture.pixels
    amount = 1.1 * strength(bench) * (1 + 0.8 * bench.emphasis)
    grey = grey_of(pixels)
    sharp = _steeper(grey, amount, max(max(grey.shape) / 2048, 0.6))
    changed = _with_brightness(pixels, grey, sharp)
    bench.done.append(f"sharpened {named(canvas)}")
    return painted(canvas, Picture(toward(pixels, changed, bench.blend), canvas.picture.alpha))


def _steeper(grey: Mask, amount: float, fine: float) -> Mask:
    narrow, wide = cv2.GaussianBlur(grey, (0, 0), 1.0 * fine), cv2.GaussianBlur(grey, (0, 0), 2.6 * fine)
    sharp = cv2.addWeighted(grey, 1 + 0.9 * amount, narrow, -0.9 * amount, 0)
    sharp = cv2.add(sharp, cv2.subtract(narrow, wide))
    sharp = cv2.subtract(sharp, cv2.subtract(wide, narrow))
    side = 2 * max(round(1.5 * fine), 1) + 1
    brush = np.ones((side, side), np.uint8)
    low, high = cv2.erode(grey, brush), cv2.dilate(grey, brush)
    slack = np.full_like(grey, 6)
    bounded = cv2.min(cv2.max(sharp, cv2.subtract(low, slack)), cv2.add(high, slack))
    return np.asarray(bounded, np.uint8)


def _with_brightness(pixels: Pixels, old: Mask, new: Mask) -> Pixels:
    """As much brighter or darker as the new brightness is than the old."""
    result = np.empty_like(pixels)

    def work(rows: slice) -> None:
        change = new[rows].astype(np.int16) - old[rows]
        result[rows] = np.clip(pixels[rows] + change[..., None], 0, 255)

    in_bands(len(pixels), work)
    return result


def _cleaned(canvas: Canvas, bench: Bench) -> Canvas:
    """Noise is measured, then averaged away where no edge is: colour more widely than brightness.

    The measure is Immerkær's ("Fast noise variance estimation", 1996), the filter Tomasi and Manduchi's
    bilateral one (1998). Done before enlarging, as enlarged noise no longer looks like noise.
    """
    if not canvas.moved and max(canvas.picture.width, canvas.picture.height) > max(
        bench.size.width, bench.size.height
    ):
        canvas = at_size(canvas, bench.size, closeness(bench))
    bench.step("taking the noise out")
    picture = canvas.picture
    noise = _noise_of(grey_of(picture.pixels))
    if noise < _LEAST_NOISE:
        raise CannotDo(f"{named(canvas)} has no noise to speak of")
    amount = strength(bench) * (1 + 0.6 * bench.emphasis)
    changed = _smoothed(picture.pixels, noise * amount)
    pixels = toward(picture.pixels, changed, bench.blend)
    bench.done.append(f"took the noise out of {named(canvas)}")
    return replace(canvas, picture=Picture(pixels, picture.alpha))


def _noise_of(grey: Mask) -> float:
    """The spread of the noise; flat and clipped areas do not count."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    fine = np.abs(cv2.filter2D(grey, cv2.CV_16S, kernel))
    inside = (grey > 8) & (grey < 247)
    if np.count_nonzero(inside) < 1000:
        return 0.0
    return float(np.percentile(fine[inside], 40) / (6 * 0.524))


def _smoothed(pixels: Pixels, noise: float) -> Pixels:
    layers = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    bright = np.ascontiguousarray(layers[..., 0])
    for reach in (2.0, 1.2):
        bright = np.asarray(cv2.bilateralFilter(bright, 7, 1.9 * noise + 2, reach), np.uint8)
    height, width = bright.shape
    half = (max(width // 2, 1), max(height // 2, 1))
    colour = resized(np.ascontiguousarray(layers[..., 1:]), half)
    channels = [cv2.bilateralFilter(part, 9, 3.5 * noise + 4, 4.0) for part in cv2.split(colour)]
    wide = [cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) for part in channels]
    return np.asarray(cv2.cvtColor(cv2.merge([bright, *wide]), cv2.COLOR_YCrCb2RGB), np.uint8)


def _enlarged(canvas: Canvas, bench: Bench) -> Canvas:
    """What the result shows, with edges drawn anew; see `upscale`. The scale says how much of them."""
    frame = canvas.part(bench.size).padded(-0.022 * bench.variant)
    factor = bench.size.width / frame.width
    if factor < _LEAST_LARGER:
        raise CannotDo(
            f"{named(canvas)} is as large as the result already; choose a larger width×height to enlarge it"
        )
    large = at_size(canvas, bench.size, part=frame)
    share = min(0.5 * bench.blend + 0.3 * bench.emphasis, 0.8)
    pixels = upscaled(large.picture.pixels, factor, share, bench)
    bench.done.append(f"enlarged {named(canvas)} {factor:.1f} times")
    return painted(large, Picture(pixels, large.picture.alpha))

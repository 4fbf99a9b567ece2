"""Cut the subject out and draw an outline around it, on transparency."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Anchor, Size, shown
from officina.engines.collage.operations.flip import mirrored
from officina.engines.collage.operations.remove_background import alone
from officina.engines.collage.paint.sheet import named
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Sticker
from officina.engines.collage.raster import Floats, Mask, blended

_WIDTHS = (0.016, 0.010, 0.024, 0.013, 0.020)
"""Of the outline, as a share of the shorter side, for each variant."""
_MARGIN = 0.03
_HARD = 128


def sticker(operation: Sticker, bench: Bench) -> Canvas:
    """All or nothing, as if punched out: the outline runs around cut edges too, and inside stays filled.

    The outline is every point up to its width away from the subject, by an exact distance transform
    (Felzenszwalb and Huttenlocher), smoothed first so that single hairs do not get one of their own.
    """
    canvas = alone(bench.with_subject(bench.one_picture(operation.picture)))
    bench.step("drawing the outline")
    if bench.variant % 2:
        canvas = mirrored(canvas, across=True)
    shortest = min(bench.size.width, bench.size.height)
    width = _WIDTHS[bench.variant % len(_WIDTHS)] * shortest * (1 + 0.5 * bench.emphasis)
    subject = _with_room(canvas, bench.size, width + (_MARGIN + 0.012 * bench.variant) * shortest)
    assert subject.alpha is not None  # noqa: S101 (the subject stands alone)
    rim = _rim(subject.alpha, width)
    ground = np.empty_like(subject.pixels)
    ground[:] = operation.outline
    pixels = blended(ground, subject.pixels, subject.alpha)
    outline = " ".join(word for word in (operation.outline_name, "outline") if word)
    bench.done.append(f"made a sticker of {named(canvas)}: {outline}")
    keep = Box(0, 0, bench.size.width, bench.size.height)
    return replace(canvas, picture=Picture(pixels, rim), keep=keep, anchor=Anchor(), subject=rim, moved=True)


def _with_room(canvas: Canvas, size: Size, margin: float) -> Picture:
    """The subject as large as fits into the size with a margin on all sides."""
    keep = canvas.keep
    factor = min((size.width - 2 * margin) / keep.width, (size.height - 2 * margin) / keep.height)
    width, height = size.width / factor, size.height / factor
    x, y = keep.center
    part = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return shown(_within(canvas), part.moved(-round(keep.left), -round(keep.top)), size)


def _within(canvas: Canvas) -> Picture:
    """The subject's rectangle alone: what is left of it elsewhere would come along."""
    keep = canvas.keep
    rows, columns = slice(round(keep.top), round(keep.bottom)), slice(round(keep.left), round(keep.right))
    alpha = canvas.picture.alpha
    assert alpha is not None  # noqa: S101 (the subject stands alone)
    return Picture(
        np.ascontiguousarray(canvas.picture.pixels[rows, columns]),
        np.ascontiguousarray(alpha[rows, columns]),
    )


def _rim(alpha: Mask, width: float) -> Mask:
    """Subject and outline together."""
    factor = min(1400 / max(alpha.shape), 1.0)
    size = (round(alpha.shape[1] * factor), round(alpha.shape[0] * factor))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    body = cv2.morphologyEx((small > _HARD).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    outside = cv2.distanceTransform(1 - body, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    smooth = np.asarray(cv2.GaussianBlur(outside, (0, 0), max(0.35 * width * factor, 0.8)), np.float32)
    filled = _without_holes(smooth - width * factor)
    wide = cv2.resize(filled, (alpha.shape[1], alpha.shape[0]), interpolation=cv2.INTER_CUBIC) / factor
    edge = (np.clip(0.5 - wide, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.asarray(np.maximum(edge, alpha), np.uint8)


def _without_holes(distance: Floats) -> Floats:
    """A signed distance whose small enclosed outsides count as inside."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((distance > 0).astype(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] < 0.004 * distance.size
    small[0] = False
    if count > 1:
        distance = np.where(small[labels], -1.0, distance).astype(np.float32)
    return distance

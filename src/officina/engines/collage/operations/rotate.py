"""Turn the picture by any angle."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Anchor
from officina.engines.collage.paint.sheet import closer_by_variant, named
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Rotate
from officina.engines.collage.raster import Mask
from officina.engines.collage.refusal import CannotDo

_SLIGHT = 20.0
"""Degrees off a quarter turn up to which the picture is cropped to what has no empty corners."""


def rotate(operation: Rotate, bench: Bench) -> Canvas:
    """Quarter turns move pixels exactly; slight turns are cropped inside; others have clear corners.

    The scale has no say. Variants are framed closer.
    """
    degrees = operation.degrees % 360
    if degrees == 0:
        raise CannotDo("a full turn leaves the picture as it is")
    canvas = bench.one_picture(operation.picture)
    bench.step("turning the picture")
    quarters = round(degrees / 90)
    rest = degrees - 90 * quarters
    turned = _quarter_turned(canvas, quarters % 4)
    if rest:
        turned = _turned(turned, rest)
    shown_degrees = f"{operation.degrees:g}"
    bench.done.append(f"turned {named(canvas)} by {shown_degrees} degrees")
    return closer_by_variant(turned, bench)


def _quarter_turned(canvas: Canvas, quarters: int) -> Canvas:
    """Clockwise, `quarters` times."""
    for _ in range(quarters):
        height = canvas.picture.height
        keep, held = canvas.keep, canvas.anchor
        canvas = replace(
            canvas,
            picture=Picture(
                np.asarray(cv2.rotate(canvas.picture.pixels, cv2.ROTATE_90_CLOCKWISE), np.uint8),
                _clockwise(canvas.picture.alpha),
            ),
            keep=Box(height - keep.bottom, keep.left, height - keep.top, keep.right),
            anchor=Anchor(held.bottom, held.left, held.top, held.right),
            subject=_clockwise(canvas.subject),
            moved=True,
        )
    return canvas


def _clockwise(mask: Mask | None) -> Mask | None:
    return None if mask is None else np.asarray(cv2.rotate(mask, cv2.ROTATE_90_CLOCKWISE), np.uint8)


def _turned(canvas: Canvas, degrees: float) -> Canvas:
    """By less than an eighth of a turn, clockwise above 0."""
    width, height = canvas.picture.width, canvas.picture.height
    clear = canvas.picture.alpha is not None or abs(degrees) > _SLIGHT
    size = _around(width, height, degrees) if clear else _within(width, height, degrees)
    middle = (width / 2 - 0.5, height / 2 - 0.5)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, -degrees, 1.0), np.float64)
    matrix[:, 2] += np.array(((size[0] - width) / 2, (size[1] - height) / 2))
    alpha = canvas.picture.alpha
    if clear:
        whole = np.full((height, width), 255, np.uint8) if alpha is None else alpha
        alpha = _warped(whole, matrix, size, cv2.BORDER_CONSTANT)
    pixels = _warped(canvas.picture.pixels, matrix, size, cv2.BORDER_REPLICATE)
    subject = canvas.subject
    if subject is not None:
        subject = _warped(subject, matrix, size, cv2.BORDER_CONSTANT)
    keep = _box_through(canvas.keep, matrix).clipped(*size)
    return replace(
        canvas, picture=Picture(pixels, alpha), keep=keep, anchor=Anchor(), subject=subject, moved=True
    )


def _warped(
    values: npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64], size: tuple[int, int], border: int
) -> npt.NDArray[np.uint8]:
    return np.asarray(
        cv2.warpAffine(values, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border), np.uint8
    )


def _around(width: int, height: int, degrees: float) -> tuple[int, int]:
    """The size that holds the whole turned picture."""
    sine, cosine = abs(np.sin(np.radians(degrees))), abs(np.cos(np.radians(degrees)))
    return int(np.ceil(width * cosine + height * sine)), int(np.ceil(width * sine + height * cosine))


def _within(width: int, height: int, degrees: float) -> tuple[int, int]:
    """The largest size, of the picture's own shape, that fits into the turned picture."""
    sine, cosine = abs(np.sin(np.radians(degrees))), abs(np.cos(np.radians(degrees)))
    longest, shortest = max(width, height), min(width, height)
    factor = shortest / (longest * sine + shortest * cosine)
    return max(int(width * factor), 1), max(int(height * factor), 1)


def _box_through(box: Box, matrix: npt.NDArray[np.float64]) -> Box:
    """The upright box around a turned one."""
    corners = np.array([(x, y, 1) for x in (box.left, box.right) for y in (box.top, box.bottom)])
    moved = corners @ matrix.T
    (left, top), (right, bottom) = moved.min(axis=0), moved.max(axis=0)
    return Box(float(left), float(top), float(right), float(bottom))

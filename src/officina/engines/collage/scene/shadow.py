"""The shade of what stands on the ground: where it touches, and where its shadow falls."""

from __future__ import annotations

import cv2
import numpy as np

from officina.engines.collage.box import Box
from officina.engines.collage.raster import Floats, Mask, Pixels, resized, resized_floats, softened
from officina.engines.collage.scene.light import shaded
from officina.engines.collage.scene.sun import Light

_WORK_HEIGHT = 240


def touch(pixels: Pixels, alpha: Mask, box: Box) -> None:
    """A dark touch right under the subject and a wide soft one around it; the pixels are changed."""
    foot = alpha[int(0.93 * alpha.shape[0]) :].max(axis=0)
    columns = np.flatnonzero(foot > 100)
    if not len(columns):
        return
    x = box.left + float(columns[0] + columns[-1]) / 2
    half = max(float(columns[-1] - columns[0]) / 2, 0.1 * alpha.shape[1])
    area = Box(x - 2 * half, box.bottom - half, x + 2 * half, box.bottom + half)
    rows, cols = _inside(area, pixels)
    shade = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.float32)
    if not shade.size:
        return
    for grow, flat, strength, blur in ((1.25, 0.26, 0.34, 0.20), (1.0, 0.12, 0.50, 0.07)):
        layer = np.zeros_like(shade)
        axes = (max(round(half * grow), 1), max(round(half * flat), 1))
        center = (round(x - cols.start), round(box.bottom - 0.4 * axes[1] - rows.start))
        cv2.ellipse(layer, center, axes, 0, 0, 360, strength, -1)
        shade = np.maximum(shade, softened(layer, max(blur * half, 1.5)))
    pixels[rows, cols] = shaded(pixels[rows, cols], shade)


def throw(pixels: Pixels, alpha: Mask, box: Box, light: Light) -> None:
    """The subject's outline laid onto the ground away from the light, softer with distance."""
    height = box.height
    factor = min(_WORK_HEIGHT / height, 1.0)
    reach_x, reach_y = abs(light.sideways) * height, light.downwards * height
    pad = 0.12 * height
    area = Box(
        box.left - pad - max(-light.sideways, 0) * height,
        box.bottom - pad + min(reach_y, 0.0),
        box.right + pad + max(light.sideways, 0) * height,
        box.bottom + pad + max(reach_y, 0.0),
    )
    rows, cols = _inside(area, pixels)
    if rows.stop - rows.start < 2 or cols.stop - cols.start < 2 or reach_x + abs(reach_y) < 2:
        return
    shade = _laid(alpha, box, (rows, cols), factor, light)
    shade = resized_floats(shade, (cols.stop - cols.start, rows.stop - rows.start))
    pixels[rows, cols] = shaded(pixels[rows, cols], shade)


def _laid(alpha: Mask, box: Box, area: tuple[slice, slice], factor: float, light: Light) -> Floats:
    """The sheared outline on a small copy of the area."""
    rows, cols = area
    own = (max(round(box.width * factor), 2), max(round(box.height * factor), 2))
    rise = np.linspace(1, 0, own[1], dtype=np.float32)[:, None]
    shape = resized(alpha, own).astype(np.float32) / 255 * (1 - 0.65 * rise) * light.strength
    x, y = (box.left - cols.start) * factor, (box.bottom - rows.start) * factor
    matrix = np.array(
        [
            [1, -light.sideways, light.sideways * own[1] + x],
            [0, -light.downwards, light.downwards * own[1] + y],
        ],
        np.float32,
    )
    size = (
        max(round((cols.stop - cols.start) * factor), 2),
        max(round((rows.stop - rows.start) * factor), 2),
    )
    laid = cv2.warpAffine(shape, matrix, size, flags=cv2.INTER_AREA)
    return np.asarray(softened(np.asarray(laid, np.float32), max(0.018 * own[1], 0.8)), np.float32)


def _inside(area: Box, pixels: Pixels) -> tuple[slice, slice]:
    inside = area.clipped(pixels.shape[1], pixels.shape[0])
    return slice(int(inside.top), int(inside.bottom)), slice(int(inside.left), int(inside.right))

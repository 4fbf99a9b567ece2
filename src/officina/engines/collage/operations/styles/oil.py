"""As if painted in oil on canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from officina.engines.collage.operations.styles.hand import Hand
from officina.engines.collage.paint.abstraction import patches, working
from officina.engines.collage.paint.bands import multiplied, rows_of
from officina.engines.collage.paint.noise import clouds, white
from officina.engines.collage.paint.tones import bent, grey_of, mapped, saturated
from officina.engines.collage.raster import Floats, Mask, Pixels, resized

_WORK_SIDE = 1024
_BRUSHES = (0.030, 0.015, 0.0080, 0.0048)
"""Widths of the brushes, as shares of the longer side."""
_STEPS = 6
_FINEST = 1280
"""Strokes are drawn on no more pixels than this a side."""


def oil(pixels: Pixels, hand: Hand) -> Pixels:
    """Strokes along the forms, broad ones first and fine ones where they are needed, with relief.

    After Hertzmann, "Painterly rendering with curved brush strokes of multiple sizes" (1998); the strokes
    follow the smoothed structure tensor, and their height is lit from the upper left.
    """
    size = (pixels.shape[1], pixels.shape[0])
    small = saturated(mapped(patches(working(pixels, _WORK_SIDE), 3), bent(0.18)), 1.2)
    flow = _flow(small)
    board = working(pixels, _FINEST)
    ground = cv2.resize(
        cv2.GaussianBlur(small, (0, 0), 14), board.shape[1::-1], interpolation=cv2.INTER_LINEAR
    )
    canvas = np.dstack([ground, np.zeros(board.shape[:2], np.uint8)])
    for number, share in enumerate(_BRUSHES):
        width = share * max(small.shape[:2]) * hand.strength
        strokes = _strokes(
            small, resized(canvas, small.shape[1::-1])[..., :3], flow, width, hand.seed * 10 + number
        )
        _draw(canvas, strokes, max(canvas.shape[:2]) / max(small.shape[:2]))
    relief = _relief(canvas[..., 3], flow, hand)
    return _lit(resized(np.ascontiguousarray(canvas[..., :3]), size), relief, hand)


@dataclass(frozen=True, slots=True)
class _Strokes:
    """Paths × steps × 2 in pixels of the small picture, with a colour and a height each."""

    paths: Floats
    colours: npt.NDArray[np.uint8]
    heights: npt.NDArray[np.uint8]
    width: float


def _flow(small: Pixels) -> Floats:
    """The direction along the forms, height × width × 2."""
    grey = grey_of(small).astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    tensor = np.dstack([across * across, across * down, down * down])
    tensor = cv2.GaussianBlur(tensor, (0, 0), 5) + 0.15 * cv2.GaussianBlur(tensor, (0, 0), 16)
    angle = 0.5 * np.arctan2(2 * tensor[..., 1], tensor[..., 0] - tensor[..., 2]) + np.pi / 2
    return np.asarray(np.dstack([np.cos(angle), np.sin(angle)]), np.float32)


def _strokes(small: Pixels, canvas: Pixels, flow: Floats, width: float, seed: int) -> _Strokes:
    """Where the canvas is not yet like the picture, along the flow, as far as the colour holds."""
    random = np.random.default_rng(seed)
    height, wide = small.shape[:2]
    step = max(width * 0.8, 2.5)
    ys, xs = np.meshgrid(np.arange(step / 2, height, step), np.arange(step / 2, wide, step), indexing="ij")
    spots = np.stack([xs.ravel(), ys.ravel()], axis=-1) + random.uniform(-0.5, 0.5, (xs.size, 2)) * step
    blurred = np.asarray(cv2.GaussianBlur(small, (0, 0), max(width / 4, 0.8)), np.uint8)
    off = np.abs(blurred.astype(np.int16) - canvas).sum(axis=-1).astype(np.float32)
    off = cv2.blur(off, (max(round(width), 3),) * 2)
    at = _indices(spots, small.shape)
    spots = spots[off[at] > (0 if width > 20 else 30 if width > 6 else 64)]
    spots = spots[random.permutation(len(spots))]
    colours = blurred[_indices(spots, small.shape)].astype(np.int16)
    colours += random.integers(-7, 8, (len(spots), 1)).astype(np.int16)
    paths = _traced(spots, blurred, flow, width)
    heights = random.integers(70, 256, len(spots)).astype(np.uint8)
    return _Strokes(paths, np.clip(colours, 0, 255).astype(np.uint8), heights, width)


def _indices(spots: npt.NDArray[Any], shape: tuple[int, ...]) -> tuple[npt.NDArray[np.int64], ...]:
    return (
        np.clip(spots[:, 1].astype(np.int64), 0, shape[0] - 1),
        np.clip(spots[:, 0].astype(np.int64), 0, shape[1] - 1),
    )


def _traced(spots: npt.NDArray[Any], blurred: Pixels, flow: Floats, width: float) -> Floats:
    """All paths at once: each goes on while the colour under it is like its own."""
    own = blurred[_indices(spots, blurred.shape)].astype(np.int16)
    paths = [spots.astype(np.float32)]
    heading = flow[_indices(spots, flow.shape)]
    alive = np.ones(len(spots), np.bool_)
    for _ in range(_STEPS):
        at = _indices(paths[-1], flow.shape)
        turn = flow[at]
        turn = np.where((turn * heading).sum(axis=-1, keepdims=True) < 0, -turn, turn)
        heading = 0.6 * turn + 0.4 * heading
        alive &= np.abs(blurred[at].astype(np.int16) - own).sum(axis=-1) < 60
        paths.append((paths[-1] + np.where(alive[:, None], heading * width * 0.6, 0)).astype(np.float32))
    return np.stack(paths, axis=1)


def _draw(canvas: npt.NDArray[np.uint8], strokes: _Strokes, factor: float) -> None:
    """Onto the canvas, whose fourth channel is the height of the paint."""
    points = np.round(strokes.paths * (factor * 16)).astype(np.int32)
    thickness = max(round(strokes.width * factor), 1)
    paints = np.column_stack([strokes.colours, strokes.heights]).tolist()
    for path, paint in zip(points, paints, strict=True):
        cv2.polylines(canvas, [path], False, paint, thickness, cv2.LINE_AA, 4)


def _relief(height: Mask, flow: Floats, hand: Hand) -> Floats:
    """How steeply the paint rises towards the light: edges of strokes, and bristles along them."""
    size = (height.shape[1], height.shape[0])
    noise = white(flow.shape[0], flow.shape[1], hand.seed + 50)
    bristles = _along(np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.7) * 2.2, np.float32), flow)
    fine = cv2.resize(bristles, size, interpolation=cv2.INTER_CUBIC)
    level = cv2.GaussianBlur(height.astype(np.float32) / 255, (0, 0), 1.0) * 0.6 + fine * 0.06
    slope = cv2.Sobel(level, cv2.CV_32F, 1, 0, scale=0.25) + cv2.Sobel(level, cv2.CV_32F, 0, 1, scale=0.25)
    return np.asarray(np.clip(slope, -0.5, 0.5), np.float32)


def _along(noise: Floats, flow: Floats) -> Floats:
    """Noise drawn out along the flow: line integral convolution (Cabral and Leedom, 1993)."""
    height, width = noise.shape
    start_x, start_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    total = noise.copy()
    for sign in (1.0, -1.0):
        xs, ys = start_x.copy(), start_y.copy()
        for _ in range(7):
            turn = cv2.remap(flow, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            xs += sign * 1.6 * turn[..., 0]
            ys += sign * 1.6 * turn[..., 1]
            total += cv2.remap(noise, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(total / np.sqrt(15), np.float32)


def _lit(canvas: Pixels, relief: Floats, hand: Hand) -> Pixels:
    height, width = canvas.shape[:2]
    uneven = 1 + 0.04 * (clouds(64, 64, hand.seed + 60, 6, 3) - 0.5)

    def gain(rows: slice) -> Floats:
        slope = rows_of(relief, rows, height, width)
        return np.asarray((1 + 1.1 * slope) * rows_of(uneven, rows, height, width), np.float32)

    return multiplied(canvas, gain)

"""Random textures that are the same every time: for grain, paper, clouds, and to break up steps in slopes."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from officina.engines.collage.raster import Floats

_TILE = 256


def dither(rows: slice, width: int) -> npt.NDArray[np.uint16]:
    """Thresholds from 0 to 255 for a band of rows: added before the last 8 bits are cut off.

    Ordered by a tile of high-passed noise, so that what it leaves is too fine to be seen.
    """
    tile = _thresholds()
    ys = np.arange(rows.start, rows.stop) % _TILE
    return np.tile(tile[ys], (1, width // _TILE + 1))[:, :width]


@cache
def _thresholds() -> npt.NDArray[np.uint16]:
    """Values 0 to 255, each as often as any other, neighbours unlike each other."""
    noise = np.random.default_rng(7).random((_TILE, _TILE)).astype(np.float32)
    for _ in range(4):
        noise = _ranked(noise - cv2.GaussianBlur(noise, (0, 0), 1.2, borderType=cv2.BORDER_REFLECT))
    return (noise * 255.999).astype(np.uint16)


def _ranked(values: Floats) -> Floats:
    """The same order, evenly spread over 0..1."""
    order = np.argsort(values, axis=None, kind="stable")
    ranks = np.empty(values.size, np.float32)
    ranks[order] = np.arange(values.size, dtype=np.float32) / values.size
    return ranks.reshape(values.shape)


def white(height: int, width: int, seed: int) -> Floats:
    """Independent normal values, mean 0 and spread 1."""
    return np.random.default_rng(seed).standard_normal((height, width), np.float32)


@cache
def grain_tile(seed: int, sigma: float) -> Floats:
    """A square of 512 of soft grain, mean 0 and spread 1, whose edges meet."""
    noise = white(512, 512, seed)
    wide = np.tile(noise, (2, 2))
    soft = cv2.GaussianBlur(wide, (0, 0), sigma)[128:640, 128:640] if sigma > 0 else noise
    centred = soft - soft.mean()
    return np.asarray(centred / max(float(centred.std()), 1e-6), np.float32)


def grain(rows: slice, width: int, seed: int, sigma: float) -> Floats:
    """That grain for a band of rows."""
    tile = grain_tile(seed, sigma)
    ys = np.arange(rows.start, rows.stop) % 512
    return np.tile(tile[ys], (1, width // 512 + 1))[:, :width]


def clouds(height: int, width: int, seed: int, cells: float, octaves: int = 4) -> Floats:
    """Soft shapes of many sizes in 0..1, the largest about a `cells`-th of the longer side.

    Octaves of value noise, as in Perlin's "An image synthesizer" (1985).
    """
    total = np.zeros((height, width), np.float32)
    weight, longest = 1.0, max(height, width)
    for octave in range(octaves):
        cell = max(longest / (cells * 2**octave), 1.0)
        shape = (int(height / cell) + 3, int(width / cell) + 3)
        points = np.random.default_rng(seed + 101 * octave).random(shape).astype(np.float32)
        fine = cv2.resize(points, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
        total += weight * fine[:height, :width]
        weight *= 0.5
    low, high = np.percentile(total, (1, 99))
    return np.asarray(np.clip((total - low) / max(high - low, 1e-6), 0, 1), np.float32)

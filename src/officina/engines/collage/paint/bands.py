"""Whole pictures in horizontal bands, on both cores: what is in work stays small and near the processor."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from officina.engines.collage.paint.noise import dither
from officina.engines.collage.raster import Floats, Pixels

BAND = 128
"""Rows of a band."""
_WORKERS = min(2, os.cpu_count() or 1)


def in_bands(height: int, work: Callable[[slice], None], rows: int = BAND) -> None:
    """Do the work for each band of rows; each must write only to its own rows."""
    bands = [slice(top, min(top + rows, height)) for top in range(0, height, rows)]
    with ThreadPoolExecutor(_WORKERS) as pool:
        for done in pool.map(work, bands):
            assert done is None  # noqa: S101 (asking for the result raises what the band raised)


def toward(pixels: Pixels, changed: Pixels, share: float) -> Pixels:
    """A share, 0 to 1, of the way from one picture to the other."""
    if share >= 1:
        return changed
    return np.asarray(cv2.addWeighted(changed, share, pixels, 1 - share, 0), np.uint8)


def multiplied(pixels: Pixels, gain: Callable[[slice], Floats]) -> Pixels:
    """Each pixel times its gain, rows × width (× 3) from 0 to 2, without steps in soft slopes."""
    result = np.empty_like(pixels)
    width = pixels.shape[1]

    def work(rows: slice) -> None:
        factor = (gain(rows) * 65536).astype(np.uint32)
        total = pixels[rows] * (factor if factor.ndim == 3 else factor[..., None])
        total += (dither(rows, width).astype(np.uint32) << 8)[..., None]
        total >>= 16
        result[rows] = np.minimum(total, 255)

    in_bands(len(pixels), work)
    return result


def veiled(pixels: Pixels, colour: tuple[float, float, float], cover: Callable[[slice], Floats]) -> Pixels:
    """A colour laid over the picture, its cover from 0 to 1 for each pixel, without steps in soft slopes."""
    result = np.empty_like(pixels)
    width = pixels.shape[1]
    tone = np.asarray(colour, np.float32).astype(np.uint32)

    def work(rows: slice) -> None:
        share = (np.clip(cover(rows), 0, 1) * 65536).astype(np.uint32)[..., None]
        total = pixels[rows] * (65536 - share)
        total += tone * share
        total += (dither(rows, width).astype(np.uint32) << 8)[..., None]
        total >>= 16
        result[rows] = np.minimum(total, 255)

    in_bands(len(pixels), work)
    return result


def rows_of(small: Floats, rows: slice, height: int, width: int) -> Floats:
    """The band of rows of a small map as if it were enlarged to height × width; smooth between its points."""
    scale_x, scale_y = small.shape[1] / width, small.shape[0] / height
    xs = (np.arange(width, dtype=np.float32) + 0.5) * scale_x - 0.5
    ys = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * scale_y - 0.5
    top = max(int(np.floor(ys[0])) - 1, 0)
    part = small[top : int(np.ceil(ys[-1])) + 3]
    grid_x, grid_y = (
        np.broadcast_to(xs, (len(ys), width)),
        np.broadcast_to(ys[:, None] - top, (len(ys), width)),
    )
    found = cv2.remap(
        part,
        np.ascontiguousarray(grid_x),
        np.ascontiguousarray(grid_y),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(found, np.float32)

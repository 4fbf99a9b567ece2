"""What is done to arrays of pixels everywhere: OpenCV's operations with our types."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""Height × width × 3, in RGB order."""
Mask = npt.NDArray[np.uint8]
"""Height × width, 0 to 255."""
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
_BAND = 128


def resized(values: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Pixels or a mask at another width and height, sharp and without moiré."""
    shrinks = size[0] < values.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(values, size, interpolation=method), np.uint8)


def resized_floats(values: Floats, size: tuple[int, int]) -> Floats:
    """The same for maps of numbers."""
    method = cv2.INTER_AREA if size[0] < values.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size, interpolation=method), np.float32)


def softened(values: Floats, sigma: float) -> Floats:
    """Blurred; wide blurs are done on a small copy."""
    factor = max(sigma / 6, 1.0)
    height, width = values.shape[:2]
    size = (max(round(width / factor), 1), max(round(height / factor), 1))
    small = cv2.GaussianBlur(resized_floats(values, size), (0, 0), sigma / factor)
    return resized_floats(np.asarray(small, np.float32), (width, height))


def shares(mask: Mask) -> Floats:
    """A mask as numbers from 0 to 1."""
    return np.asarray(mask, np.float32) / np.float32(255)


def masked(values: Floats) -> Mask:
    """Numbers from 0 to 1 as a mask."""
    return np.asarray(np.clip(values * 255 + 0.5, 0, 255), np.uint8)


def disc(radius: int) -> Mask:
    """A round brush."""
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def hazy(values: npt.NDArray[np.uint8], sigma: float) -> npt.NDArray[np.uint8]:
    """Pixels or a mask blurred, on a small copy when that cannot be seen."""
    factor = max(sigma / 3, 1.0)
    height, width = values.shape[:2]
    if factor <= 1:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), max(sigma, 0.1)), np.uint8)
    size = (max(round(width / factor), 1), max(round(height / factor), 1))
    small = cv2.GaussianBlur(resized(values, size), (0, 0), sigma / factor)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def in_bands(work: Callable[[slice], None], height: int) -> None:
    """Do something to every row, a band at a time: on both cores, and in the processor's cache."""
    bands = [slice(top, min(top + _BAND, height)) for top in range(0, height, _BAND)]
    if len(bands) < 2:
        for band in bands:
            work(band)
        return
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, bands))


def blended(below: Pixels, above: Pixels, alpha: Mask) -> Pixels:
    """One picture over another, in whole numbers."""
    out = np.empty_like(below)

    def blend(rows: slice) -> None:
        share = alpha[rows]
        if not share.any():
            out[rows] = below[rows]
        elif share.min() == 255:
            out[rows] = above[rows]
        else:
            weight = cv2.merge([share, share, share])
            upper = cv2.multiply(np.ascontiguousarray(above[rows]), weight, scale=1 / 255)
            lower = cv2.multiply(np.ascontiguousarray(below[rows]), 255 - weight, scale=1 / 255)
            cv2.add(upper, lower, dst=upper)
            out[rows] = upper

    in_bands(blend, below.shape[0])
    return out

"""Curves and colour tables: what treats each pixel by its own value alone, in whole numbers."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from officina.engines.collage.raster import Floats, Mask, Pixels

LUMA = np.array((0.299, 0.587, 0.114), np.float32)
"""What red, green and blue add to brightness (ITU-R BT.601)."""
Curve = npt.NDArray[np.float32]
"""256 values in 0..1: what each tone becomes."""

TONES: Curve = np.linspace(0, 1, 256, dtype=np.float32)


def bent(contrast: float, pivot: float = 0.5) -> Curve:
    """More contrast (or less, below 0) around a tone; black and white stay where they are."""
    low = np.clip(TONES / pivot, 0, 1)
    high = np.clip((TONES - pivot) / (1 - pivot), 0, 1)
    steep = np.where(pivot > TONES, pivot * low**2, pivot + (1 - pivot) * (1 - (1 - high) ** 2))
    return np.asarray(TONES + contrast * (steep - TONES), np.float32)


def lifted(power: float) -> Curve:
    """Brighter below power 1, darker above."""
    return np.asarray(TONES**power, np.float32)


def between(stops: tuple[tuple[float, tuple[int, int, int]], ...]) -> npt.NDArray[np.float32]:
    """256 colours × 3 in 0..1 through the given ones at their tones, smooth in Lab."""
    colours = np.array([[colour for _, colour in stops]], np.float32) / 255
    lab = cv2.cvtColor(colours, cv2.COLOR_RGB2Lab)[0]
    at = np.array([tone for tone, _ in stops], np.float32)
    smooth = np.stack([np.interp(TONES, at, lab[:, i]) for i in range(3)], axis=-1).astype(np.float32)
    mixed = np.asarray(cv2.cvtColor(smooth[None], cv2.COLOR_Lab2RGB)[0], np.float32)
    return np.clip(mixed, 0, 1)


def mapped(pixels: Pixels, *curves: Curve) -> Pixels:
    """Each channel through its curve, or all through one."""
    table = np.stack(curves if len(curves) == 3 else curves * 3, axis=-1)
    return np.asarray(cv2.LUT(pixels, _table(table)[None]), np.uint8)


def coloured(grey: Mask, colours: npt.NDArray[np.float32]) -> Pixels:
    """Each tone in the colour that a table of 256 × 3 gives it."""
    wide = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.LUT(wide, _table(colours)[None]), np.uint8)


def saturated(pixels: Pixels, factor: float) -> Pixels:
    """Colours further from grey, or nearer below 1; brightness stays.

    The saturation matrix of the W3C's Filter Effects Module, with the weights of BT.601.
    """
    matrix = factor * np.eye(3, dtype=np.float32) + (1 - factor) * LUMA
    return np.asarray(cv2.transform(pixels, matrix), np.uint8)


def grey_of(pixels: Pixels) -> Mask:
    """Brightness alone."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def spread(grey: Mask) -> tuple[float, float]:
    """The darkest and the brightest tone in 0..1, but for half a percent at each end."""
    counts = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel())
    low = int(np.searchsorted(counts, 0.005 * counts[-1]))
    high = int(np.searchsorted(counts, 0.995 * counts[-1]))
    return low / 255, max(high, low + 1) / 255


def middle(grey: Mask) -> float:
    """The tone that half of the pixels are darker than, in 0..1."""
    counts = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel())
    return int(np.searchsorted(counts, 0.5 * counts[-1])) / 255


def luminance(pixels: Pixels) -> Floats:
    """Brightness in 0..1; for small pictures."""
    return np.asarray(grey_of(pixels), np.float32) / np.float32(255)


def _table(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)

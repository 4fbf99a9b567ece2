"""Where the sky is, to the very edge of roofs and branches."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from officina.engines.collage.paint.abstraction import working
from officina.engines.collage.paint.bands import rows_of
from officina.engines.collage.raster import Floats, Pixels, disc

_WORK_SIDE = 512
_GUIDED_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Sky:
    """How much each pixel is sky, as a line through its brightness: slope × brightness + base."""

    slope: Floats
    base: Floats
    share: float
    """How much of the picture it fills."""
    horizon: float
    """How far down it reaches, as a share of the height."""

    def rows(self, pixels: Pixels, rows: slice) -> Floats:
        """The sky in a band of rows of the picture, in 0..1."""
        height, width = pixels.shape[:2]
        grey = np.asarray(cv2.cvtColor(pixels[rows], cv2.COLOR_RGB2GRAY), np.float32) / 255
        slope = rows_of(self.slope, rows, height, width)
        found = slope * grey + rows_of(self.base, rows, height, width)
        return np.asarray(np.clip((found - 0.12) / 0.76, 0, 1), np.float32)


def sky_of(pixels: Pixels) -> Sky | None:
    """The sky of a picture: bright, smooth, not green or brown, and joined to the upper edge; None without.

    Rough on a small copy, then carried to every edge by the fast guided filter (He and Sun, 2015).
    """
    small = working(pixels, _WORK_SIDE)
    rough = _rough(small)
    share = float(np.mean(rough))
    if share < 0.06:
        return None
    rows = np.flatnonzero(rough.mean(axis=1) > 0.15)
    horizon = float((rows[-1] + 1) / len(rough)) if len(rows) else 0.5
    slope, base = _guided(working(pixels, _GUIDED_SIDE), rough)
    return Sky(slope, base, share, horizon)


def _rough(small: Pixels) -> Floats:
    red, green, blue = (small[..., i].astype(np.float32) for i in range(3))
    bright = 0.299 * red + 0.587 * green + 0.114 * blue
    blurred = cv2.GaussianBlur(bright, (0, 0), 2.5)
    busy = cv2.GaussianBlur(np.abs(bright - blurred), (0, 0), 3)
    bluish = (blue >= red - 14) & (blue >= green - 12)
    candidate = (bright > 88) & bluish & (busy < 7.5)
    candidate |= (bright > 215) & (busy < 5) & (blue >= red - 40)
    mask = cv2.morphologyEx(candidate.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels = cv2.connectedComponents(mask)
    top = labels[: max(len(small) // 40, 2)]
    counts = np.bincount(top.ravel(), minlength=int(labels.max()) + 1)
    counts[0] = 0
    joined = np.flatnonzero(counts > 0.10 * top.shape[1] * top.shape[0])
    return _grown(small, np.isin(labels, joined).astype(np.float32))


def _grown(small: Pixels, sky: Floats) -> Floats:
    """The sky up to the things before it: what is near it and of its colour."""
    near = cv2.dilate(sky, disc(round(0.03 * max(sky.shape))))
    weight = cv2.GaussianBlur(sky, (0, 0), 9) + 1e-3
    tones = cv2.GaussianBlur(small.astype(np.float32) * sky[..., None], (0, 0), 9) / weight[..., None]
    apart = np.abs(small - tones).max(axis=-1)
    return np.asarray((sky > 0) | ((near > 0) & (apart < 34)), np.float32)


def _guided(guide: Pixels, rough: Floats) -> tuple[Floats, Floats]:
    size = (guide.shape[1], guide.shape[0])
    grey = np.asarray(cv2.cvtColor(guide, cv2.COLOR_RGB2GRAY), np.float32) / 255
    value = cv2.resize(rough, size, interpolation=cv2.INTER_LINEAR)
    side = 2 * max(round(0.008 * max(size)), 2) + 1

    def mean(values: npt.ArrayLike) -> Floats:
        return np.asarray(cv2.blur(np.asarray(values, np.float32), (side, side)), np.float32)

    grey_mean, value_mean = mean(grey), mean(value)
    slope = (mean(grey * value) - grey_mean * value_mean) / (mean(grey * grey) - grey_mean**2 + 6e-4)
    base = value_mean - slope * grey_mean
    return mean(slope), mean(base)

"""Where the light of a scene comes from, as far as its picture tells."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from officina.engines.collage.raster import Pixels, resized

_SIDE = 160
_BRIGHT = 250
_SUN_SHARE = (0.0004, 0.03)
"""How much of the sky a sun in sight covers."""
_TELLING = 16.0
"""So much brighter must one side of the sky be than the other to tell where the sun is."""


@dataclass(frozen=True, slots=True)
class Light:
    """How a shadow falls: sideways and downwards in the picture, in heights of what throws it."""

    sideways: float
    downwards: float
    strength: float


def light_of(scene: Pixels) -> Light | None:
    """From a sun in sight, or from the brighter side of the sky; None when neither tells."""
    factor = _SIDE / max(scene.shape[:2])
    size = (max(round(scene.shape[1] * factor), 4), max(round(scene.shape[0] * factor), 4))
    grey = np.asarray(cv2.cvtColor(resized(scene, size), cv2.COLOR_RGB2GRAY), np.uint8)
    sun = _sun(grey)
    if sun is not None:
        return Light(float(np.clip((0.5 - sun) * 1.6, -0.7, 0.7)), 0.42, 0.34)
    sky = cv2.GaussianBlur(grey[: max(round(0.35 * len(grey)), 2)], (0, 0), 4).astype(np.float32)
    third = max(sky.shape[1] // 3, 1)
    ahead = float(sky[:, -third:].mean() - sky[:, :third].mean())
    if abs(ahead) < _TELLING or sky.mean() < 70:
        return None
    return Light(-0.62 * float(np.sign(ahead)), -0.10, min(0.10 + 0.004 * abs(ahead), 0.24))


def _sun(grey: Pixels) -> float | None:
    """The sun's place from left to right, if one small round glare in the upper part is it."""
    upper = grey[: max(round(0.62 * len(grey)), 2)]
    glare = (upper >= _BRIGHT).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(glare)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    x, y, width, height, area = (int(v) for v in stats[largest])
    alone = area > 0.7 * int(glare.sum())
    compact = 0.45 < width / max(height, 1) < 2.2 and area > 0.45 * width * height
    low, high = (share * upper.size for share in _SUN_SHARE)
    around = upper[max(y - height, 0) : y + 2 * height, max(x - width, 0) : x + 2 * width]
    glows = float(np.median(around)) > float(np.median(upper)) + 20
    if alone and compact and low <= area <= high and glows:
        return float(x + width / 2) / int(upper.shape[1])
    return None

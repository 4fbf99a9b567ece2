"""Whether there is ground to stand on where a subject was placed."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from officina.engines.collage.raster import Pixels
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.placement import FLOATS, Figure, Spot, Stage

_HUES = (78, 132)
"""From teal to blue, in OpenCV's half degrees."""
_MOSTLY = 0.6


def check_ground(scene: Pixels, stage: Stage, placed: Sequence[tuple[Figure, Spot]]) -> None:
    """Nobody walks on the water: refused where the target stands in it and blue is all around the feet."""
    if not stage.target.water:
        return
    for figure, spot in placed:
        if spot.touches and not spot.hidden and figure.known.name not in FLOATS and _watery(scene, spot):
            raise CannotDo(f"{figure.name} would stand on the water; ask for it in something, or above it")


def _watery(scene: Pixels, spot: Spot) -> bool:
    box = spot.box
    side = max(box.width, 0.2 * box.height)
    top, bottom = max(int(box.bottom - 0.2 * side), 0), max(int(box.bottom + 0.2 * side), 1)
    x = box.center[0]
    foot = scene[top:bottom, max(int(x - side / 2), 0) : max(int(x + side / 2), 1)]
    if not foot.size:
        return False
    hue, saturation, _ = cv2.split(cv2.cvtColor(np.ascontiguousarray(foot), cv2.COLOR_RGB2HSV))
    wet = (hue >= _HUES[0]) & (hue <= _HUES[1]) & (saturation > 40)
    return float(np.mean(wet)) > _MOSTLY

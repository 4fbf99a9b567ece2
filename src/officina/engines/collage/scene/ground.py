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
_MOSTLY = 0.45


def check_ground(scene: Pixels, stage: Stage, placed: Sequence[tuple[Figure, Spot]]) -> None:
    """Nobody walks on the water: refused where the target stands in it and blue is all around the feet."""
    if not stage.target.water:
        return
    for figure, spot in placed:
        if (
            spot.touches
            and not spot.hidden
            and figure.known.name not in FLOATS
            and _watery(scene, stage, spot)
        ):
            raise CannotDo(f"{figure.name} would stand on the water; ask for it in something, or above it")


def _watery(scene: Pixels, stage: Stage, spot: Spot) -> bool:
    """Blue from side to side at the height of the feet: the thing's own mirror image may be in between."""
    depth = max(0.06 * stage.frame.height, 4.0)
    top, bottom = max(int(spot.box.bottom - 0.3 * depth), 0), int(spot.box.bottom + depth)
    left, right = max(int(stage.frame.left), 0), int(stage.frame.right)
    strip = np.ascontiguousarray(scene[top:bottom, left:right])
    if not strip.size:
        return False
    hue, saturation, _ = cv2.split(cv2.cvtColor(strip, cv2.COLOR_RGB2HSV))
    wet = (hue >= _HUES[0]) & (hue <= _HUES[1]) & (saturation > 40)
    return float(np.mean(wet)) > _MOSTLY

"""Whether there is ground to stand on where a subject was placed."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from officina.engines.collage.raster import Pixels, resized
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.placement import FLOATS
from officina.engines.collage.scene.stage import Figure, Spot, Stage

_HUES = (78, 132)
"""From teal to blue, in OpenCV's half degrees."""
_MOSTLY = 0.45
_STRIP_WIDTH = 640
_BLOCK = 40
_STREAKED, _STREAKED_SHARE = 1.5, 0.5
"""So many times stronger must the change downwards be, and in so much of the width."""


def check_ground(scene: Pixels, stage: Stage, placed: Sequence[tuple[Figure, Spot]]) -> None:
    """Nobody walks on the water: refused where the target stands in it and water is all around the feet."""
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
    """Blue from side to side at the height of the feet, or grey and brown with the streaks of ripples.

    The thing's own mirror image may be in between.
    """
    depth = max(0.06 * stage.frame.height, 4.0)
    top, bottom = max(int(spot.box.bottom - 0.3 * depth), 0), int(spot.box.bottom + depth)
    left, right = max(int(stage.frame.left), 0), int(stage.frame.right)
    strip = np.ascontiguousarray(scene[top:bottom, left:right])
    if not strip.size:
        return False
    hue, saturation, _ = cv2.split(cv2.cvtColor(strip, cv2.COLOR_RGB2HSV))
    wet = (hue >= _HUES[0]) & (hue <= _HUES[1]) & (saturation > 40)
    return float(np.mean(wet)) > _MOSTLY or looks_rippled(strip)


def looks_rippled(strip: Pixels) -> bool:
    """Water seen from its shore changes much more from above to below than from side to side.

    It is judged in blocks and by most of them, so that neither a rail nor an edge of the shore counts.
    """
    factor = min(_STRIP_WIDTH / strip.shape[1], 1.0)
    size = (max(round(strip.shape[1] * factor), 8), max(round(strip.shape[0] * factor), 8))
    grey = cv2.cvtColor(resized(strip, size), cv2.COLOR_RGB2GRAY).astype(np.float32)
    down, across = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1)), np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0))
    blocks = max(size[0] // _BLOCK, 1)
    streaks = [
        float(d.mean()) > _STREAKED * float(a.mean()) + 0.5
        for d, a in zip(
            np.array_split(down, blocks, axis=1), np.array_split(across, blocks, axis=1), strict=True
        )
    ]
    return float(np.mean(streaks)) > _STREAKED_SHARE

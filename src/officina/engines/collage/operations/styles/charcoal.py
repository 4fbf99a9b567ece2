"""As if drawn with charcoal on rough paper."""

from __future__ import annotations

import cv2
import numpy as np

from officina.engines.collage.operations.styles.hand import Hand
from officina.engines.collage.paint.abstraction import ink, patches, working
from officina.engines.collage.paint.bands import in_bands, rows_of
from officina.engines.collage.paint.noise import grain
from officina.engines.collage.paint.tones import bent, luminance, mapped
from officina.engines.collage.raster import Floats, Pixels

_PAPER, _COAL = (238, 233, 222), (24, 23, 24)


def charcoal(pixels: Pixels, hand: Hand) -> Pixels:
    """Broad smeared tones and heavy lines, which catch on the tooth of the paper.

    Lines by XDoG with a broad brush; where the paper's grain lies deep, light tones do not reach it.
    """
    small = working(pixels, 1100)
    coal = _coal(small, hand)
    height, width = pixels.shape[:2]
    fine = max(max(height, width) / 2048, 0.5)
    result = np.empty_like(pixels)
    paper, black = np.array(_PAPER, np.float32), np.array(_COAL, np.float32)

    def work(rows: slice) -> None:
        tooth = 0.7 * grain(rows, width, hand.seed % 5, round(1.5 * fine, 1))
        tooth = tooth + 0.55 * grain(rows, width, 31, round(0.8 * fine, 1))
        dark = rows_of(coal, rows, height, width)
        caught = dark + 0.17 * tooth * (1.25 - dark) * np.minimum(dark * 5, 1)
        share = np.clip(caught, 0, 1)[..., None]
        result[rows] = (paper * (1 + 0.012 * tooth[..., None])) * (1 - share) + black * share

    in_bands(height, work)
    return result


def _coal(small: Pixels, hand: Hand) -> Floats:
    """How much charcoal lies where, 0 to 1."""
    flat = patches(small, max(round(max(small.shape[:2]) * 0.006), 3))
    tone = luminance(mapped(flat, bent(0.5)))
    low, high = np.percentile(tone, (1, 97))
    shade = 1 - np.clip((tone - low) / max(high - low, 0.05), 0, 1) ** 0.7
    smear = _smeared(np.asarray(shade, np.float32), 0.012 * max(small.shape[:2]))
    grey = luminance(small)
    lines = 1 - ink(grey, 1.7, sharp=16, least=0.5, steep=4)
    total = 0.78 * smear**1.1 + 0.62 * lines * (0.35 + 0.65 * smear)
    return np.asarray(np.clip(hand.strength * total, 0, 1), np.float32)


def _smeared(shade: Floats, length: float) -> Floats:
    """Rubbed along one direction, but not over the lines."""
    side = max(round(length), 3) | 1
    kernel = np.asarray(np.fliplr(np.eye(side, dtype=np.float32)) / side)
    rubbed = cv2.filter2D(shade, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(0.5 * rubbed + 0.5 * shade, 0, 1), np.float32)

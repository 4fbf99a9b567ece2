"""As if printed in a comic book."""

from __future__ import annotations

import cv2
import numpy as np

from officina.engines.collage.operations.styles.hand import Hand
from officina.engines.collage.paint.abstraction import ink, patches, washes, working
from officina.engines.collage.paint.bands import in_bands, rows_of
from officina.engines.collage.paint.tones import bent, luminance, mapped, saturated
from officina.engines.collage.raster import Floats, Pixels, resized

_WORK_SIDE = 1100
_INK = (22, 18, 26)


def comic(pixels: Pixels, hand: Hand) -> Pixels:
    """Flat, vivid colours in few tones, and black lines.

    Colours in the manner of Winnemöller, Olsen and Gooch, "Real-time video abstraction" (2006): smoothed
    between edges, then stepped; lines by XDoG (2012).
    """
    small = working(pixels, _WORK_SIDE)
    radius = max(round(max(small.shape[:2]) * 0.005), 3)
    flat = patches(patches(small, radius), radius)
    flat = saturated(mapped(washes(flat, 7, 0.35), bent(0.25)), 1.45)
    lines = _lines(small, hand)
    return _inked(resized(flat, (pixels.shape[1], pixels.shape[0])), lines)


def _lines(small: Pixels, hand: Hand) -> Floats:
    """How much ink lies where: first smoothed, so that only what matters gets a line."""
    calm = luminance(patches(small, 3))
    drawn = 1 - ink(calm, 1.25 * hand.strength**0.5, sharp=22, least=0.45, steep=5)
    body = (drawn > 0.35).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    specks = stats[:, cv2.CC_STAT_AREA] < 22
    return np.asarray(np.where(specks[labels], 0, drawn), np.float32)


def _inked(flat: Pixels, lines: Floats) -> Pixels:
    """Lines enlarged and made crisp again: no wider than before, with the edge of a pen."""
    height, width = flat.shape[:2]
    result = np.empty_like(flat)
    steep = max(height, width) / max(lines.shape)
    tone = np.array(_INK, np.int32)

    def work(rows: slice) -> None:
        crisp = np.clip((rows_of(lines, rows, height, width) - 0.5) * max(1.6 * steep, 1.6) + 0.5, 0, 1)
        share = (crisp * 256).astype(np.int32)[..., None]
        part = flat[rows].astype(np.int32)
        result[rows] = part + (((tone - part) * share) >> 8)

    in_bands(height, work)
    return result

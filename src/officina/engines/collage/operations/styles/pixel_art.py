"""As if set in large pixels of few colours."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from officina.engines.collage.operations.styles.hand import Hand
from officina.engines.collage.paint.tones import bent, mapped, saturated
from officina.engines.collage.raster import Pixels, resized

_BLOCKS = 112
"""Large pixels along the shorter side."""
_COLOURS = 28


def pixel_art(pixels: Pixels, hand: Hand) -> Pixels:
    """Whole square blocks, aligned to the middle of the picture, in a palette of its own.

    The palette is Heckbert's median cut ("Color image quantization for frame buffer display", 1982), made
    better by k-means; edges are sharpened first, or they would blur away in so few pixels.
    """
    height, width = pixels.shape[:2]
    block = max(round(min(height, width) / (_BLOCKS / hand.strength)), 2)
    columns, rows = -(-width // block), -(-height // block)
    rows, columns = rows + (rows * block - height) % 2, columns + (columns * block - width) % 2
    colours = _COLOURS - 2 * ((hand.seed - 1) % 9)
    small = _sharp(_gathered(pixels, (columns, rows), block))
    reduced = Image.fromarray(small).quantize(
        colours, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE
    )
    few = np.asarray(reduced.convert("RGB"), np.uint8)
    large = cv2.resize(few, (columns * block, rows * block), interpolation=cv2.INTER_NEAREST)
    top, left = (rows * block - height) // 2, (columns * block - width) // 2
    return np.ascontiguousarray(large[top : top + height, left : left + width])


def _gathered(pixels: Pixels, grid: tuple[int, int], block: int) -> Pixels:
    """One pixel for each block."""
    height, width = pixels.shape[:2]
    high, wide = grid[1] * block - height, grid[0] * block - width
    edges = (high // 2, high - high // 2, wide // 2, wide - wide // 2)
    padded = np.asarray(cv2.copyMakeBorder(pixels, *edges, cv2.BORDER_REPLICATE), np.uint8)
    return resized(padded, grid)


def _sharp(small: Pixels) -> Pixels:
    soft = cv2.GaussianBlur(small, (0, 0), 1.0)
    crisp = cv2.addWeighted(small, 1.7, soft, -0.7, 0)
    return saturated(mapped(np.asarray(crisp, np.uint8), bent(0.25)), 1.25)

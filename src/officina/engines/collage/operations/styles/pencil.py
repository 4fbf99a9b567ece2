"""As if drawn with a pencil on white paper."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from officina.engines.collage.operations.styles.hand import Hand
from officina.engines.collage.paint.abstraction import working
from officina.engines.collage.paint.bands import in_bands
from officina.engines.collage.paint.noise import grain, white
from officina.engines.collage.paint.tones import grey_of, spread
from officina.engines.collage.raster import Mask, Pixels, resized

_PAPER, _LEAD = (250, 249, 246), (52, 52, 56)
_TILE = 640


def pencil(pixels: Pixels, hand: Hand) -> Pixels:
    """Outlines where the picture is darker than its surroundings, and hatching where it is dark.

    Lines: the picture's brightness divided by that of its surroundings (the darkroom's "colour dodge").
    Tone: strokes in two directions, as many as it is dark, after Lu, Xu and Jia, "Combining sketch and
    tone for pencil drawing production" (2012).
    """
    grey = grey_of(pixels)
    height, width = grey.shape
    fine = max(height, width) / 2048
    lines = _lines(grey, fine)
    tone = _tone(grey)
    tiles = [_hatching(hand.seed + i, angle, max(fine, 0.45)) for i, angle in enumerate((52, 128))]
    result = np.empty_like(pixels)
    ramp = _ramp()

    def work(rows: slice) -> None:
        dark = 255 - tone[rows].astype(np.int16)
        first, second = (_tiled(tile, rows, width) for tile in tiles)
        shade = np.clip(dark - first - 8, 0, 150) + np.clip(dark - second - 90, 0, 150)
        level = 255 - (shade * (hand.strength * 0.82)).astype(np.int16)
        tooth = (grain(rows, width, 5, round(0.7 * max(fine, 0.6), 1)) * 7).astype(np.int16)
        drawn = (level * lines[rows].astype(np.int32)) // 255
        drawn = np.where(drawn < 250, drawn + tooth, drawn + (tooth >> 2))
        result[rows] = ramp[np.clip(drawn, 0, 255)]

    in_bands(height, work)
    return result


def _lines(grey: Mask, fine: float) -> Mask:
    """Fine and broad outlines: 255 is bare."""
    soft = cv2.GaussianBlur(grey, (0, 0), max(0.6 * fine, 0.4))
    drawn: Mask = np.full(grey.shape, 255, np.uint8)
    for sigma, gamma in ((2.6, 2.0), (9.0, 1.1)):
        ground = _blurred(grey, sigma * max(fine, 0.3))
        dodged = cv2.divide(soft, ground, scale=255)
        table = (np.clip(np.arange(256) / 255, 0, 1) ** gamma * 255 + 0.5).astype(np.uint8)
        drawn = np.asarray(cv2.multiply(drawn, cv2.LUT(dodged, table), scale=1 / 255), np.uint8)
    return drawn


def _blurred(grey: Mask, sigma: float) -> Mask:
    factor = max(sigma / 3, 1.0)
    size = (max(round(grey.shape[1] / factor), 1), max(round(grey.shape[0] / factor), 1))
    small = cv2.GaussianBlur(resized(grey, size), (0, 0), sigma / factor)
    return np.maximum(
        cv2.resize(small, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR), 1
    ).astype(np.uint8)


def _tone(grey: Mask) -> Mask:
    """Soft tones over the whole range, as large as the picture."""
    small = np.asarray(cv2.GaussianBlur(working(np.dstack([grey] * 3), 1024)[..., 0], (0, 0), 1.5), np.uint8)
    low, high = spread(small)
    tones = np.clip((np.arange(256) / 255 - low) / (high - low), 0, 1) ** 0.9
    table = (tones * 255).astype(np.uint8)
    return resized(np.asarray(cv2.LUT(small, table), np.uint8), (grey.shape[1], grey.shape[0]))


@lru_cache(maxsize=4)
def _hatching(seed: int, angle: float, fine: float) -> Mask:
    """A tile of strokes side by side, whose edges meet; each is drawn from its value of darkness on."""
    noise = white(_TILE, _TILE, seed)
    ys, xs = np.meshgrid(np.fft.fftfreq(_TILE) * _TILE, np.fft.fftfreq(_TILE) * _TILE, indexing="ij")
    turn = np.radians(angle)
    along, across = xs * np.cos(turn) + ys * np.sin(turn), xs * np.sin(turn) - ys * np.cos(turn)
    stroke = np.exp(-((along / (26 * fine)) ** 4) - (across / (1.1 * fine)) ** 2)
    strokes = np.fft.irfft2(np.fft.rfft2(noise) * np.fft.rfft2(stroke), noise.shape)
    ranks = np.argsort(np.argsort(strokes, axis=None, kind="stable"), kind="stable")
    return (ranks.reshape(strokes.shape) * (255 / ranks.size)).astype(np.uint8)


def _tiled(tile: Mask, rows: slice, width: int) -> Mask:
    ys = np.arange(rows.start, rows.stop) % len(tile)
    return np.tile(tile[ys], (1, width // tile.shape[1] + 1))[:, :width]


def _ramp() -> Pixels:
    """From lead to paper."""
    share = (np.arange(256) / 255)[:, None]
    return (np.array(_LEAD) * (1 - share) + np.array(_PAPER) * share + 0.5).astype(np.uint8)

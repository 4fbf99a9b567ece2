"""Make a subject belong: its tones, what it shades, and its image in the water."""

from __future__ import annotations

import cv2
import numpy as np

from officina.engines.collage.raster import (
    Floats,
    Mask,
    Pixels,
    blended,
    hazy,
    in_bands,
    masked,
    resized,
    softened,
)

_SHADED = (np.arange(256)[:, None] * (0.0, 0.03, 0.10) + 0.5).astype(np.uint8)[None]
"""What the darkest shade leaves of red, green and blue: shadows outdoors are a little blue."""
_TONES_SIDE = 320
_LEAST_GRAIN, _MOST_GRAIN = 0.7, 3.5
_GRAIN_SIDE = 512


def matched(subject: Pixels, alpha: Mask, around: Pixels, strength: float, *, alive: bool) -> Pixels:
    """The subject's tones moved part of the way to those of its new surroundings.

    Brightness and contrast follow; colour hardly does where skin may be, or faces turn green by a lake.
    Every channel moves by a table of its own, so that no large picture is turned into numbers.
    """
    own, there = _tones(subject), _tones(around).reshape(-1, 3)
    seen = own[resized(alpha, (own.shape[1], own.shape[0])) > 128]
    if not len(seen) or not len(there):
        return subject
    mean, spread = seen.mean(axis=0), seen[:, 0].std() + 1e-3
    goal, goal_spread = there.mean(axis=0), there[:, 0].std() + 1e-3
    lift = np.clip((goal[0] - mean[0]) * 0.28 * strength, -24, 16)
    contrast = 1 + np.clip(goal_spread / spread - 1, -0.22, 0.15) * 0.35 * strength
    tint = np.clip((goal[1:] - 128) * (0.10 if alive else 0.22) * strength, -7, 7)
    levels = np.arange(256, dtype=np.float32)
    table = np.stack([(levels - mean[0]) * contrast + mean[0] + lift, levels + tint[0], levels + tint[1]], -1)
    table = np.clip(table + 0.5, 0, 255).astype(np.uint8)[None]
    out = np.empty_like(subject)

    def match(rows: slice) -> None:
        lab = cv2.cvtColor(np.ascontiguousarray(subject[rows]), cv2.COLOR_RGB2LAB)
        out[rows] = cv2.cvtColor(cv2.LUT(lab, table), cv2.COLOR_LAB2RGB)

    in_bands(match, subject.shape[0])
    return out


def _tones(pixels: Pixels) -> Floats:
    """A small copy in CIE L*a*b*: enough to know its mean and spread."""
    factor = min(_TONES_SIDE / max(pixels.shape[:2]), 1.0)
    size = (max(round(pixels.shape[1] * factor), 1), max(round(pixels.shape[0] * factor), 1))
    return cv2.cvtColor(resized(pixels, size), cv2.COLOR_RGB2LAB).astype(np.float32)


def wrapped(subject: Pixels, alpha: Mask, around: Pixels, radius: int) -> Pixels:
    """A little of the surroundings' light at the subject's rim."""
    share = cv2.multiply(255 - hazy(alpha, radius), np.ones_like(alpha), scale=0.30)
    return blended(subject, hazy(np.ascontiguousarray(around), 3 * radius), np.asarray(share, np.uint8))


def shaded(pixels: Pixels, shade: Floats) -> Pixels:
    """Darkened where `shade` says, 0 to 1."""
    dark = cv2.LUT(np.ascontiguousarray(pixels), _SHADED)
    return blended(pixels, np.asarray(dark, np.uint8), masked(shade))


def grainy(pixels: Pixels, alpha: Mask, around: Pixels) -> Pixels:
    """With noise added until the subject's is as strong as that of its surroundings."""
    lacking = _noise(around, None) ** 2 - _noise(pixels, alpha) ** 2
    if lacking < _LEAST_GRAIN**2:
        return pixels
    sigma = min(float(np.sqrt(lacking)), _MOST_GRAIN)
    tile = np.random.default_rng(7).normal(0, sigma, (_GRAIN_SIDE, _GRAIN_SIDE)).astype(np.float32)
    out = np.empty_like(pixels)
    across = -(-pixels.shape[1] // _GRAIN_SIDE)

    def add(rows: slice) -> None:
        at = np.arange(rows.start, rows.stop) % _GRAIN_SIDE
        grain = np.rint(np.tile(tile[at], (1, across))[:, : pixels.shape[1]]).astype(np.int16)
        out[rows] = np.clip(pixels[rows] + grain[..., None], 0, 255)

    in_bands(add, pixels.shape[0])
    return out


def _noise(pixels: Pixels, alpha: Mask | None) -> float:
    """How strong the finest grain is, by the median so that edges have no say."""
    middle = tuple(slice(max(side // 2 - 300, 0), side // 2 + 300) for side in pixels.shape[:2])
    grey = cv2.cvtColor(np.ascontiguousarray(pixels[middle]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))
    if alpha is not None:
        fine = fine[alpha[middle] > 200]
    return 1.9 * float(np.median(fine)) if fine.size else 0.0


def rippled(picture: Floats, water: Pixels, strength: float) -> Floats:
    """A mirror image broken by the water's own waves, as its brightness shows them."""
    grey = cv2.cvtColor(water, cv2.COLOR_RGB2GRAY).astype(np.float32)
    waves = cv2.GaussianBlur(grey, (0, 0), 2.0) - softened(np.asarray(grey, np.float32), 28.0)
    rows, columns = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]].astype(np.float32)
    depth = rows / max(grey.shape[0], 1)
    sway = np.sin(rows / max(grey.shape[0] / 42, 2.0)) * (2.0 + 4.0 * depth)
    columns += (waves * 0.35 + sway) * strength
    rows += waves * 0.5 * strength
    return np.asarray(
        cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT), np.float32
    )

"""Make a subject belong: its tones, what it shades, and its image in the water."""

from __future__ import annotations

import cv2
import numpy as np

from officina.engines.collage.raster import Floats, Mask, Pixels, shares, softened

_SHADE_TINT = np.array((1.0, 0.97, 0.90), np.float32)
"""Shadows outdoors are a little blue."""


def matched(subject: Pixels, alpha: Mask, around: Pixels, strength: float, *, alive: bool) -> Pixels:
    """The subject's tones moved part of the way to those of its new surroundings.

    Brightness and contrast follow; colour hardly does where skin may be, or faces turn green by a lake.
    """
    own = cv2.cvtColor(subject, cv2.COLOR_RGB2LAB).astype(np.float32)
    there = cv2.cvtColor(around, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float32)
    seen = own[alpha > 128]
    if not len(seen) or not len(there):
        return subject
    mean, spread = seen.mean(axis=0), seen[:, 0].std() + 1e-3
    goal, goal_spread = there.mean(axis=0), there[:, 0].std() + 1e-3
    lift = np.clip((goal[0] - mean[0]) * 0.28 * strength, -22, 16)
    contrast = 1 + np.clip(goal_spread / spread - 1, -0.22, 0.15) * 0.35 * strength
    tint = np.clip((goal[1:] - 128) * (0.10 if alive else 0.22) * strength, -7, 7)
    own[..., 0] = (own[..., 0] - mean[0]) * contrast + mean[0] + lift
    own[..., 1:] += tint
    return np.asarray(cv2.cvtColor(np.clip(own, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB), np.uint8)


def wrapped(subject: Pixels, alpha: Mask, around: Pixels, radius: int) -> Pixels:
    """A little of the surroundings' light at the subject's rim."""
    inside = softened(shares(alpha), radius)
    share = np.clip(1 - inside, 0, 1)[..., None] * 0.30
    ambient = cv2.GaussianBlur(around, (0, 0), 3 * radius).astype(np.float32)
    return (subject * (1 - share) + ambient * share + 0.5).astype(np.uint8)


def shaded(pixels: Pixels, shade: Floats) -> Pixels:
    """Darkened where `shade` says, 0 to 1."""
    factor = 1 - np.clip(shade, 0, 1)[..., None] * _SHADE_TINT
    return (pixels * factor + 0.5).astype(np.uint8)


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

"""From a rough mask to a clean cut: soft edges, and the subject's own colour in them."""

from __future__ import annotations

import cv2
import numpy as np

from officina.engines.collage.raster import (
    Floats,
    Mask,
    Pixels,
    blended,
    disc,
    masked,
    resized,
    resized_floats,
    shares,
)

_SURE, _MAYBE = 0.92, 0.10
_LARGEST = 1600
_SPECK_ALPHA, _SPECK_SHARE = 0.4, 0.012
"""A loose part that covers less than this share of the subject is not kept."""
_HOLE_SHARE = 0.006
"""A hole that covers less than this share of the subject is a mistake, not a view through it."""


def refine(pixels: Pixels, rough: Floats) -> Floats:
    """Alpha in 0..1: certain inside and outside, judged by colour in between."""
    reach = max(round(0.006 * max(pixels.shape[:2])), 2)
    rough = _without_fringes(rough, reach)
    inside = np.asarray(cv2.erode((rough > _SURE).astype(np.uint8), disc(reach)), np.uint8)
    outside = np.asarray(cv2.erode((rough < _MAYBE).astype(np.uint8), disc(reach)), np.uint8)
    by_colour, trust = _by_colour(pixels, inside, outside, 6 * reach)
    alpha = by_colour * trust + rough * (1 - trust)
    alpha[inside > 0] = 1
    alpha[outside > 0] = 0
    guided = _guided(pixels, alpha, reach)
    guided[inside > 0] = 1
    guided[outside > 0] = 0
    return _tidied(np.asarray(np.clip((guided - 0.06) / 0.88, 0, 1), np.float32))


def _tidied(alpha: Floats) -> Floats:
    """Without loose specks, which are pieces of something else, and without pinholes."""
    seen = (alpha > _SPECK_ALPHA).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(seen)
    if count < 2:
        return alpha
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    specks = np.asarray(areas < _SPECK_SHARE * areas.max())
    specks[0] = False
    main = np.asarray(areas >= _SPECK_SHARE * areas.max())[labels].astype(np.uint8)
    if specks.any():
        # What is nearer to a speck than to the subject is the speck's own soft rim.
        to_speck = cv2.distanceTransform(1 - specks[labels].astype(np.uint8), cv2.DIST_L2, 3)
        to_main = cv2.distanceTransform(1 - main, cv2.DIST_L2, 3)
        alpha = np.where(to_speck < to_main, 0, alpha)
    holes, labels, stats, _ = cv2.connectedComponentsWithStats(1 - (alpha > 0.92).astype(np.uint8))
    pinholes = np.asarray(stats[:, cv2.CC_STAT_AREA] < _HOLE_SHARE * areas.max())
    pinholes[0] = False
    if holes > 1 and pinholes.any():
        filled = cv2.GaussianBlur(pinholes[labels].astype(np.float32), (0, 0), 1.0) * 2
        alpha = np.maximum(alpha, np.clip(filled, 0, 1))
    return np.asarray(alpha, np.float32)


def foreground(pixels: Pixels, alpha: Floats) -> Pixels:
    """The subject's own colours, free of what shone through at its rim.

    Colours of the sure inside are carried outwards; where the pixel is mixed, what the background adds is
    taken off. On large pictures the rim's colours are found on a smaller copy, the inside stays as it is.
    """
    longest = max(alpha.shape)
    if longest > _LARGEST:
        factor = _LARGEST / longest
        size = (max(round(alpha.shape[1] * factor), 1), max(round(alpha.shape[0] * factor), 1))
        small = _own_colours(resized(pixels, size), resized_floats(alpha, size))
        rim = masked(np.asarray((alpha < 0.98), np.float32))
        return blended(pixels, resized(small, (alpha.shape[1], alpha.shape[0])), rim)
    return _own_colours(pixels, alpha)


def _own_colours(pixels: Pixels, alpha: Floats) -> Pixels:
    image = pixels.astype(np.float32)
    near, far = alpha[..., None], 1 - alpha[..., None]
    for radius in (max(round(0.03 * max(alpha.shape)), 6), 4):
        front = _mean(image * near, radius) / np.maximum(_mean(near, radius), 1e-3)
        back = _mean(image * far, radius) / np.maximum(_mean(far, radius), 1e-3)
        mixed = near * front + far * back
        own = np.clip(front + near * (image - mixed), 0, 255)
        image = np.where(near > 0.98, image, own)
    return (image + 0.5).astype(np.uint8)


def _without_fringes(rough: Floats, reach: int) -> Floats:
    """Drop doubtful areas that lie too far from anything certain to be its soft rim."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((rough > 0.85).astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA]
    core = ((labels > 0) & (areas >= 0.01 * areas[1:].max(initial=1))[labels]).astype(np.uint8)
    distance = cv2.distanceTransform(1 - core, cv2.DIST_L2, 3)
    fade = np.clip(1 - (distance - 2.2 * reach) / (1.5 * reach), 0, 1)
    return np.asarray(rough * fade, np.float32)


def _by_colour(pixels: Pixels, inside: Mask, outside: Mask, radius: int) -> tuple[Floats, Floats]:
    """Alpha by where a colour lies between the nearby inside and outside, and how far that can be trusted."""
    image = pixels.astype(np.float32)
    front, front_known = _known_mean(image, inside, radius)
    back, back_known = _known_mean(image, outside, radius)
    axis = front - back
    length = np.sum(axis * axis, axis=-1)
    share = np.sum((image - back) * axis, axis=-1) / np.maximum(length, 1)
    off_axis = np.linalg.norm(image - back - share[..., None] * axis, axis=-1)
    trust = length / (length + 45.0**2) * np.exp(-((off_axis / 60) ** 2)) * front_known * back_known
    return np.clip(share, 0, 1).astype(np.float32), (0.75 * trust).astype(np.float32)


def _known_mean(image: Floats, mask: Mask, radius: int) -> tuple[Floats, Floats]:
    weight = mask.astype(np.float32)
    spread = _mean(weight[..., None], radius)
    mean = _mean(image * weight[..., None], radius) / np.maximum(spread, 1e-4)
    return np.asarray(mean, np.float32), np.clip(spread[..., 0] * 20, 0, 1)


def _guided(pixels: Pixels, alpha: Floats, radius: int) -> Floats:
    """Alpha that follows the edges of the picture's brightness."""
    guide = shares(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8))[..., None]
    value = alpha[..., None]
    mean_guide, mean_value = _mean(guide, radius), _mean(value, radius)
    covariance = _mean(guide * value, radius) - mean_guide * mean_value
    variance = _mean(guide * guide, radius) - mean_guide**2
    slope = covariance / (variance + 4e-4)
    base = mean_value - slope * mean_guide
    steered = _mean(slope, radius) * guide + _mean(base, radius)
    return np.clip(0.5 * steered[..., 0] + 0.5 * alpha, 0, 1).astype(np.float32)


def _mean(values: Floats, radius: int) -> Floats:
    side = 2 * radius + 1
    blurred = np.asarray(cv2.blur(values, (side, side)), np.float32)
    return blurred if blurred.ndim == values.ndim else blurred[..., None]

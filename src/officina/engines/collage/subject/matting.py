"""From a rough mask to a clean cut: soft edges, and the subject's own colour in them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from officina.engines.collage.raster import (
    Floats,
    Mask,
    Pixels,
    blended,
    disc,
    resized,
    resized_floats,
    shares,
)

Indices = npt.NDArray[np.intp]

_SURE, _MAYBE = 0.92, 0.10
_TONES_SIDE = 640
"""The smooth colours on both sides of a rim are found on no more pixels than this a side."""
_MEANS_SHRINK = 4
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


def foreground(pixels: Pixels, alpha: Mask) -> Pixels:
    """The subject's own colours, free of what shone through at its rim.

    Colours of the sure inside are carried outwards; where the pixel is mixed, what the background adds is
    taken off. The method is that of Forte, "Approximate Fast Foreground Colour Estimation" (2021), with
    its smooth colours found on a small copy.
    """
    factor = min(_TONES_SIDE / max(alpha.shape), 1.0)
    size = (max(round(alpha.shape[1] * factor), 1), max(round(alpha.shape[0] * factor), 1))
    whole = (alpha.shape[1], alpha.shape[0])
    front, back = (resized(each, whole) for each in _both_sides(resized(pixels, size), resized(alpha, size)))
    outside = np.where(alpha < 250, 255, 0).astype(np.uint8)
    out = blended(pixels, front, outside)
    mixed = np.flatnonzero((alpha > 2) & (alpha < 250))
    share = shares(alpha.ravel()[mixed])[:, None]
    near, far = (each.reshape(-1, 3)[mixed].astype(np.float32) for each in (front, back))
    seen = pixels.reshape(-1, 3)[mixed]
    own = near + share * (seen - share * near - (1 - share) * far)
    out.reshape(-1, 3)[mixed] = np.clip(own + 0.5, 0, 255).astype(np.uint8)
    return out


def _both_sides(pixels: Pixels, alpha: Mask) -> tuple[Pixels, Pixels]:
    """The colours of the subject and of what is behind it, each carried on over the other's place."""
    image = pixels.astype(np.float32)
    near = shares(alpha)[..., None]
    far = np.float32(1) - near
    front = back = image
    for radius in (max(round(0.03 * max(alpha.shape)), 6), 2):
        front = np.asarray(_mean(front * near, radius) / np.maximum(_mean(near, radius), 1e-3), np.float32)
        back = np.asarray(_mean(back * far, radius) / np.maximum(_mean(far, radius), 1e-3), np.float32)
        front = np.clip(front + near * (image - near * front - far * back), 0, 255)
    return (front + 0.5).astype(np.uint8), np.clip(back + 0.5, 0, 255).astype(np.uint8)


def _without_fringes(rough: Floats, reach: int) -> Floats:
    """Drop doubtful areas that lie too far from anything certain to be its soft rim."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((rough > 0.85).astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA]
    core = ((labels > 0) & (areas >= 0.01 * areas[1:].max(initial=1))[labels]).astype(np.uint8)
    distance = cv2.distanceTransform(1 - core, cv2.DIST_L2, 3)
    fade = np.clip(1 - (distance - 2.2 * reach) / (1.5 * reach), 0, 1)
    return np.asarray(rough * fade, np.float32)


def _by_colour(pixels: Pixels, inside: Mask, outside: Mask, radius: int) -> tuple[Floats, Floats]:
    """Alpha by where a colour lies between the nearby inside and outside, and how far that can be trusted.

    Only the band between the two is looked at; elsewhere both are 0.
    """
    band = np.flatnonzero(np.asarray((inside | outside) == 0))
    front, front_known = _known_mean(pixels, inside, radius, band)
    back, back_known = _known_mean(pixels, outside, radius, band)
    image = pixels.reshape(-1, 3)[band].astype(np.float32)
    axis = front - back
    length = np.einsum("ij,ij->i", axis, axis)
    share = np.einsum("ij,ij->i", image - back, axis) / np.maximum(length, 1)
    off_axis = np.linalg.norm(image - back - share[:, None] * axis, axis=-1)
    trust = length / (length + 45.0**2) * np.exp(-((off_axis / 60) ** 2)) * front_known * back_known
    maps = np.zeros((2, inside.size), np.float32)
    maps[0, band], maps[1, band] = np.clip(share, 0, 1), 0.75 * trust
    return maps[0].reshape(inside.shape), maps[1].reshape(inside.shape)


def _known_mean(pixels: Pixels, mask: Mask, radius: int, band: Indices) -> tuple[Floats, Floats]:
    """The mean colour around each pixel of the band where the mask is 1, found on a small copy."""
    height, width = mask.shape
    size = (max(width // _MEANS_SHRINK, 1), max(height // _MEANS_SHRINK, 1))
    weight = resized_floats(mask.astype(np.float32), size)[..., None]
    small = resized(pixels, size).astype(np.float32)
    reach = max(round(radius / _MEANS_SHRINK), 1)
    spread = _mean(weight, reach)
    mean = _mean(small * weight, reach) / np.maximum(spread, 1e-4)
    means = resized_floats(np.asarray(mean, np.float32), (width, height)).reshape(-1, 3)[band]
    known = resized_floats(np.asarray(spread[..., 0], np.float32), (width, height)).ravel()[band]
    return means, np.clip(known * 20, 0, 1)


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

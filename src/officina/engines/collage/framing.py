"""Bring a picture to an exact size, never stretched: cropped around what matters, or extended."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from officina.engines.collage.box import Box
from officina.engines.collage.pictures import Picture
from officina.engines.collage.raster import Mask, Pixels, blended, hazy, resized


@dataclass(frozen=True, slots=True)
class Size:
    """A picture size in pixels."""

    width: int
    height: int

    @property
    def aspect(self) -> float:
        return self.width / self.height


@dataclass(frozen=True, slots=True)
class Anchor:
    """Edges of the picture that must stay edges: a subject is cut there and must not end in mid-air."""

    left: bool = False
    top: bool = False
    right: bool = False
    bottom: bool = False


def around(have: Size, want: Size, keep: Box, anchor: Anchor | None = None) -> Box:
    """The part of a picture to show, of the wanted shape; it reaches over the edges where it must.

    It is as large as fits into the picture, around `keep`; larger when it would cut `keep`.
    """
    anchor = anchor or Anchor()
    width = min(float(have.width), have.height * want.aspect)
    height = width / want.aspect
    if keep.width > width or keep.height > height:
        grow = max(keep.width / width, keep.height / height)
        width, height = width * grow, height * grow
    x, y = keep.center
    return Box(
        left := _place(
            (x - width / 2, width), have.width, (keep.left, keep.right), (anchor.left, anchor.right)
        ),
        top := _place(
            (y - height / 2, height), have.height, (keep.top, keep.bottom), (anchor.top, anchor.bottom)
        ),
        left + width,
        top + height,
    )


def _place(
    span: tuple[float, float], limit: float, keep: tuple[float, float], held: tuple[bool, bool]
) -> float:
    """Where the span starts along one side: inside the picture when it fits, else around its middle."""
    start, length = span
    if length <= limit:
        return min(max(start, 0.0), limit - length)
    if held[1] and not held[0]:
        return limit - length
    if held[0] and not held[1]:
        return 0.0
    return min(max((limit - length) / 2, keep[1] - length), keep[0])


def shown(picture: Picture, part: Box, size: Size, avoid: Mask | None = None) -> Picture:
    """A part of a picture at a size; beyond its edges it goes on softly, or clear where it has transparency.

    What lies in `avoid`, a mask of any size, is not repeated there.
    """
    inside = part.clipped(picture.width, picture.height)
    if _reaches_over(part, picture):
        picture, part = _extended(picture, part, avoid)
        inside = part
    pixels = resampled(picture.pixels, inside, size)
    alpha = None if picture.alpha is None else resampled(picture.alpha, inside, size)
    return Picture(pixels, alpha)


def _reaches_over(part: Box, picture: Picture) -> bool:
    return (
        part.left < -0.5
        or part.top < -0.5
        or part.right > picture.width + 0.5
        or part.bottom > picture.height + 0.5
    )


def _extended(picture: Picture, part: Box, avoid: Mask | None) -> tuple[Picture, Box]:
    left, top = max(round(-part.left), 0), max(round(-part.top), 0)
    right = max(round(part.right - picture.width), 0)
    bottom = max(round(part.bottom - picture.height), 0)
    edges = (top, bottom, left, right)
    if picture.alpha is not None:
        pixels = np.asarray(cv2.copyMakeBorder(picture.pixels, *edges, cv2.BORDER_REPLICATE), np.uint8)
        alpha = cv2.copyMakeBorder(picture.alpha, *edges, cv2.BORDER_CONSTANT, value=0)
        return Picture(pixels, np.asarray(alpha, np.uint8)), part.moved(left, top)
    return Picture(_continued(picture.pixels, edges, avoid)), part.moved(left, top)


_Edges = tuple[int, int, int, int]
"""How far to go on at the top, the bottom, the left and the right."""


def _continued(pixels: Pixels, edges: _Edges, avoid: Mask | None) -> Pixels:
    """The picture with borders that begin as its mirror and soon are only its background's tones."""
    top, _, left, _ = edges
    height, width = pixels.shape[:2]
    avoid = avoid if avoid is None else resized(avoid, (width, height))
    wide = np.asarray(cv2.copyMakeBorder(pixels, *edges, cv2.BORDER_REFLECT), np.uint8)
    known = np.full((height, width), 255, np.uint8) if avoid is None else 255 - avoid
    known = np.asarray(cv2.copyMakeBorder(known, *edges, cv2.BORDER_CONSTANT, value=0), np.uint8)
    tones = _tones(wide, known)
    outside = np.full(wide.shape[:2], 255, np.uint8)
    outside[top : top + height, left : left + width] = 0
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 3)
    share = np.clip(distance / max(0.06 * max(height, width), 4), 0, 1) * 255
    return blended(wide, tones, np.maximum(share.astype(np.uint8), _repeated(edges, avoid, outside)))


def _repeated(edges: _Edges, avoid: Mask | None, outside: Mask) -> Mask:
    """Where the mirror would show the subject a second time."""
    if avoid is None:
        return np.zeros_like(outside)
    mirrored = cv2.copyMakeBorder(avoid, *edges, cv2.BORDER_REFLECT)
    return np.asarray(cv2.bitwise_and(hazy(np.asarray(mirrored, np.uint8), 4.0), outside), np.uint8)


def _tones(wide: Pixels, known: Mask) -> Pixels:
    """The known tones carried on smoothly into the unknown, near ones first."""
    factor = 320 / max(wide.shape[:2])
    small = cv2.resize(wide, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.float32)
    size = (small.shape[1], small.shape[0])
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    weight[weight < 0.9] = 0
    total, spread = small * weight * 1e-6, weight * 1e-6 + 1e-12
    for sigma, trust in ((6, 1.0), (18, 0.05), (54, 0.002), (160, 0.0001)):
        total = total + trust * cv2.GaussianBlur(small * weight, (0, 0), sigma)
        spread = spread + trust * cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    tones = cv2.GaussianBlur(np.clip(total / spread, 0, 255).astype(np.uint8), (0, 0), 3)
    return np.asarray(
        cv2.resize(tones, (wide.shape[1], wide.shape[0]), interpolation=cv2.INTER_CUBIC), np.uint8
    )


def resampled(values: Pixels | Mask, part: Box, size: Size) -> Pixels:
    """The part at the size, to a fraction of a pixel."""
    left, top = int(np.floor(part.left + 1e-6)), int(np.floor(part.top + 1e-6))
    right = min(int(np.ceil(part.right - 1e-6)), values.shape[1])
    bottom = min(int(np.ceil(part.bottom - 1e-6)), values.shape[0])
    cut = np.ascontiguousarray(
        values[max(top, 0) : max(bottom, top + 1), max(left, 0) : max(right, left + 1)]
    )
    return resized(cut, (size.width, size.height))

"""The subject of a picture, cut out of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from officina.engines.collage.box import Box
from officina.engines.collage.framing import Anchor
from officina.engines.collage.nets import Nets
from officina.engines.collage.pictures import Picture
from officina.engines.collage.raster import (
    Flags,
    Floats,
    Mask,
    Pixels,
    disc,
    masked,
    resized,
    shares,
)
from officina.engines.collage.subject import matting

WORK_SIDE = 1280
"""Masks are found on no more pixels than this a side."""
LEAST_SHARE = 0.004
"""A subject covers at least this share of its picture."""
_GAPS = 0.09
"""How wide a gap between the parts of a solid thing may be, as a share of its width: a tyre and its arch."""
_LEAST_BUST = 0.5
"""A bust keeps at least this share of its height when it is cut above its shoulders."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """A subject alone: its colours and coverage, and which edges of its picture cut through it."""

    pixels: Pixels
    alpha: Mask
    box: Box
    """Where it was, in pixels of its picture."""
    cut_bottom: bool
    cut_left: bool
    cut_right: bool
    cut_top: bool

    @property
    def width(self) -> int:
        return int(self.alpha.shape[1])

    @property
    def height(self) -> int:
        return int(self.alpha.shape[0])

    def mirrored(self) -> Cutout:
        """Left and right swapped."""
        return replace(
            self,
            pixels=np.ascontiguousarray(self.pixels[:, ::-1]),
            alpha=np.ascontiguousarray(self.alpha[:, ::-1]),
            cut_left=self.cut_right,
            cut_right=self.cut_left,
        )

    def ended_at(self, share: float) -> Cutout:
        """What lies above that share of its height, as a bust."""
        end = max(round(share * self.height), 1)
        alpha = self.alpha[:end]
        box = bounds(alpha)
        columns = slice(int(box.left), int(box.right))
        part = Box(self.box.left + box.left, self.box.top, self.box.left + box.right, self.box.top + end)
        return replace(
            self,
            pixels=np.ascontiguousarray(self.pixels[:end, columns]),
            alpha=np.ascontiguousarray(alpha[:, columns]),
            box=part,
            cut_bottom=True,
        )

    def without_cut_sides(self) -> Cutout:
        """A bust whose shoulders its picture cuts off ends above them, if enough of it is left."""
        if not self.cut_bottom or not (self.cut_left or self.cut_right):
            return self
        touching = np.maximum(self.alpha[:, 0], self.alpha[:, -1]) > 128
        end = int(np.argmax(touching))
        if end < _LEAST_BUST * self.height or not touching[end:].mean() > 0.5:
            return self
        return replace(self.ended_at(end / self.height), cut_left=False, cut_right=False)


@dataclass(frozen=True, slots=True)
class Hint:
    """What a look at the picture told: where the subject was seen, what else was, and what stands out.

    The boxes are in pixels of the picture.
    """

    box: Box | None = None
    others: tuple[Box, ...] = ()
    salience: Mask | None = None
    solid: bool = False
    """Whether it has no openings below: what is dark between a car's body and its wheels is the car's."""

    def scaled(self, factor: float) -> Hint:
        box = self.box.scaled(factor) if self.box else None
        others = tuple(other.scaled(factor) for other in self.others)
        return replace(self, box=box, others=others)


def subject_alpha(picture: Picture, nets: Nets, hint: Hint) -> Mask | None:
    """How much of each pixel is the subject's; None when nothing stands out."""
    if picture.alpha is not None and np.mean(picture.alpha < 32) > 0.02:
        return picture.alpha
    small = picture.reduced(WORK_SIDE)
    factor = small.width / picture.width
    rough = _rough(small.pixels, nets, hint.scaled(factor))
    if float(np.mean(rough > 0.5)) < LEAST_SHARE:
        return None
    alpha = matting.refine(small.pixels, rough)
    return resized(masked(alpha), (picture.width, picture.height))


def cut_out(picture: Picture, alpha: Mask) -> Cutout:
    """The subject's rectangle of the picture, with colours free of the background."""
    box = bounds(alpha)
    left, top, right, bottom = (int(v) for v in (box.left, box.top, box.right, box.bottom))
    part = np.ascontiguousarray(alpha[top:bottom, left:right])
    pixels = np.ascontiguousarray(picture.pixels[top:bottom, left:right])
    if picture.alpha is None:
        pixels = matting.foreground(pixels, part)
    cut = cut_edges(alpha)
    return Cutout(
        *(pixels, part, box),
        cut_bottom=cut.bottom,
        cut_left=cut.left,
        cut_right=cut.right,
        cut_top=cut.top,
    )


def cut_edges(alpha: Mask) -> Anchor:
    """Which edges of its picture cut through a subject."""
    height, width = alpha.shape
    box = bounds(alpha)
    left, top, right, bottom = (int(v) for v in (box.left, box.top, box.right, box.bottom))
    rows, columns = slice(top, bottom), slice(left, right)
    return Anchor(
        left <= 1 and _run(alpha[rows, left]) > 0.06,
        top <= 1 and _run(alpha[top, columns]) > 0.10,
        right >= width - 1 and _run(alpha[rows, right - 1]) > 0.06,
        bottom >= height - 1 and _run(alpha[bottom - 1, columns]) > 0.15,
    )


def bounds(alpha: Mask, least: int = 24) -> Box:
    """The rectangle around what is visible."""
    columns = np.flatnonzero(np.asarray(cv2.reduce(alpha, 0, cv2.REDUCE_MAX))[0] > least)
    rows = np.flatnonzero(np.asarray(cv2.reduce(alpha, 1, cv2.REDUCE_MAX))[:, 0] > least)
    if not len(columns):
        return Box(0, 0, alpha.shape[1], alpha.shape[0])
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _run(line: Mask) -> float:
    """How much of a line is covered."""
    return float(np.mean(line > 128))


def _rough(pixels: Pixels, nets: Nets, hint: Hint) -> Floats:
    """Saliency of the whole, then closer of the part that matters; only what belongs together is kept."""
    height, width = pixels.shape[:2]
    known = hint.salience if hint.salience is not None else nets.salient(pixels)
    whole = shares(resized(known, (width, height)))
    box = _part(whole, hint.box)
    if box.area < 64:
        return whole * 0
    area = box.padded(0.10).clipped(width, height)
    left, top, right, bottom = (round(v) for v in (area.left, area.top, area.right, area.bottom))
    rough = np.zeros_like(whole)
    near = shares(nets.salient(np.ascontiguousarray(pixels[top:bottom, left:right])))
    rough[top:bottom, left:right] = 0.62 * near + 0.38 * whole[top:bottom, left:right]
    if hint.box is not None:
        rough = _without_rags(rough, hint.box, hint.others)
    rough = _connected(rough, hint.box)
    return closed(rough, hint.box) if hint.solid and hint.box is not None else rough


def closed(rough: Floats, about: Box) -> Floats:
    """What lies between the parts of a thing is of the thing, as far as it is inside the detection."""
    reach = max(round(_GAPS * about.width), 2)
    parts = cv2.copyMakeBorder((rough > 0.5).astype(np.uint8), *(4 * (reach,)), cv2.BORDER_CONSTANT, value=0)
    whole = cv2.morphologyEx(parts, cv2.MORPH_CLOSE, disc(reach))[reach:-reach, reach:-reach]
    within = np.zeros_like(whole)
    area = about.clipped(rough.shape[1], rough.shape[0])
    _of(within, area)[:] = _of(whole, area)
    return np.asarray(np.maximum(rough, cv2.blur(within.astype(np.float32), (3, 3)) * 0.97), np.float32)


def _without_rags(rough: Floats, about: Box, others: tuple[Box, ...]) -> Floats:
    """Drop small bits that reach out of the detection: pieces of what stands behind or beside.

    Towards an edge of the picture the detection is taken at its word, elsewhere with some patience.
    """
    height, width = rough.shape
    strict = _outside(rough, _snapped(about, width, height))
    patient = _outside(rough, about.padded(0.07).clipped(width, height))
    size = float(np.count_nonzero(rough > 0.5))
    drop = _small_parts(strict, 0.04 * size, at_edge=True) | _small_parts(patient, 0.10 * size, at_edge=False)
    for other in others:
        _of(drop, other.clipped(width, height))[:] |= _of(patient, other.clipped(width, height))
    keep = cv2.blur(np.where(drop, 0, 1).astype(np.float32), (3, 3))
    return np.asarray(rough * keep, np.float32)


def _outside(rough: Floats, box: Box) -> Flags:
    beyond = np.asarray(rough > 0.04)
    _of(beyond, box)[:] = False
    return beyond


def _small_parts(mask: Flags, least: float, *, at_edge: bool) -> Flags:
    """The connected parts that are smaller than that, all of them or only those at an edge."""
    height, width = mask.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    small = np.zeros(count, np.bool_)
    for part in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[part])
        touches = x == 0 or y == 0 or x + w == width or y + h == height
        small[part] = area < least and (touches or not at_edge)
    return np.asarray(small[labels], np.bool_)


def _snapped(box: Box, width: int, height: int) -> Box:
    """A detection that nearly reaches an edge of the picture does reach it."""
    near_x, near_y = 0.015 * width, 0.015 * height
    return Box(
        0 if box.left < near_x else box.left,
        0 if box.top < near_y else box.top,
        width if box.right > width - near_x else box.right,
        height if box.bottom > height - near_y else box.bottom,
    )


def _part(whole: Floats, about: Box | None) -> Box:
    salient = (whole > 0.5).astype(np.uint8) * 255
    if about is None:
        return bounds(salient) if salient.any() else Box(0, 0, 0, 0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(salient)
    grown = about.padded(0.05).clipped(whole.shape[1], whole.shape[0])
    within = np.bincount(_of(labels, grown).ravel(), minlength=count)
    part = about
    for label in range(1, count):
        x, y, width, height, area = (int(v) for v in stats[label])
        if within[label] > 0.62 * area:
            part = part.united(Box(x, y, x + width, y + height))
    return part


def _of(values: npt.NDArray[Any], box: Box) -> npt.NDArray[Any]:
    """What of an array lies in a box."""
    return values[round(box.top) : round(box.bottom), round(box.left) : round(box.right)]


def _connected(rough: Floats, about: Box | None) -> Floats:
    """Keep the parts that overlap the detection, or the largest and what is nearly as large."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((rough > 0.5).astype(np.uint8))
    if count <= 1:
        return rough
    areas = stats[1:, cv2.CC_STAT_AREA]
    keep = set(np.flatnonzero(areas >= 0.3 * areas.max()) + 1)
    if about is not None:
        within = np.bincount(_of(labels, about).ravel(), minlength=count)[1:]
        overlapping = set(np.flatnonzero((within > 0.5 * areas) & (areas > 0.02 * areas.max())) + 1)
        keep = overlapping or keep
    kept = np.isin(labels, list(keep)).astype(np.uint8)
    reach = max(round(0.02 * max(rough.shape)), 3)
    away = cv2.distanceTransform(1 - kept, cv2.DIST_L2, 3)
    return np.asarray(np.where(away <= reach, rough, 0), np.float32)

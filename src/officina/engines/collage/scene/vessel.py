"""Where a boat's or a bowl's near side begins: what sits inside is hidden below that rim."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from officina.engines.collage.box import Box
from officina.engines.collage.nets import ROUGH_SIDE, Nets
from officina.engines.collage.pictures import Picture
from officina.engines.collage.raster import Floats, Mask, Pixels, resized

WORK_SIDE = 640
_SAGS = tuple(0.16 + 0.014 * i for i in range(41))
_SHAPES = (1.6, 2.0, 2.6, 3.4)
_LOWEST = (-0.36, -0.18, 0.0, 0.18, 0.36)
_OPEN_FROM = 0.16
"""A rim that hangs down less than this share of the height shows no inside."""


@dataclass(frozen=True, slots=True)
class Vessel:
    """A vessel in its scene, in the scene's pixels."""

    box: Box
    rim: Floats
    """Height of the near rim for each pixel column from the box's left to its right."""
    top: Floats
    """Height of its upper outline, the far rim where the inside is seen."""
    foot: Floats
    """Height of the lowest visible part in the same columns: a boat's water line."""
    inside_seen: bool

    def rim_at(self, x: float) -> float:
        return self._at(self.rim, x)

    def foot_at(self, x: float) -> float:
        return self._at(self.foot, x)

    def _at(self, line: Floats, x: float) -> float:
        at = min(max(round(x - self.box.left), 0), len(line) - 1)
        return float(line[at])


def vessel(scene: Picture, box: Box, nets: Nets) -> Vessel:
    """Find the rim: the curve between the vessel's two tips along which the picture changes most."""
    area = box.padded(0.10).clipped(scene.width, scene.height)
    left, top = int(area.left), int(area.top)
    part = np.ascontiguousarray(scene.pixels[top : int(area.bottom), left : int(area.right)])
    factor = min(WORK_SIDE / max(part.shape[:2]), 1.0)
    small = resized(part, (max(round(part.shape[1] * factor), 8), max(round(part.shape[0] * factor), 8)))
    mask = _mask(small, nets, box.moved(-left, -top).scaled(factor))
    columns = np.flatnonzero(mask.any(axis=0))
    first, last = int(columns[0]), int(columns[-1])
    upper = mask.argmax(axis=0)[first : last + 1].astype(np.float32)
    lower = (mask.shape[0] - mask[::-1].argmax(axis=0))[first : last + 1].astype(np.float32)
    rim, inside_seen = _rim(small, upper, lower, first)
    width = (last + 1 - first) / factor
    at = np.linspace(0, last - first, max(round(width), 2))
    steps = np.arange(last + 1 - first)
    return Vessel(
        _box(left, top, factor, (first, last), (float(upper.min()), float(lower.max()))),
        (np.interp(at, steps, rim) / factor + top).astype(np.float32),
        (np.interp(at, steps, cv2.blur(upper[None], (9, 1))[0]) / factor + top).astype(np.float32),
        (np.interp(at, steps, cv2.blur(lower[None], (9, 1))[0]) / factor + top).astype(np.float32),
        inside_seen,
    )


def _box(left: int, top: int, factor: float, columns: tuple[int, int], rows: tuple[float, float]) -> Box:
    return Box(
        left + columns[0] / factor,
        top + rows[0] / factor,
        left + (columns[1] + 1) / factor,
        top + rows[1] / factor,
    )


def _mask(small: Pixels, nets: Nets, box: Box) -> Mask:
    """The vessel's own pixels: what stands out near the detection, or the detection's oval."""
    salient = (nets.salient(small, ROUGH_SIDE) > 127).astype(np.uint8)
    grown = box.padded(0.03).clipped(small.shape[1], small.shape[0])
    inside = np.zeros_like(salient)
    rows, columns = slice(int(grown.top), int(grown.bottom)), slice(int(grown.left), int(grown.right))
    inside[rows, columns] = salient[rows, columns]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    if count > 1:
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        if stats[largest, cv2.CC_STAT_WIDTH] > 0.6 * box.width:
            return np.asarray(labels == largest, np.uint8)
    x, y = box.center
    axes = (max(round(box.width / 2), 1), max(round(box.height / 2), 1))
    cv2.ellipse(inside, (round(x), round(y)), axes, 0, 0, 360, 1, -1)
    return inside


def _rim(small: Pixels, upper: Floats, lower: Floats, first: int) -> tuple[Floats, bool]:
    """The near rim, one row per column; and whether it is apart from the far one."""
    edges = _edges(small)
    tips = _tip_line(upper, len(upper))
    height = float(np.median(lower) - np.median(tips))
    sight = _Sight(edges, tips, height, first)
    curve = _uppermost(sight)
    if curve is None:
        return (upper + 0.04 * height).astype(np.float32), False
    fitted = sight.rows(_fitted(sight, curve))
    settled = _settled(edges, fitted, first, 0.025 * height)
    return settled - _lip(edges, settled, first, height), True


@dataclass(frozen=True, slots=True)
class _Curve:
    """A hanging curve from tip to tip: how deep, how round, where lowest, how far off the tips it ends."""

    sag: float
    shape: float
    lowest: float
    left: float = 0.0
    right: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sight:
    """What a curve is judged against."""

    edges: Floats
    tips: Floats
    height: float
    first: int

    def rows(self, curve: _Curve) -> Floats:
        """The curve's height in each column; lengths in it are shares of the vessel's height."""
        u = np.linspace(-1, 1, len(self.tips), dtype=np.float32)
        ends = curve.left * (1 - u) / 2 + curve.right * (1 + u) / 2
        hanging = curve.sag * _belly(u, curve.lowest, curve.shape)
        return np.asarray(self.tips + self.height * (ends + hanging), np.float32)

    def score(self, curve: _Curve) -> float:
        """How clear an edge it follows, away from the tips."""
        return float(self.clearness(self.rows(curve)))

    def clearness(self, rows: Floats) -> Floats:
        """The same for curves given by their rows, one curve or many at once."""
        margin = round(0.07 * len(self.tips))
        return np.asarray(_sampled(self.edges, rows, self.first)[..., margin:-margin].mean(axis=-1))


def _fitted(sight: _Sight, curve: _Curve) -> _Curve:
    """The curve moved, bent and tilted a little until it follows its edge best."""
    best = sight.score(curve)
    for step in (0.03, 0.015, 0.007):
        for name, size in (("sag", 1), ("left", 1), ("right", 1), ("lowest", 5), ("shape", 12), ("sag", 1)):
            for change in (-2, -1, 1, 2):
                tried = replace(curve, **{name: getattr(curve, name) + change * step * size})
                if tried.shape < 1.2 or abs(tried.lowest) > 0.6 or tried.sag < _OPEN_FROM:
                    continue
                score = sight.score(tried)
                if score > best:
                    best, curve = score, tried
    return curve


def _belly(u: Floats, lowest: float, shape: float) -> Floats:
    """A hanging curve from tip to tip, 1 at its lowest place, which need not be the middle."""
    side = np.where(u > lowest, (u - lowest) / (1 - lowest), (lowest - u) / (1 + lowest))
    return (1 - np.abs(side) ** shape).astype(np.float32)


def _edges(small: Pixels) -> Floats:
    """How much the colours change downwards, the same in dark and bright parts."""
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 1.2), cv2.COLOR_RGB2LAB).astype(np.float32)
    change = np.abs(lab[4:] - lab[:-4]).sum(axis=-1)
    padded = np.pad(change, ((2, 2), (0, 0)))
    return np.asarray(np.minimum(padded / (np.percentile(padded, 95) + 1e-3), 1.5), np.float32)


def _tip_line(upper: Floats, length: int) -> Floats:
    """The straight line between the two ends."""
    share = max(length // 40, 1)
    start, end = float(np.median(upper[:share])), float(np.median(upper[-share:]))
    return np.linspace(start, end, length, dtype=np.float32)


def _uppermost(sight: _Sight) -> _Curve | None:
    """The highest of the curves nearly as clear as the clearest: hulls have stripes below their rim."""
    u = np.linspace(-1, 1, len(sight.tips), dtype=np.float32)
    forms = [(lowest, shape) for lowest in _LOWEST for shape in _SHAPES]
    bellies = sight.height * np.stack([_belly(u, lowest, shape) for lowest, shape in forms])
    clear = np.stack([sight.clearness(sight.tips + sag * bellies) for sag in _SAGS])
    by_sag = clear.max(axis=1)
    best = float(by_sag.max())
    for j, score in enumerate(by_sag):
        peak = score >= by_sag[max(j - 1, 0)] and score >= by_sag[min(j + 1, len(by_sag) - 1)]
        if peak and score >= 0.72 * best and best > 0.25:
            lowest, shape = forms[int(clear[j].argmax())]
            return _Curve(_SAGS[j], shape, lowest)
    return None


def _lip(edges: Floats, rim: Floats, first: int, height: float) -> float:
    """How thick the rim is: the distance to a second clear edge closely above."""
    inner = np.abs(np.linspace(-1, 1, len(rim))) < 0.7
    reach = np.arange(2, max(round(0.10 * height), 4))
    clear = [float(np.mean(_sampled(edges, rim - above, first)[inner])) for above in reach]
    here = float(np.mean(_sampled(edges, rim, first)[inner]))
    for i in range(len(clear) - 2, 0, -1):
        if clear[i] > 0.45 * here and clear[i] >= clear[i - 1] and clear[i] >= clear[i + 1]:
            return float(reach[i])
    return 0.0


def _sampled(edges: Floats, rows: Floats, first: int) -> Floats:
    at = np.clip(np.rint(rows).astype(int), 0, edges.shape[0] - 1)
    return np.asarray(edges[at, np.arange(first, first + rows.shape[-1])], np.float32)


def _settled(edges: Floats, rows: Floats, first: int, reach: float) -> Floats:
    """The curve drawn to the clearest edge within reach, smoothly, by the cheapest path along it."""
    span = max(round(reach), 2)
    offsets = np.arange(-span, span + 1)
    gain = (
        np.stack([_sampled(edges, rows + o, first) for o in offsets]) - 0.25 * (offsets[:, None] / span) ** 2
    )
    best = gain[:, 0].copy()
    back = np.zeros(gain.shape, np.int32)
    for column in range(1, gain.shape[1]):
        around = np.stack([np.r_[-9e9, best[:-1]] - 0.4, best, np.r_[best[1:], -9e9] - 0.4])
        choice = around.argmax(axis=0)
        back[:, column] = np.arange(len(offsets)) + choice - 1
        best = around.max(axis=0) + gain[:, column]
    path = np.zeros(gain.shape[1], np.int32)
    path[-1] = int(best.argmax())
    for column in range(gain.shape[1] - 1, 0, -1):
        path[column - 1] = back[path[column], column]
    return _even((rows + offsets[path]).astype(np.float32), np.take_along_axis(gain, path[None], axis=0)[0])


def _even(line: Floats, gain: Floats) -> Floats:
    """A smooth curve through most of a line; stretches that went astray lose their say."""
    u = np.linspace(-1, 1, len(line))
    weight = np.clip(gain, 0.05, 1.5)
    curve = line
    for _ in range(8):
        curve = np.polynomial.Chebyshev.fit(u, line, 7, w=weight)(u).astype(np.float32)
        away = np.abs(line - curve)
        spread = max(float(np.median(away)) * 2.0, 0.6)
        weight = np.clip(gain, 0.05, 1.5) / (1 + (away / spread) ** 2)
    return curve

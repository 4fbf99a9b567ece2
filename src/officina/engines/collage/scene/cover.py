"""What of a scene stays before a subject that is placed behind something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from officina.engines.collage.box import Box
from officina.engines.collage.nets import Nets
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Side
from officina.engines.collage.raster import Flags, Mask, resized
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.placement import spoken
from officina.engines.collage.scene.stage import Figure, Spot, Stage
from officina.engines.collage.subject.cutout import Hint, bounds, subject_alpha

_LEAST_FILLED = 0.30
"""A thing fills at least this much of where the detector sees it, or its outline is not known."""
_LEAST_SEEN, _MOST_SEEN = 0.30, 0.92
"""How much of a subject behind something must be in sight, and may be, or it is not behind."""
_SHIFTS: Mapping[Side | None, tuple[float, ...]] = {
    "left": (-0.5, -0.35, -0.6),
    "right": (0.5, 0.35, 0.6),
    None: (0.0, -0.5, 0.5, -0.35, 0.35, -0.62, 0.62),
}
"""How far from the thing's middle a subject may stand, in widths of the thing, best first."""
_WORK_SIDE = 320


def cover_of(scene: Picture, box: Box, hint: Hint, nets: Nets, name: str) -> Mask:
    """The target's own cut-out; CannotDo when its outline cannot be told."""
    alpha = subject_alpha(Picture(scene.pixels), nets, hint)
    rows, columns = _inside(box.clipped(scene.width, scene.height))
    if alpha is not None:
        filled = float(np.mean(alpha[rows, columns] > 128)) if alpha[rows, columns].size else 0.0
        spilled = float(np.count_nonzero(alpha > 128)) - filled * box.area
        if filled >= _LEAST_FILLED and spilled < 0.5 * filled * box.area:
            return alpha
    raise CannotDo(f"the outline of the {name} is not clear enough to put something behind it")


def _inside(box: Box) -> tuple[slice, slice]:
    return slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))


def place_behind(
    figures: Sequence[Figure], stage: Stage, cover: Mask, side: Side | None, variant: int
) -> tuple[Spot, ...]:
    """A spot for each where enough of it is in sight and its feet are not, or not in mid-air."""
    box = bounds(cover, 128)
    factor = _WORK_SIDE / max(cover.shape)
    size = (max(round(cover.shape[1] * factor), 8), max(round(cover.shape[0] * factor), 8))
    small = np.asarray(resized(cover, size) > 128)
    shifts = list(_SHIFTS[side if side in _SHIFTS else None])
    shifts = shifts[variant % 2 :] + shifts[: variant % 2]
    spots = []
    for figure in figures:
        able = [s for s in shifts if _believable(figure, _at(figure, stage, box, s), small, factor)]
        if not able:
            raise CannotDo(
                f"behind the {spoken(stage.target)} there is no place where {figure.name} "
                "would be seen and stand"
            )
        spots.append(_at(figure, stage, box, able[0]))
        shifts = [shift for shift in shifts if abs(shift - able[0]) > 0.3]
    return tuple(spots)


def _at(figure: Figure, stage: Stage, box: Box, shift: float) -> Spot:
    """A little farther than the thing, whose lower edge is on the ground."""
    height = min(max(0.9 * figure.height_m * stage.per_m, 0.12 * stage.tallest), 0.85 * stage.tallest)
    base = box.bottom - (0.35 if figure.rises else 0.08) * box.height
    height = min(height, 0.95 * base)
    width = figure.width_for(height)
    x = box.center[0] + shift * box.width
    return Spot(Box(x - width / 2, base - height, x + width / 2, base), touches=False, behind=True)


def _believable(figure: Figure, spot: Spot, cover: Flags, factor: float) -> bool:
    """Partly hidden, partly seen, inside the scene; a cut-off lower edge is hidden wholly."""
    box = spot.box.scaled(factor)
    if box.left < 0 or box.right > cover.shape[1] or box.top < 0 or box.width < 2 or box.height < 2:
        return False
    shape = np.asarray(resized(figure.cut.alpha, (max(round(box.width), 2), max(round(box.height), 2))) > 128)
    left, top = int(box.left), int(box.top)
    over = np.zeros(shape.shape, np.bool_)
    there = cover[top : top + shape.shape[0], left : left + shape.shape[1]]
    over[: there.shape[0], : there.shape[1]] = there
    seen = 1 - float((over & shape).sum()) / max(float(shape.sum()), 1.0)
    foot = shape[-3:].any(axis=0)
    hidden = float((over[-3:].all(axis=0) & foot).sum()) / max(float(foot.sum()), 1.0)
    if figure.rises and hidden < 0.999:
        return False
    return _LEAST_SEEN <= seen <= _MOST_SEEN

"""Which part of a scene the result shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size, around
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.placement import spoken
from officina.engines.collage.scene.stage import Spot, Stage

_CLOSER_AT_MOST = 1.2
_NEAREST = 3.0
"""So much closer where nobody would find the subject otherwise; a softer scene is the price."""
_FOUND, _LOST = 0.2, 0.05
"""A subject shall fill that share of the height; below the other it cannot be seen, and is refused."""
_FILLS = 0.5
"""How much of the result the subject and what bears it shall fill, if that takes no more than the above."""
_FULL = 0.85
"""The same where the subject would be lost."""
_LOSES = 0.3
"""How much of the target's width may be out of sight before the scene is rather extended."""
_GROUND = 0.8
"""Where the shown part lies in a scene that is too tall: the ground matters more than the sky."""
_ZOOMS = (1.0, 1.12, 1.0, 1.2, 1.08)
"""How near each variant comes."""


@dataclass(frozen=True, slots=True)
class View:
    """The part of the scene that is shown, and how it maps onto the result."""

    part: Box
    size: Size

    @property
    def factor(self) -> float:
        return self.size.width / self.part.width

    def mapped(self, box: Box) -> Box:
        return box.moved(-self.part.left, -self.part.top).scaled(self.factor)


def open_frame(have: Size, want: Size, salient: Box, variant: int = 0) -> Box:
    """The largest part of the wanted shape inside the scene, with its ground and what stands out."""
    zoom = _ZOOMS[variant % len(_ZOOMS)]
    width = min(float(have.width), have.height * want.aspect) / zoom
    height = width / want.aspect
    x = salient.center[0] if salient.width < 0.7 * have.width else have.width / 2
    left = min(max(x - width / 2, 0.0), have.width - width)
    slack = have.height - height
    top = min(_GROUND * slack, max(salient.top - 0.04 * height, 0.4 * slack))
    return Box(left, top, left + width, top + height)


def view_of(stage: Stage, spots: Sequence[Spot], size: Size, variant: int = 0) -> View:
    """As much of the scene as fits the shape of the result, closer if the subject would be lost in it."""
    target = stage.box if stage.target.shape != "place" else None
    if target is None or any(spot.at_edge for spot in spots):
        return View(stage.frame, size)
    keep = spots[0].box
    for spot in spots[1:]:
        keep = keep.united(spot.box)
    keep = _with_target(keep, target.padded(0.05), stage).clipped(stage.width, stage.height)
    part = around(Size(stage.width, stage.height), size, keep)
    tall = max(spot.box.height for spot in spots) / part.height
    lost = tall * _CLOSER_AT_MOST < _FOUND
    most = min(_FOUND / tall, _NEAREST) if lost else _CLOSER_AT_MOST
    room = (_FULL if lost else _FILLS) * min(part.width / keep.width, part.height / keep.height)
    zoom = max(min(most, room), 1.0)
    if tall * zoom < _LOST:
        raise CannotDo(
            f"the {spoken(stage.target)} of that picture is so small that nothing on it could be seen; "
            "send a picture that shows it from nearer"
        )
    return View(_closer(part, keep, zoom * _ZOOMS[variant % len(_ZOOMS)], stage), size)


def _with_target(keep: Box, target: Box, stage: Stage) -> Box:
    """Both in sight; when they are too tall or a little too wide, a part of the target may go."""
    both = keep.united(target)
    if both.height > stage.tallest:
        both = Box(both.left, both.top, both.right, max(keep.bottom, both.top + stage.tallest))
    lacking = both.width - stage.frame.width
    loses = 1.0 if stage.target.shape == "surface" else _LOSES
    if 0 < lacking <= loses * target.width:
        left = min(max(both.center[0] - stage.frame.width / 2, keep.right - stage.frame.width), keep.left)
        left = min(max(left, both.left), both.right - stage.frame.width)
        both = Box(min(left, keep.left), both.top, max(left + stage.frame.width, keep.right), both.bottom)
    return both


def _closer(part: Box, keep: Box, zoom: float, stage: Stage) -> Box:
    """The view drawn nearer, with what matters a little below its middle, as photographers do."""
    zoom = max(min(zoom, part.width / keep.width, part.height / keep.height), 1.0)
    width, height = part.width / zoom, part.height / zoom
    x, y = keep.center
    left = min(max(x - width / 2, part.left), part.right - width)
    lowest = max(stage.height - height, part.top)
    top = min(max(y - 0.62 * height, min(part.top, 0.0)), lowest)
    top = max(min(top, keep.top), keep.bottom - height)
    return Box(left, top, left + width, top + height)

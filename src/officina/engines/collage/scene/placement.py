"""Where a subject goes in a scene and how large it is there: plain geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size, around
from officina.engines.collage.plan import Compose, Relation, Side
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.vessel import Vessel
from officina.engines.collage.subject.cutout import Cutout
from officina.engines.collage.subject.figure import height_m
from officina.engines.collage.things import Thing

_CLOSER_AT_MOST = 1.2
_FILLS = 0.5
"""How much of the result the subject and what bears it shall fill, if that takes no more than the above."""
_SIDES = {"left": 0.27, "center": 0.5, "right": 0.73}


@dataclass(frozen=True, slots=True)
class Figure:
    """A cut-out subject and what it is."""

    cut: Cutout
    known: Thing
    word: str

    @property
    def height_m(self) -> float:
        return height_m(self.cut, self.known)

    def width_for(self, height: float) -> float:
        return height * self.cut.width / self.cut.height


@dataclass(frozen=True, slots=True)
class Spot:
    """A subject's rectangle in the scene's pixels, and how it meets the scene."""

    box: Box
    hidden: bool = False
    """Whether the near side of a vessel hides its lower part."""
    at_edge: bool = False
    """Whether its lower edge must be the result's lower edge, because its own picture cuts it there."""
    touches: bool = True
    """Whether it stands on something, and shades it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The scene as far as placing is concerned."""

    width: int
    height: int
    target: Thing
    box: Box | None
    vessel: Vessel | None = None


def place(figures: Sequence[Figure], wish: Compose, stage: Stage, variant: int = 0) -> tuple[Spot, ...]:
    """One spot for each figure, side by side when there are several."""
    spread = _across(len(figures), wish.side, variant)
    if stage.vessel is not None and wish.relation in ("on", "in", "into"):
        return tuple(_aboard(f, stage, stage.vessel, at, wish) for f, at in zip(figures, spread, strict=True))
    if stage.box is not None and stage.target.shape != "place":
        if wish.relation in ("beside", "front"):
            return _next_to(figures, wish, stage, stage.box)
        return tuple(_on_top(f, stage, stage.box, at) for f, at in zip(figures, spread, strict=True))
    return tuple(_on_ground(f, stage, at, len(figures)) for f, at in zip(figures, spread, strict=True))


def _across(count: int, side: Side | None, variant: int) -> tuple[float, ...]:
    """Shares of the width, one for each subject."""
    middle = _SIDES[side] if side else (0.5, 0.36, 0.64, 0.43, 0.57)[variant % 5]
    if count == 1:
        return (middle,)
    gap = 0.34 if count == 2 else 0.26
    return tuple(min(max(middle + gap * (i - (count - 1) / 2), 0.14), 0.86) for i in range(count))


def _aboard(figure: Figure, stage: Stage, vessel: Vessel, at: float, wish: Compose) -> Spot:
    """Inside, its lower part behind the rim."""
    per_m = vessel.box.width / stage.target.width_m
    height = max(figure.height_m * per_m * 1.05, 0.17 * vessel.box.width)
    widest = 0.46 * vessel.box.width
    height *= min(1.0, widest / figure.width_for(height))
    x = vessel.box.left + (0.08 + 0.84 * at) * vessel.box.width
    base = vessel.rim_at(x) + _behind_rim(figure, wish) * height
    return Spot(_standing(figure, x, base, height), hidden=True)


def _behind_rim(figure: Figure, wish: Compose) -> float:
    """How much of a figure the near side hides."""
    if figure.cut.cut_bottom:
        return 0.15
    if "person" in figure.known.kinds:
        return 0.30 if wish.pose == "standing" else 0.46
    return 0.24 if figure.known.alive else 0.18


def _on_top(figure: Figure, stage: Stage, box: Box, at: float) -> Spot:
    """On a seat, a table or any thing: the higher up, the less of it is a top."""
    if figure.cut.cut_bottom:
        return _at_edge(figure, stage, at)
    share = {"seat": 0.55, "surface": 0.30, "vessel": 0.20}.get(stage.target.shape, 0.10)
    per_m = box.width / stage.target.width_m
    height = figure.height_m * per_m
    height = min(max(height, 0.12 * stage.height), 1.1 * stage.height)
    height *= min(1.0, 1.2 * box.width / figure.width_for(height))
    x = box.left + (0.15 + 0.7 * at) * box.width
    return Spot(_standing(figure, x, box.top + share * box.height, height))


def _next_to(figures: Sequence[Figure], wish: Compose, stage: Stage, box: Box) -> tuple[Spot, ...]:
    """On the same ground as the thing, on the side that has room; in front of it a little nearer."""
    nearer = wish.relation == "front"
    ground = min(box.bottom + (0.05 if nearer else 0.01) * stage.height, stage.height)
    per_m = box.height / max(stage.target.height_m, 0.05)
    spots: list[Spot] = []
    side = wish.side or ("left" if box.left > stage.width - box.right else "right")
    edge = box.left if side == "left" else box.right
    for figure in figures:
        height = min(
            max(figure.height_m * per_m * (1.15 if nearer else 1.0), 0.10 * stage.height), 0.95 * stage.height
        )
        width = figure.width_for(height)
        if nearer:
            x = box.left + (_SIDES[wish.side] if wish.side else 0.5) * box.width
        else:
            x = edge + (-0.56 if side == "left" else 0.56) * width
            edge += -1.1 * width if side == "left" else 1.1 * width
        if figure.cut.cut_bottom:
            spots.append(_at_edge(figure, stage, x / stage.width))
        else:
            spots.append(Spot(_standing(figure, x, ground, height)))
    return tuple(spots)


def _on_ground(figure: Figure, stage: Stage, at: float, count: int) -> Spot:
    """Standing in the open."""
    if figure.cut.cut_bottom:
        return _at_edge(figure, stage, at)
    natural = 0.5 * stage.height * (figure.height_m / 1.7) ** 0.35
    height = min(max(natural, 0.25 * stage.height), 0.72 * stage.height)
    widest = (0.62 if count == 1 else 0.85 / count) * min(stage.width, 1.2 * stage.height)
    height *= min(1.0, widest / figure.width_for(height))
    return Spot(_standing(figure, at * stage.width, 0.93 * stage.height, height))


def _at_edge(figure: Figure, stage: Stage, at: float) -> Spot:
    """A subject that its own picture cuts off below rises from the lower edge, so that it never floats."""
    height = 0.66 * stage.height
    widest = 0.72 * min(stage.width, 1.3 * stage.height)
    height *= min(1.0, widest / figure.width_for(height))
    width = figure.width_for(height)
    x = min(max(at * stage.width, 0.5 * width), stage.width - 0.5 * width)
    if figure.cut.cut_left and not figure.cut.cut_right:
        x = 0.5 * width
    if figure.cut.cut_right and not figure.cut.cut_left:
        x = stage.width - 0.5 * width
    return Spot(_standing(figure, x, stage.height, height), at_edge=True, touches=False)


def _standing(figure: Figure, x: float, base: float, height: float) -> Box:
    width = figure.width_for(height)
    return Box(x - width / 2, base - height, x + width / 2, base)


def check_bearable(relation: Relation, target: Thing) -> None:
    """What cannot be believed is refused: nobody fits into a thing without an open top."""
    if relation == "in" and target.shape in ("object", "seat"):
        raise CannotDo(
            f"nothing can be put inside a {target.name.replace('_', ' ')}, only on, beside or before it"
        )


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


def view_of(stage: Stage, spots: Sequence[Spot], size: Size) -> View:
    """As much of the scene as fits the shape of the result, closer if the subject would be lost in it."""
    boxes = [spot.box for spot in spots]
    if stage.box is not None and stage.target.shape != "place":
        boxes.append(stage.box.padded(0.05))
    keep = boxes[0]
    for box in boxes[1:]:
        keep = keep.united(box)
    keep = keep.clipped(stage.width, stage.height)
    part = around(Size(stage.width, stage.height), size, keep)
    if any(spot.at_edge for spot in spots):
        return View(part.moved(0, stage.height - part.bottom), size)
    zoom = min(_CLOSER_AT_MOST, _FILLS * part.width / keep.width, _FILLS * part.height / keep.height)
    return View(_closer(part, keep, max(zoom, 1.0), stage), size)


def _closer(part: Box, keep: Box, zoom: float, stage: Stage) -> Box:
    """The view drawn nearer, with what matters a little below its middle, as photographers do."""
    width, height = part.width / zoom, part.height / zoom
    x, y = keep.center
    left = min(max(x - width / 2, part.left), part.right - width)
    lowest = max(stage.height - height, part.top)
    top = min(max(y - 0.62 * height, min(part.top, 0.0)), lowest)
    top = max(min(top, keep.top), keep.bottom - height)
    return Box(left, top, left + width, top + height)

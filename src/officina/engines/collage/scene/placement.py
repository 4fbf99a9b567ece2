"""Where a subject goes in a scene and how large it is there: plain geometry."""

from __future__ import annotations

from collections.abc import Sequence

from officina.engines.collage.box import Box
from officina.engines.collage.plan import Compose, Relation, Side
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.stage import Figure, Spot, Stage
from officina.engines.collage.scene.vessel import Vessel
from officina.engines.collage.things import Thing

FLIES = frozenset(
    (
        *("bird", "eagle", "owl", "parrot", "duck", "swan", "butterfly", "balloon", "kite", "airplane"),
        *("helicopter", "rocket", "dragon", "frisbee", "lamp"),
    )
)
"""Things that may be in the air: they fly, or they hang."""
FLOATS = frozenset(("boat", "canoe", "sailboat", "ship", "duck", "swan", "surfboard", "fish", "turtle"))
"""Things that may be on the water."""
MOST_ABOARD = 5
_SIDES = {"left": 0.27, "center": 0.5, "right": 0.73}
_MIDDLES = (0.5, 0.34, 0.66, 0.42, 0.58)
"""Where the subject stands in each variant."""
_LEAST = 0.16
"""No subject is drawn smaller than this share of the tallest one beside it, or nobody would see it."""
_FOOT = 0.3
"""How much of a subject is where it stands."""
_FREE = 0.25
"""How much of what is already there a subject on a table may cover."""
_ASIDE = (0.0, -0.17, 0.17, -0.3, 0.3)
_COVERS = 0.25
"""Steps aside are taken for at least that much less of what stands out in the scene being covered."""
_ONE_ROW = 4
_DWARF = 0.5
"""Nothing is drawn smaller than this share of its true size beside the thing it stands on."""
_GAP = 1.08
"""Room that a subject takes beside others, in its own widths."""


def place(figures: Sequence[Figure], wish: Compose, stage: Stage, variant: int = 0) -> tuple[Spot, ...]:
    """One spot for each figure, side by side when there are several; `behind` has a place of its own."""
    spread = across(len(figures), wish.side, variant)
    if wish.relation == "above" or stage.target.name == "sky":
        return tuple(_in_air(f, stage, at) for f, at in zip(figures, spread, strict=True))
    if stage.vessel is not None and wish.relation in ("on", "in", "into"):
        if len(figures) > MOST_ABOARD:
            raise CannotDo(f"{len(figures)} subjects have no room in one {stage.target.name}")
        return tuple(
            _aboard(f, stage, stage.vessel, at, wish, len(figures))
            for f, at in zip(figures, spread, strict=True)
        )
    if stage.box is not None and stage.target.shape != "place":
        if wish.relation in ("beside", "front"):
            return _next_to(figures, wish, stage, stage.box)
        return tuple(_on_top(f, stage, stage.box, at) for f, at in zip(figures, spread, strict=True))
    middle = sum(spread) / len(spread)
    return on_ground(figures, stage, middle) if wish.side else _in_the_open(figures, stage, middle)


def across(count: int, side: Side | None, variant: int) -> tuple[float, ...]:
    """Shares of the width, one for each subject."""
    middle = _SIDES[side] if side else _MIDDLES[variant % len(_MIDDLES)]
    if count == 1:
        return (middle,)
    gap = min(0.34, 0.78 / count)
    half = gap * (count - 1) / 2
    middle = min(max(middle, 0.10 + half), 0.90 - half)
    return tuple(middle + gap * i - half for i in range(count))


def _aboard(figure: Figure, stage: Stage, vessel: Vessel, at: float, wish: Compose, count: int) -> Spot:
    """Inside, its lower part behind the rim."""
    _check_sides(figure)
    per_m = vessel.box.width / stage.target.width_m
    height = max(figure.height_m * per_m * 1.05, 0.17 * vessel.box.width)
    widest = (0.46 if count == 1 else 0.92 / count) * vessel.box.width
    height *= min(1.0, widest / figure.width_for(height))
    hidden = _behind_rim(figure, wish)
    room = 0.95 * stage.tallest - 0.75 * vessel.box.height
    height *= min(1.0, max(room / ((1 - hidden) * height), 0.7))
    x = vessel.box.left + (0.08 + 0.84 * at) * vessel.box.width
    base = vessel.rim_at(x) + hidden * height
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
    _check_whole(figure, f"on the {spoken(stage.target)}")
    height = figure.height_m * box.width / stage.target.width_m
    height = min(max(height, 0.10 * stage.tallest), 0.9 * stage.tallest)
    height *= min(1.0, 1.2 * box.width / figure.width_for(height))
    tops = {"seat": (0.55,), "surface": (0.30, 0.45, 0.60, 0.75), "vessel": (0.20,)}
    height = _under_the_top(
        figure, stage, box.top + tops.get(stage.target.shape, (0.10,))[-1] * box.height, height
    )
    columns = (at,) if stage.target.shape != "surface" else (at, at - 0.3, at + 0.3, at - 0.15, at + 0.15)
    places = [
        _inside(
            _standing(figure, box.left + (0.15 + 0.7 * x) * box.width, box.top + y * box.height, height),
            stage,
        )
        for y in tops.get(stage.target.shape, (0.10,))
        for x in columns
    ]
    best = min(places, key=lambda place: round(stage.taken(place, _FOOT), 1))
    if stage.target.shape == "surface" and stage.taken(best, _FOOT) > _FREE:
        raise CannotDo(f"there is no free place on the {spoken(stage.target)}")
    return Spot(best)


def _under_the_top(figure: Figure, stage: Stage, base: float, height: float) -> float:
    """The height of what stands there, its head inside the scene; CannotDo when that makes it a dwarf."""
    room = 0.97 * base
    if room < _DWARF * height:
        raise CannotDo(
            f"above the {spoken(stage.target)} of that picture there is no room for {figure.name}; "
            "send a picture that shows more above it"
        )
    return min(height, room)


def _inside(box: Box, stage: Stage) -> Box:
    """Moved into the scene; CannotDo when that is far."""
    x = min(max(box.left, 0.0), stage.width - box.width)
    if abs(x - box.left) > 0.6 * box.width or box.width > stage.width:
        raise CannotDo(f"there is no room for the subject there: the {spoken(stage.target)} is at the edge")
    return box.moved(x - box.left, 0)


def _next_to(figures: Sequence[Figure], wish: Compose, stage: Stage, box: Box) -> tuple[Spot, ...]:
    """On the same ground as the thing, on the side that has room; in front of it a little nearer."""
    nearer = wish.relation == "front"
    ground = min(box.bottom + (0.05 if nearer else 0.01) * stage.height, stage.height)
    side = wish.side or ("left" if box.left > stage.width - box.right else "right")
    edge = box.left if side == "left" else box.right
    tall = box.height / max(stage.target.height_m, 0.05)
    spots: list[Spot] = []
    middles = across(len(figures), wish.side, 0)
    for figure, middle in zip(figures, middles, strict=True):
        height = figure.height_m * tall * (1.15 if nearer else 1.0)
        height = min(max(height, 0.10 * stage.tallest), 0.92 * stage.tallest)
        width = figure.width_for(height)
        if nearer:
            x = box.left + middle * box.width
        else:
            x = edge + (-0.56 if side == "left" else 0.56) * width
            edge += -1.1 * width if side == "left" else 1.1 * width
        if figure.rises:
            at = {"left": 0.2, "right": 0.8}.get(side, x / stage.width) if not nearer else x / stage.width
            spots.append(_at_edge(figure, stage, (at * stage.width - stage.frame.left) / stage.frame.width))
        else:
            _check_sides(figure)
            spots.append(Spot(_inside(_standing(figure, x, ground, height), stage)))
    return tuple(spots)


def _in_the_open(figures: Sequence[Figure], stage: Stage, middle: float) -> tuple[Spot, ...]:
    """On the ground, as near to that share of the width as nobody and nothing of the scene is covered."""
    able = [on_ground(figures, stage, min(max(middle + shift, 0.15), 0.85)) for shift in _ASIDE]
    return min(able, key=lambda spots: round(max(stage.taken(spot.box) for spot in spots) / _COVERS))


def on_ground(figures: Sequence[Figure], stage: Stage, middle: float) -> tuple[Spot, ...]:
    """Standing in the open, as large beside each other as they are in the world; many stand in two rows."""
    heights = _heights(figures, stage.frame)
    order = sorted(range(len(figures)), key=lambda i: -heights[i])
    together = sum(f.width_for(h) * _GAP for f, h in zip(figures, heights, strict=True))
    if len(figures) <= _ONE_ROW or together < 1.15 * stage.frame.width:
        rows = [(list(range(len(figures))), 0.93)]
    else:
        back = sorted(i for i in order[: len(figures) // 2] if not figures[i].rises)
        rows = [(back, 0.80), ([i for i in range(len(figures)) if i not in back], 0.95)]
    spots: dict[int, Spot] = {}
    for members, base in rows:
        sized = [(i, heights[i] * (0.85 if base < 0.9 else 1.0)) for i in members]
        spots.update(_row(figures, sized, stage, (middle, base)))
    return tuple(spots[i] for i in range(len(figures)))


def _heights(figures: Sequence[Figure], frame: Box) -> list[float]:
    """In pixels of the scene: true to each other, and the tallest well seen."""
    whole = [figure.height_m for figure in figures if not figure.rises]
    busts = len(figures) - len(whole)
    tallest = max(whole, default=1.0)
    share = min(max(0.5 * (tallest / 1.7) ** 0.35, 0.25), 0.72) * (0.8 if busts else 1.0)
    return [frame.height * (0.66 if f.rises else share * max(f.height_m / tallest, _LEAST)) for f in figures]


def _row(
    figures: Sequence[Figure], sized: Sequence[tuple[int, float]], stage: Stage, at: tuple[float, float]
) -> dict[int, Spot]:
    """Side by side around a share of the width, their feet at a share of the height."""
    frame = stage.frame
    widths = [figures[i].width_for(height) * _GAP for i, height in sized]
    most = (0.68 if len(sized) == 1 else 0.94) * min(frame.width, 1.25 * len(sized) * frame.height)
    fit = min(1.0, most / max(sum(widths), 1.0))
    span = sum(widths) * fit
    left = min(max(at[0] * frame.width - span / 2, 0.02 * frame.width), 0.98 * frame.width - span)
    spots = {}
    for (i, height), width in zip(sized, widths, strict=True):
        x = (left + width * fit / 2) / frame.width
        left += width * fit
        if figures[i].rises:
            spots[i] = _at_edge(figures[i], stage, x, height * fit)
        else:
            base = frame.top + at[1] * frame.height
            box = _standing(figures[i], frame.left + x * frame.width, base, height * fit)
            spots[i] = Spot(_at_side(figures[i], box, frame))
    return spots


def _at_edge(figure: Figure, stage: Stage, at: float, height: float = 0.0) -> Spot:
    """A subject that its own picture cuts off below rises from the lower edge, so that it never floats."""
    frame = stage.frame
    height = height or 0.66 * frame.height
    widest = 0.72 * min(frame.width, 1.3 * frame.height)
    height *= min(1.0, widest / figure.width_for(height))
    width = figure.width_for(height)
    x = min(max(at * frame.width, 0.5 * width), frame.width - 0.5 * width)
    box = _standing(figure, frame.left + x, frame.bottom, height)
    return Spot(_at_side(figure, box, frame), at_edge=True, touches=False)


def _at_side(figure: Figure, box: Box, frame: Box) -> Box:
    """A subject that its own picture cuts off at one side stays at that side of the result."""
    if figure.cut.cut_left and figure.cut.cut_right:
        raise CannotDo(
            f"{figure.name} is cut off at both sides of that picture; send one that shows it whole"
        )
    if figure.cut.cut_left:
        return box.moved(frame.left - box.left, 0)
    if figure.cut.cut_right:
        return box.moved(frame.right - box.right, 0)
    return box


def _in_air(figure: Figure, stage: Stage, at: float) -> Spot:
    """Above the target, or in the upper part of the scene."""
    if figure.known.name not in FLIES:
        raise CannotDo(f"a {figure.word} would float in the air; only what flies or hangs can be put there")
    _check_whole(figure, "in the air")
    frame, box = stage.frame, stage.box
    if box is None or stage.target.shape == "place":
        height = frame.height * min(max(0.16 * (figure.height_m / 0.4) ** 0.25, 0.10), 0.36)
        height *= min(1.0, 0.4 * frame.width / figure.width_for(height))
        base = frame.top + 0.10 * frame.height + height
        return Spot(
            _standing(figure, frame.left + at * frame.width, base, height), touches=False, in_air=True
        )
    height = min(max(figure.height_m * stage.per_m, 0.11 * frame.height), 0.42 * frame.height)
    room = 0.8 * box.top
    if room < 0.08 * frame.height:
        raise CannotDo(f"there is no room above the {spoken(stage.target)} of that picture")
    height = min(height, room)
    x = box.left + at * box.width
    base = box.top - 0.12 * room
    return Spot(_standing(figure, x, base, height), touches=False, in_air=True)


def _standing(figure: Figure, x: float, base: float, height: float) -> Box:
    width = figure.width_for(height)
    return Box(x - width / 2, base - height, x + width / 2, base)


def _check_whole(figure: Figure, where: str) -> None:
    if figure.cut.cut_bottom:
        raise CannotDo(
            f"{figure.name} is cut off by the lower edge of that picture and would end in mid-air {where}; "
            "send a picture that shows it whole"
        )
    _check_sides(figure)


def _check_sides(figure: Figure) -> None:
    if figure.cut.cut_left or figure.cut.cut_right:
        raise CannotDo(
            f"{figure.name} is cut off at the side of that picture and would be in the scene as well; "
            "send a picture that shows it whole"
        )


def spoken(known: Thing) -> str:
    """Its name in a sentence."""
    return known.name.replace("_", " ") or "thing"


def check_bearable(relation: Relation, target: Thing) -> None:
    """What cannot be believed is refused: nobody fits into a thing without an open top."""
    if relation == "in" and target.shape in ("object", "seat") and target.name:
        raise CannotDo(f"nothing can be put inside a {spoken(target)}, only on, beside or before it")
    if relation == "behind" and target.shape == "place":
        raise CannotDo(
            f"what of the {spoken(target)} is near and what is far cannot be told, "
            "so nothing can be put behind it"
        )

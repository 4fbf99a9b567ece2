"""Frames of one picture's colours and shape: recolour, duotone, text, crop, zoom, flip, rotate, copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

from officina.engines.collage.plan import (
    Colour,
    Crop,
    Duotone,
    Flip,
    Mention,
    Operation,
    Place,
    Recolour,
    Rotate,
    Text,
)
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import (
    Clause,
    Copies,
    colour_in,
    colours,
    is_idle,
    is_noun,
    is_place,
    is_thing,
    is_whole,
    mention,
    picture_of,
    rgb,
    take_new_colour,
)
from officina.engines.collage.prompt.language import Lexeme
from officina.engines.collage.things import thing

_QUARTER = 90
_SIZES: Mapping[str, Literal["small", "large"]] = {"small": "small", "large": "large"}
_PLACES: Mapping[str, Place] = {place: place for place in get_args(Place)}


def recolour(clause: Clause) -> list[Operation] | None:
    """Make the car blue; change the colour of the sofa to green."""
    if not clause.does("make", "change", "turn", "recolour", "paint", "give") and clause.be != "should":
        return None
    found = _coloured_at_once(clause) or _coloured_apart(clause)
    if found is None or not clause.done:
        return None
    target, tint = found
    return [
        Recolour(
            mention(target, clause.words), rgb(tint), clause.words(tint), picture_of(target) or clause.picture
        )
    ]


def _coloured_at_once(clause: Clause) -> tuple[Chunk, Lexeme] | None:
    """The colour stands behind the thing: the car blue."""
    target = clause.take(lambda c: _paintable(c) and not c.prep and len(colours(c.after)) == 1)
    if target is None or not all(is_idle(p) or p.has("colour") for p in target.described):
        return None
    if clause.does("put") or (clause.does("change") and not clause.does("make", "turn", "paint", "recolour")):
        return None
    return target, colours(target.after)[0]


def _coloured_apart(clause: Clause) -> tuple[Chunk, Lexeme] | None:
    target = clause.take(lambda c: _paintable(c) and not c.prep and _tame(c))
    if target is None:
        named = clause.take(lambda c: _is_colour_of_thing(c) and not c.prep)
        target = _owner(named) if named else None
    else:
        clause.take(lambda c: is_noun("colour")(c) and not c.described and c.of is None and not c.prep)
    tint = take_new_colour(clause)
    if target is None or tint is None:
        return None
    return target, colour_in(tint)[0]


def _tame(chunk: Chunk) -> bool:
    return all(is_idle(p) or p.has("colour") for p in chunk.described)


def _is_colour_of_thing(chunk: Chunk) -> bool:
    if chunk.kind != "np" or not chunk.has("noun", "colour") or chunk.unknown:
        return False
    owner = _owner(chunk)
    return owner is not None and _paintable(owner)


def _owner(chunk: Chunk) -> Chunk | None:
    """Whose colour it is: of the car, or the car colour."""
    if chunk.of is not None:
        return chunk.of
    named = [part for part in chunk.before if part.has("thing")]
    return Chunk("np", named[0].start, named[0].end, named[0]) if len(named) == 1 else None


def _paintable(chunk: Chunk) -> bool:
    """A thing that has one colour: no place, nobody, and not just "it"."""
    if not is_thing(chunk) or is_place(chunk) or chunk.unknown:
        return False
    kind = thing(chunk.value("thing"))
    return "person" not in kind.kinds and kind.name != "subject"


def duotone(clause: Clause) -> list[Operation] | None:
    """Between two colours, the darker one for the shadows."""
    if not clause.does("make", "turn", "change", "apply", "add", "give", "use", "show", "put", ""):
        return None
    named = clause.take(lambda c: c.kind == "np" and (c.has("noun", "duotone") or _within(c)))
    if named is None:
        return None
    found = colours(named.described)
    found += colour_in(named.of) if named.of is not None else []
    while (tint := clause.take(lambda c: bool(colour_in(c)))) is not None:
        found += colour_in(tint)
    if len(found) != 2 or not clause.done:
        return None
    dark, light = sorted(found, key=lambda part: _luminance(rgb(part)))
    return [Duotone(rgb(dark), rgb(light), (clause.words(dark), clause.words(light)), clause.picture)]


def _within(chunk: Chunk) -> bool:
    effect = chunk.has("noun", "effect", "picture", "one", "colour")
    return effect and any(part.has("noun", "duotone") for part in chunk.described)


def _luminance(colour: Colour) -> float:
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def text(clause: Clause) -> list[Operation] | None:
    """Write 'SALE' at the top in red."""
    quotes = [chunk for chunk in clause.left if chunk.kind == "quote"]
    label = clause.take(is_noun("text"))
    if len(quotes) != 1 or not clause.does(
        "write", "add", "put", "give", "show", "apply", "use", "make", "have", ""
    ):
        return None
    if not clause.does("write") and label is None and not clause.does("add", "put"):
        return None
    clause.left.remove(quotes[0])
    labels = [label] if label else []
    while (more := clause.take(is_noun("text", "letters"))) is not None:
        labels.append(more)
    parts = [part for chunk in labels for part in chunk.described]
    parts += [part for chunk in labels if chunk.of for part in colour_in(chunk.of)]
    where = _placed(clause)
    if where is None:
        return None
    while (
        tint := clause.take(lambda c: c.kind == "np" and (len(colour_in(c)) == 1 or _is_size(c)))
    ) is not None:
        parts += [tint.lexeme, *tint.described] if _is_size(tint) else [*colour_in(tint), *tint.described]
        where = "top" if "above" in tint.prep else where
    if not all(is_idle(p) or p.has("colour") or p.has("noun", "text", "letters") for p in parts):
        return None
    clause.take(lambda c: is_noun("colour")(c) and not c.described and not c.of)
    if not clause.done:
        return None
    return _written(clause, quotes[0], parts, where)


def _written(clause: Clause, quote: Chunk, parts: list[Lexeme], where: Place) -> list[Operation] | None:
    tints = colours(parts)
    if len({part.value("colour") for part in tints}) > 1:
        return None
    size = next((part.value("size") for part in parts if part.has("size")), "")
    written = Text(quote.lexeme.quoted or "", where, size=_SIZES.get(size, "normal"), picture=clause.picture)
    return [replace(written, colour=rgb(tints[0]), colour_name=clause.words(tints[0])) if tints else written]


def _is_size(chunk: Chunk) -> bool:
    return chunk.has("size") and all(is_idle(part) or part.has("colour") for part in chunk.described)


def _placed(clause: Clause) -> Place | None:
    """Where the text goes; None for places that it cannot go to."""
    found: list[str] = []
    while (spot := clause.take(_is_spot)) is not None:
        found += [
            part.value("place") for part in (*spot.before, spot.lexeme, *spot.after) if part.has("place")
        ]
    clause.take(lambda c: is_noun("corner")(c) and not c.described)
    found += (
        ["top"]
        if clause.take(lambda c: is_noun("picture")(c) and "on_top" in c.prep and not c.described)
        else []
    )
    rows = {name for name in found if name in ("top", "bottom")}
    sides = {name for name in found if name in ("left", "right")}
    corners = {name for name in found if "_" in name}
    if len(rows) > 1 or len(sides) > 1 or len(corners) > 1 or (corners and rows | sides):
        return None
    if sides and (not rows or "center" in found):
        return None
    if rows and sides:
        return _PLACES[f"{rows.pop()}_{sides.pop()}"]
    named = next(iter(corners | rows), "center" if "center" in found else "bottom")
    return _PLACES[named]


def _is_spot(chunk: Chunk) -> bool:
    if chunk.kind != "np" or not (chunk.has("place") or (chunk.has("noun", "corner") and chunk.described)):
        return False
    within = chunk.of is None or is_whole(chunk.of) or _is_spot(chunk.of)
    return within and all(part.has("place") or is_idle(part) for part in chunk.described)


def crop(clause: Clause) -> list[Operation] | None:
    """Crop to 16:9; to a square; around the dog."""
    ratio = clause.take(lambda c: c.kind == "ratio")
    shape = clause.take(lambda c: c.kind == "np" and _squared(c))
    frame = clause.take(lambda c: is_noun("format")(c) and all(map(is_idle, c.described)))
    if not clause.does("crop"):
        whole = any(map(is_whole, clause.left))
        framed = bool(ratio or shape) and clause.does("make", "change", "turn", "put", "use", "show", "")
        if not framed or (ratio and not (frame or whole or clause.does("make", "turn", "change"))):
            return None
        if shape is not None and clause.does("") and frame is None and not _is_format(shape):
            return None
    if (ratio and shape) or (frame and not (ratio or shape)):
        return None
    around = ratio is None and shape is None
    target = clause.take(lambda c: is_thing(c) and not is_place(c) and bool(c.prep)) if around else None
    if not (ratio or shape or target) or not clause.done:
        return None
    return [
        Crop(
            ratio.ratio if ratio else (1, 1) if shape else None,
            mention(target, clause.words) if target else Mention(),
            picture=picture_of(target) or clause.picture,
        )
    ]


def _squared(chunk: Chunk) -> bool:
    """A square, a square format, a square picture."""
    if chunk.has("state", "square"):
        return not chunk.described
    framed = chunk.has("noun", "format", "picture", "crop") or chunk.has("pronoun", "it")
    return (
        framed
        and any(part.has("state", "square") for part in chunk.described)
        and all(is_idle(part) or part.has("state", "square") for part in chunk.described)
    )


def _is_format(chunk: Chunk) -> bool:
    return chunk.has("noun", "format", "crop") or chunk.end - chunk.start > 1


def zoom(clause: Clause) -> list[Operation] | None:
    """Zoom in on the dog."""
    if not clause.does("zoom"):
        return None
    target = clause.take(lambda c: (is_thing(c) or c.has("pronoun", "person")) and not is_place(c))
    if not clause.done:
        return None
    named = mention(target, clause.words) if target else Mention("", "subject")
    return [Crop(None, named, tight=True, picture=picture_of(target) or clause.picture)]


def flip(clause: Clause) -> list[Operation] | None:
    """Mirror it; flip it vertically; turn it upside down."""
    axis = clause.take(lambda c: c.kind == "np" and c.has("axis") and not c.described)
    mirrored = (
        clause.take(is_noun("mirror")) if clause.does("make", "add", "apply", "give", "show", "") else None
    )
    turned = (
        clause.does("turn", "make", "rotate", "put") and axis is not None and axis.has("axis", "upside_down")
    )
    if not clause.does("flip") and not turned and mirrored is None:
        return None
    behind = _described_axis(clause)
    if not clause.done and not behind:
        return None
    value = axis.value("axis") if axis else behind
    return [Flip("vertical" if value in ("vertical", "upside_down") else "horizontal", clause.picture)]


def _described_axis(clause: Clause) -> str:
    """The photo upside down: the axis stands behind the picture."""
    found = clause.take(
        lambda c: (
            any(part.has("axis") for part in c.after) and (c.has("noun", "picture") or c.has("pronoun", "it"))
        )
    )
    if found is None:
        return ""
    clause.picture = picture_of(found)
    return next(part.value("axis") for part in found.after if part.has("axis")) if clause.done else ""


def rotate(clause: Clause) -> list[Operation] | None:
    """Turn by degrees; to the left or right, a quarter turn."""
    if not clause.does("rotate", "turn"):
        return None
    angle = clause.take(lambda c: c.kind == "np" and c.has("noun", "degrees"))
    way = clause.take(
        lambda c: (
            c.kind == "np"
            and (c.has("turn") or c.has("place", "left", "right"))
            and not c.described
            and c.of is None
        )
    )
    if angle is not None and way is None:
        way_word = next(
            (part for part in angle.after if part.has("turn") or part.has("place", "left", "right")), None
        )
    else:
        way_word = way.lexeme if way else None
    if (angle is None and way_word is None) or not clause.done:
        return None
    if angle is None and not clause.does("rotate"):
        return None
    degrees = float(angle.count or _QUARTER) if angle else float(_QUARTER)
    back = way_word is not None and (
        way_word.has("turn", "counterclockwise") or way_word.has("place", "left")
    )
    return [Rotate(-degrees if back else degrees, clause.picture)]


def copies(clause: Clause) -> list[Copies] | None:
    """Three variations."""
    if not clause.does("make", "show", "give", "have", "add", "put", ""):
        return None
    found = clause.take(lambda c: is_noun("copies")(c) and c.count is not None and plain_copies(c))
    if found is None or not found.count or not clause.done:
        return None
    return [Copies(found.count)]


def plain_copies(chunk: Chunk) -> bool:
    within = chunk.of is None or is_whole(chunk.of)
    return within and all(is_idle(part) for part in chunk.described)

"""Frames of one picture's colours and shape: recolour, duotone, crop, zoom, flip, rotate, copies."""

from __future__ import annotations

from officina.engines.collage.plan import (
    Colour,
    Crop,
    Duotone,
    Flip,
    Mention,
    Operation,
    Recolour,
    Rotate,
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
    plain,
    rgb,
    take_new_colour,
)
from officina.engines.collage.prompt.language import Lexeme
from officina.engines.collage.things import thing

_QUARTER = 90
_BUILT = ("house", "tower", "castle", "church", "temple", "palace", "moon", "tent", "building")
_USUAL_RATIOS = frozenset(
    pair
    for a, b in ((1, 1), (4, 3), (16, 9), (3, 2), (5, 4), (21, 9), (2, 1), (7, 5), (16, 10), (191, 100))
    for pair in ((a, b), (b, a))
)
"""Ratios that tell by themselves that a picture is to be cropped."""


def recolour(clause: Clause) -> list[Operation] | None:
    """Make the car blue; change the colour of the sofa to green."""
    wished = clause.does("make", "change", "turn", "recolour", "paint", "give") or clause.be == "should"
    if not wished and not _in_a_colour(clause):
        return None
    old = clause.take(lambda c: "instead" in c.prep and bool(colour_in(c)))
    found = _coloured_at_once(clause, old) or _coloured_apart(clause)
    if found is None or not clause.done:
        return None
    target, tint = found
    return [
        Recolour(
            mention(target, clause.words), rgb(tint), clause.words(tint), picture_of(target) or clause.picture
        )
    ]


def _in_a_colour(clause: Clause) -> bool:
    """ "The car in midnight blue": without a verb it is a wish when it is a certain car."""
    if not clause.does("", "show") or clause.be or clause.poses or len(clause.left) < 2:
        return False
    target, tint = clause.left[:2]
    certain = target.determiner in ("definite", "possessive") and not target.prep
    return certain and not {"in", "in_on"}.isdisjoint(tint.prep) and len(colour_in(tint)) == 1


def _coloured_at_once(clause: Clause, old: Chunk | None) -> tuple[Chunk, Lexeme] | None:
    """The colour stands behind the thing: the car blue; "put the car blue" where the old colour is told."""
    if (clause.does("put") and not old) or (
        clause.does("change") and not clause.does("make", "turn", "paint", "recolour")
    ):
        return None
    target = clause.take(lambda c: _paintable(c) and not c.prep and len(colours(c.after)) == 1)
    if target is None or not all(is_idle(p) or p.has("colour") for p in target.described):
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
    parts = _shadows_and_highlights(clause)
    found = colours(named.described) + parts
    found += colour_in(named.of) if named.of is not None else []
    while (tint := clause.take(lambda c: bool(colour_in(c)))) is not None:
        found += colour_in(tint)
    if len(found) != 2 or not clause.done:
        return None
    dark, light = sorted(found, key=lambda part: _luminance(rgb(part)))
    if parts and [dark, light] != parts:
        return None  # bright shadows would be a negative
    return [Duotone(rgb(dark), rgb(light), (clause.words(dark), clause.words(light)), clause.picture)]


def _shadows_and_highlights(clause: Clause) -> list[Lexeme]:
    """Navy shadows and peach highlights: the colours of both, that of the shadows first."""
    found: list[Lexeme] = []
    for which in ("shadows", "highlights"):
        part = clause.take(lambda c, which=which: is_noun(which)(c) and _has_one_colour(c))  # type: ignore[misc]
        found += colours(part.described) if part else []
    return found


def _has_one_colour(chunk: Chunk) -> bool:
    tints = colours(chunk.described)
    return len(tints) == 1 and all(is_idle(p) or p in tints for p in chunk.described)


def _within(chunk: Chunk) -> bool:
    effect = chunk.has("noun", "effect", "picture", "one", "colour")
    return effect and any(part.has("noun", "duotone") for part in chunk.described)


def _luminance(colour: Colour) -> float:
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def crop(clause: Clause) -> list[Operation] | None:
    """Crop to 16:9; to a square; around the dog."""
    ratio = clause.take(lambda c: c.kind == "ratio")
    shape = clause.take(lambda c: c.kind == "np" and _squared(c))
    frame = clause.take(lambda c: is_noun("format")(c) and all(map(is_idle, c.described)))
    if not clause.does("crop"):
        whole = any(map(is_whole, clause.left))
        framed = bool(ratio or shape) and clause.does("make", "change", "turn", "put", "use", "show", "")
        bare = ratio is not None and ratio.ratio in _USUAL_RATIOS and not clause.left
        if not framed or (ratio and not (frame or whole or bare or clause.does("make", "turn", "change"))):
            return None
        alone = len(clause.chunks) == 1
        if shape and clause.does("") and frame is None and not _is_format(shape) and not alone:
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
    target = clause.take(lambda c: _stands_out(c) or c.has("pronoun", "person"))
    if not clause.done:
        return None
    named = mention(target, clause.words) if target else Mention("", "subject")
    return [Crop(None, named, tight=True, picture=picture_of(target) or clause.picture)]


def _stands_out(chunk: Chunk) -> bool:
    """A thing, or a place that is seen as a thing from afar: the tower."""
    return is_thing(chunk) and (not is_place(chunk) or chunk.has("thing", *_BUILT))


def flip(clause: Clause) -> list[Operation] | None:
    """Mirror it; flip it vertically; turn it upside down."""
    axis = clause.take(lambda c: c.kind == "np" and c.has("axis") and not c.described)
    mirrored = (
        clause.take(is_noun("mirror"))
        if clause.does("make", "add", "apply", "give", "show", "flip", "")
        else None
    )
    turned = (
        clause.does("turn", "make", "rotate", "put") and axis is not None and axis.has("axis", "upside_down")
    )
    turned = turned or (
        axis is not None and axis.has("axis", "upside_down") and clause.does("") and len(clause.chunks) == 1
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
    angle = clause.take(lambda c: c.kind == "np" and c.has("noun", "degrees"))
    if not (clause.does("rotate", "turn") or (angle is not None and clause.does("give", ""))):
        return None
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
    clause.take(lambda c: is_noun("copies")(c) and c.count is None and plain_copies(c))
    if found is None or not found.count or not clause.done:
        return None
    return [Copies(found.count)]


def plain_copies(chunk: Chunk) -> bool:
    within = chunk.of is None or is_whole(chunk.of) or (is_thing(chunk.of) and plain(chunk.of))
    return within and all(is_idle(part) for part in chunk.described)

"""Looks of the picture as a whole: the words of a vocabulary for them, and the operations they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from officina.engines.collage.plan import (
    BlackAndWhite,
    Enhance,
    Operation,
    StyleKind,
    Stylise,
    TimeOfDay,
    Tone,
    ToneKind,
    Weather,
)
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import (
    Clause,
    is_idle,
    is_place,
    is_thing,
    is_whole,
    picture_of,
    plain,
)
from officina.engines.collage.prompt.language import Lexeme

TONES: tuple[str, ...] = get_args(ToneKind)
STYLES: tuple[str, ...] = get_args(StyleKind)
WEATHER = ("fog", "rain", "snow")
TIMES = ("sunset", "golden_hour", "night")
ENHANCED = ("sharpen", "denoise", "upscale")
LOOKS = ("black_and_white", *TONES, *STYLES, *WEATHER, *TIMES, *ENHANCED)
"""Every look, by its word in the vocabularies."""

_OPPOSITE: Mapping[str, str] = {
    "brighter": "darker",
    "darker": "brighter",
    "warmer": "cooler",
    "cooler": "warmer",
    "more_contrast": "less_contrast",
    "vivid": "muted",
}
_MORE: Mapping[str, str] = {
    "brightness": "brighter",
    "contrast": "more_contrast",
    "saturation": "vivid",
    "warmth": "warmer",
    "sharpness": "sharpen",
    "resolution": "upscale",
    "quality": "sharpen",
}
_LESS: Mapping[str, str] = {
    "brightness": "darker",
    "contrast": "less_contrast",
    "saturation": "muted",
    "warmth": "cooler",
    "noise": "denoise",
}
ATTRIBUTES = ("brightness", "contrast", "saturation", "warmth", "sharpness", "resolution", "quality", "noise")
"""What there can be more or less of."""
_MAKING = ("make", "turn", "change", "put", "add", "apply", "give", "show", "use", "have", "let", "paint", "")
_PARTS = ("sky", "ground", "wall", "window", "roof", "stairs", "grass")
"""What is but a part of a picture: "the sky in black and white" is not all of it."""
_WHERE = frozenset({"on", "in", "in_on", "above", "around"})
_PRINTS = ("black_and_white", "sepia", "faded_film")
_ASPECTS = ("effect", "picture", "aspect", "one", "all")


def operation_of(look: str, strong: bool, picture: int | None) -> Operation:
    """The operation that gives that look."""
    if look in TONES:
        return Tone(look, strong, picture)  # type: ignore[arg-type]
    if look in STYLES:
        return Stylise(look, picture)  # type: ignore[arg-type]
    if look in WEATHER:
        return Weather(look, strong, picture)  # type: ignore[arg-type]
    if look in TIMES:
        return TimeOfDay(look, picture)  # type: ignore[arg-type]
    if look in ENHANCED:
        return Enhance(look, picture)  # type: ignore[arg-type]
    return BlackAndWhite(picture)


def look(clause: Clause) -> list[Operation] | None:
    """Make it brighter; add rain; in the style of a comic; a sepia filter."""
    if not clause.does(*_MAKING) or _tells(clause):
        return None
    found: list[tuple[str, bool]] = []
    for chunk in tuple(clause.left):
        looks = looks_of(chunk)
        if looks:
            clause.left.remove(chunk)
            clause.picture = clause.picture or picture_of(chunk)
            found += [(kind, "strong" in chunk.degree) for kind in looks]
    if any(kind in TIMES for kind, _ in found):
        clause.take(_is_daytime)
    if found and _portrays(clause, found):
        clause.take(_is_portrayed)
    if found and all(kind in WEATHER for kind, _ in found):
        falls = "snow" not in dict(found) or not clause.does("put", "add")
        while falls and clause.take(_is_under) is not None:
            pass
    if not found or not _lone(clause):
        return None
    return [operation_of(kind, strong, clause.picture) for kind, strong in found]


def _is_under(chunk: Chunk) -> bool:
    """On the village, over the lake: where weather is; all of the picture has it."""
    return not _WHERE.isdisjoint(chunk.prep) and is_thing(chunk) and plain(chunk) and chunk.count is None


def _portrays(clause: Clause, found: Sequence[tuple[str, bool]]) -> bool:
    """ "My dog as a sketch" is all of the picture, drawn; "make the dog brighter" is not."""
    if any(c.has("look") and c.determiner in ("definite", "possessive") for c in clause.chunks):
        return False  # "the cat in the sketch" is one that is there
    seen = all(kind in (*TIMES, *WEATHER) for kind, _ in found) and any(map(is_place, clause.left))
    added = clause.does("put", "make") or (clause.does("add") and not clause.does("show"))
    drawn = seen or (all(kind in STYLES for kind, _ in found) and not added)
    return drawn or (clause.does("") and all(kind in _PRINTS for kind, _ in found))


def _is_portrayed(chunk: Chunk) -> bool:
    told = {chunk.determiner, chunk.of.determiner if chunk.of else ""}
    known = bool(told & {"definite", "possessive"}) and not chunk.degree and not chunk.has("thing", *_PARTS)
    return is_thing(chunk) and known and not chunk.prep and plain(chunk) and chunk.count is None


def _tells(clause: Clause) -> bool:
    """ "It is dark" tells how a picture is; "it is snowing", "it is too dark" how it shall be."""
    if clause.be != "should" and clause.verbs <= {"paint", "recolour"} and any(map(_is_told, clause.left)):
        return True
    if clause.be != "plain":
        return False
    verb = next((c.start for c in clause.chunks if c.kind == "verb"), clause.chunks[-1].end)
    told = (c for c in clause.left if c.start < verb)
    return any(c.has("seems") and not set(c.degree) & {"more", "less"} for c in told)


def _is_told(chunk: Chunk) -> bool:
    """ "Colours look washed out", read as a look of colours that is washed out."""
    looking = any(part.has("be", "plain") for part in (*chunk.before, chunk.lexeme))
    return looking and any(part.has("seems") for part in chunk.after)


def _lone(clause: Clause) -> bool:
    """Whether the rest only names the picture, its light or its weather, or the day that it is no more."""
    while (aspect := clause.take(_is_aspect)) is not None:
        clause.picture = clause.picture or picture_of(aspect)
    return clause.done


def _is_daytime(chunk: Chunk) -> bool:
    """From day to night: the day is what the picture shows."""
    return (
        chunk.has("daytime") and "to" not in chunk.prep and "into" not in chunk.prep and not chunk.described
    )


def _is_aspect(chunk: Chunk) -> bool:
    """The scene, the light, the style, the weather: what a look may be given to."""
    if chunk.kind != "np" or not all(is_idle(part) for part in chunk.described) or chunk.degree:
        return False
    named = (
        chunk.has("noun", "aspect", "effect")
        or chunk.has("thing", "scene")
        or chunk.has("attribute", "saturation")
    )
    return named and (chunk.of is None or is_whole(chunk.of) or chunk.of.has("thing", "scene"))


def do(clause: Clause) -> list[Operation] | None:
    """Brighten it; sharpen the photo: the verb is the look."""
    if not clause.dos:
        return None
    while (aspect := clause.take(_is_aspect)) is not None:
        clause.picture = clause.picture or picture_of(aspect)
    clause.take(lambda c: looks_of(replace(c, prep=())) == [clause.dos[0]])  # "ingrandiscila del doppio"
    if clause.dos[0] in STYLES:
        clause.take(_is_portrayed)
    degrees = {degree for chunk in clause.left for degree in chunk.degree}
    clause.left = [replace(chunk, degree=()) for chunk in clause.left]  # "assombris un peu l'image"
    strong = "strong" in degrees
    if "less" in degrees or not clause.done:
        return None
    return [operation_of(kind, strong, clause.picture) for kind in clause.dos[:1]]


def attribute(clause: Clause) -> list[Operation] | None:
    """More contrast; increase the brightness; reduce the noise; take the colours out."""
    found: list[Operation] = []
    for chunk in tuple(clause.left):
        kind = _changed(chunk, clause)
        if kind is not None:
            clause.left.remove(chunk)
            clause.picture = clause.picture or picture_of(chunk)
            found.append(operation_of(kind, "strong" in chunk.degree, clause.picture))
    return found if found and clause.done else None


def _changed(chunk: Chunk, clause: Clause) -> str | None:
    if not _is_attribute(chunk):
        return None
    name = chunk.value("attribute")
    if clause.does("remove"):
        return (
            "black_and_white"
            if name == "saturation" and not chunk.degree
            else _LESS["noise"]
            if name == "noise"
            else None
        )
    if clause.does("down") or ("less" in chunk.degree and clause.does(*_MAKING)):
        return _LESS.get(name)
    if clause.does("up") or ("more" in chunk.degree and clause.does(*_MAKING)):
        return _MORE.get(name)
    return _MORE.get(name) if clause.verbs == {"add"} or (clause.does("add") and name == "contrast") else None


def _is_attribute(chunk: Chunk) -> bool:
    """An attribute of the whole picture, and only how much: "couleurs plus froides" are not more."""
    if chunk.kind != "np" or not chunk.has("attribute"):
        return False
    whole = chunk.of is None or is_whole(chunk.of)
    said = [
        p for p in chunk.described if not (p.has("look", "upscale") and chunk.has("attribute", "resolution"))
    ]
    return whole and all(is_idle(part) and not part.has("look") for part in said)


def looks_of(chunk: Chunk) -> list[str]:
    """The looks that a phrase names, in order; none when they only describe a thing."""
    if chunk.kind != "np" or set(chunk.prep) & {"without", "behind", "front", "above", "below", "beside"}:
        return []
    if chunk.unknown and not chunk.has("thing"):  # which may mean another look than the known words do
        return []
    parts = [*chunk.before, chunk.lexeme, *chunk.after]
    if chunk.has("look") and not _is_scene(chunk):
        other = chunk.of is not None and not _of_picture(chunk.of)
        return [] if other or _is_there(chunk) else _named(parts, chunk)
    if (
        not any(chunk.has("noun", kind) for kind in _ASPECTS)
        and not _tinted(chunk)
        and not chunk.has("pronoun", "it")
    ):
        return []
    if chunk.has("noun", "picture") and chunk.before and chunk.determiner in ("definite", "possessive"):
        parts = [chunk.lexeme, *chunk.after]
    found = _named([part for part in parts if part is not chunk.lexeme], chunk)
    if chunk.of is None:
        return found
    inner = looks_of(chunk.of)
    return found + inner if inner or _of_picture(chunk.of) else []


def _is_there(chunk: Chunk) -> bool:
    """ "Change the sketch", "make the night brighter": something that the picture has already."""
    definite = chunk.determiner in ("definite", "possessive") and not chunk.prep
    several = any(part.has("look") for part in chunk.described)
    return definite and (several or chunk.value("look") in (*STYLES, "black_and_white"))


def _is_scene(chunk: Chunk) -> bool:
    """In the snow, on the sunset: a place to stand, not a look."""
    return (
        chunk.has("thing")
        and bool(chunk.prep)
        and not set(chunk.prep) & {"at", "with", "to", "as", "into", "like"}
    )


def _of_picture(chunk: Chunk) -> bool:
    return is_whole(chunk) or chunk.has("thing") or chunk.has("pronoun")


def _tinted(chunk: Chunk) -> bool:
    """Vivid colours, warm light: the attribute that a look describes."""
    return chunk.has("attribute", "saturation", "brightness", "quality") and any(
        p.has("look") for p in chunk.described
    )


def _named(parts: list[Lexeme], chunk: Chunk) -> list[str]:
    """The looks among the words; none at all if another word would get lost."""
    found = [part.value("look") for part in parts if part.has("look")]
    if not all(part.has("look") or is_idle(part) or part.has("colour", "#d4af37") for part in parts):
        return []
    if "less" in chunk.degree:
        return [_OPPOSITE[kind] for kind in found] if all(kind in _OPPOSITE for kind in found) else []
    return found

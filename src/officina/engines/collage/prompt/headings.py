"""Headings: what stands before a wish and only names what there is, or what the picture is for."""

from __future__ import annotations

from collections.abc import Iterator

from officina.engines.collage.prompt.chunk import Chunk

_LEAST_COUNT = 2
_SAYING = frozenset(
    {"look", "colour", "part", "garment", "thing", "layout", "axis", "attribute", "guard", "place", "pronoun"}
)


_TOLD = frozenset({"look", "colour", "part", "garment", "guard", "layout"})


def heads(chunk: Chunk) -> bool:
    """A part of a title that asks for nothing."""
    if chunk.kind not in ("np", "unknown") or chunk.of is not None or chunk.picture or chunk.prep:
        return False
    picture = chunk.has("noun", "picture")  # "phone wallpaper" is one for a phone
    parts = [part for part in chunk.described if not (picture and part.has("thing"))]
    return not any(part.any_of(_SAYING) for part in (chunk.lexeme, *parts)) and not chunk.has(
        "noun", "background", "text", "sticker", "outline", "gradient", "duotone", "copies", "letters", "blur"
    )


def counts_pictures(chunk: Chunk) -> bool:
    counted = chunk.kind == "np" and chunk.has("noun", "picture") and (chunk.count or 0) >= _LEAST_COUNT
    return counted and not chunk.prep and not any(map(says, nested(chunk)))


def says(chunk: Chunk) -> bool:
    """Whether a phrase may be more than a name for what there is."""
    return any(part.any_of(_TOLD) for part in (chunk.lexeme, *chunk.described))


def nested(chunk: Chunk) -> Iterator[Chunk]:
    yield chunk
    if chunk.of is not None:
        yield from nested(chunk.of)

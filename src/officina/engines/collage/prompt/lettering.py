"""Frames of writing: quoted texts, each with its place, its size and its colour."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

from officina.engines.collage.plan import Operation, Place, Text
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import Clause, colour_in, colours, is_idle, is_noun, is_whole, rgb
from officina.engines.collage.prompt.language import Lexeme

_WRITING = ("write", "add", "put", "give", "show", "apply", "use", "make", "have", "")
_SIZES: Mapping[str, Literal["small", "large"]] = {"small": "small", "large": "large"}
_PLACES: Mapping[str, Place] = {place: place for place in get_args(Place)}


def text(clause: Clause) -> list[Operation] | None:
    """Write 'SALE' at the top in red."""
    quotes = [chunk for chunk in clause.left if chunk.kind == "quote"]
    if not quotes or not clause.does(*_WRITING):
        return None
    return _texts(clause, quotes) if len(quotes) > 1 else _text(clause, quotes[0])


def _text(clause: Clause, quote: Chunk) -> list[Operation] | None:
    label = clause.take(is_noun("text"))
    if not clause.does("write", "add", "put") and label is None and not _is_placed(clause):
        return None
    clause.left.remove(quote)
    labels = [label] if label else []
    while (more := clause.take(is_noun("text", "letters"))) is not None:
        labels.append(more)
    parts = [part for chunk in labels for part in chunk.described]
    parts += [part for chunk in labels if chunk.of for part in colour_in(chunk.of)]
    spots = [chunk for chunk in clause.left if _is_spot(chunk)]
    parts += [p for chunk in spots for p in chunk.described if p.has("colour") or p.has("size")]
    within = [part.value("place") for part in parts if part.has("place")]
    parts = [part for part in parts if not part.has("place")]
    where = _placed(clause, within)
    if where is None:
        return None
    while (
        tint := clause.take(lambda c: c.kind == "np" and (len(colour_in(c)) == 1 or _is_size(c)))
    ) is not None:
        parts += [tint.lexeme, *tint.described] if _is_size(tint) else [*colour_in(tint), *tint.described]
        where = "top" if "above" in tint.prep else where
    clause.take(lambda c: is_noun("colour")(c) and not c.described and not c.of)
    said = all(is_idle(p) or p.has("colour") or p.has("noun", "text", "letters") for p in parts)
    if not said or not clause.done:
        return None
    return _written(clause, quote, parts, where)


def _texts(clause: Clause, quotes: Sequence[Chunk]) -> list[Operation] | None:
    """'A' at the top and 'B' at the bottom in red; top text: 'A', bottom text: 'B'.

    A colour or a size that is told behind the last is that of all, unless others have their own.
    """
    groups, shared = _grouped(clause.left, quotes)
    heads = [chunk for chunk in clause.chunks if chunk.kind == "verb"]
    written: list[Operation] = []
    for group in groups:
        rest = [chunk for chunk in shared if chunk not in group]
        written += text(Clause((*heads, *group, *rest), clause.words)) or []
    clause.left = []
    spots = {each.place for each in written if isinstance(each, Text)}
    return written if len(spots) == len(quotes) else None


def _grouped(left: Sequence[Chunk], quotes: Sequence[Chunk]) -> tuple[list[Sequence[Chunk]], list[Chunk]]:
    """Each text with what is said of it alone, and what is said of all."""
    places = [left.index(quote) for quote in quotes]
    first = left[0]
    if first.kind != "quote" and any(part.has("place") for part in (first.lexeme, *first.described)):
        cuts = [0, *(at + 1 for at in places)]
        return [left[a:b] for a, b in itertools.pairwise(cuts)], list(left[cuts[-1] :])
    cuts = [0, *places[1:], len(left)]
    groups = [left[a:b] for a, b in itertools.pairwise(cuts)]
    own = any(colour_in(chunk) or _is_size(chunk) for group in groups[:-1] for chunk in group)
    return groups, [] if own else [c for c in groups[-1] if colour_in(c) or _is_size(c)]


def _written(clause: Clause, quote: Chunk, parts: list[Lexeme], where: Place) -> list[Operation] | None:
    tints = colours(parts)
    if len({part.value("colour") for part in tints}) > 1:
        return None
    size = next((part.value("size") for part in parts if part.has("size")), "")
    written = Text(quote.lexeme.quoted or "", where, size=_SIZES.get(size, "normal"), picture=clause.picture)
    return [replace(written, colour=rgb(tints[0]), colour_name=clause.words(tints[0])) if tints else written]


def _is_size(chunk: Chunk) -> bool:
    return chunk.has("size") and all(is_idle(part) or part.has("colour") for part in chunk.described)


def _is_placed(clause: Clause) -> bool:
    """Whether only a place, a colour and a size stand beside a quoted text: 'SALE' at the top in red."""
    others = [chunk for chunk in clause.left if chunk.kind != "quote"]
    return any(map(_is_spot, others)) and all(
        _is_spot(c) or colour_in(c) or _is_size(c) or is_noun("all")(c) for c in others
    )


def _placed(clause: Clause, within: Sequence[str] = ()) -> Place | None:
    """Where the text goes; None for places that it cannot go to."""
    found = list(within)
    while (spot := clause.take(_is_spot)) is not None:
        found += [part.value("place") for part in (spot.lexeme, *spot.described) if part.has("place")]
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
    return within and all(
        part.has("place") or part.has("colour") or is_idle(part) for part in chunk.described
    )

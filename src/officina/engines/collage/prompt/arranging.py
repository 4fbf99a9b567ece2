"""Frames of arranging: all pictures side by side, above each other, in a grid, before and after."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from officina.engines.collage.plan import Arrange, Operation
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import (
    Clause,
    is_idle,
    is_noun,
    is_whole,
)
from officina.engines.collage.prompt.looks import operation_of

_LAST = 2
"""Which picture of a pair is on the right."""


def arrange(clause: Clause) -> list[Operation] | None:
    """All pictures side by side, in a grid, before and after."""
    if not clause.does(
        "put", "show", "make", "arrange", "turn", "add", "use", "combine", "juxtapose", "stack", ""
    ):
        return None
    if clause.does("stack"):
        return _stacked(clause)
    found = clause.take(lambda c: c.kind == "np" and _layout(c) != "" and _all_idle(c))
    if found is None:
        clause.take(lambda c: is_whole(c) and "in" in c.prep and c.picture is None)  # "in one picture"
        beside = clause.does("juxtapose") and clause.left and all(map(_is_picture, clause.left))
        beside = beside and _ascending(clause.left) and (len(clause.left) > 1 or not clause.left[0].picture)
        return [Arrange("row")] if beside else None
    return _laid_out(clause, found)


def _laid_out(clause: Clause, found: Chunk) -> list[Operation] | None:
    if found.of is not None and not (found.of.has("noun", "picture", "all") or found.of.has("layout")):
        return None
    if found.of is not None and (found.of.unknown or (found.of.described and not _before(found))):
        return None
    layout = "row" if _layout(found) == "together" else _layout(found)
    meant = [c for c in clause.left if _is_picture(c) or is_noun("all")(c)]
    named = meant or found.of or (found.count or 0) > 1  # "the three side by side"
    if (layout in ("row", "column") and not named) or not _ascending(meant):
        return None
    clause.take(lambda c: c.has("pronoun", "it") and not c.prep)
    if layout == "grid":
        clause.take(lambda c: c.kind == "ratio" and c.ratio[0] == c.ratio[1])
    if layout in ("row", "before_after"):
        _take_sides(clause)
    numbered: Sequence[Chunk] = [c for c in clause.left if is_noun("picture", "all")(c) and not c.described]
    for chunk in numbered:
        clause.left.remove(chunk)
    clause.take(lambda c: is_noun("one")(c) or c.has("noun", "picture") or _is_layout_of_pictures(c))
    clause.take(lambda c: c.kind == "np" and _layout(c) == _layout(found) and _all_idle(c) and not c.of)
    return [*_before(found), Arrange(layout)] if not clause.left else None  # type: ignore[arg-type]


def _take_sides(clause: Clause) -> None:
    """ "Picture 1 on the left, picture 2 on the right": where each is, anyway."""
    for before, chunk in itertools.pairwise(tuple(clause.left)):
        number = before.picture if is_noun("picture", "one")(before) else None
        side = chunk.has("place", "left") if number == 1 else number == _LAST and chunk.has("place", "right")
        if number is not None and side and not chunk.described:
            clause.left = [each for each in clause.left if each is not before and each is not chunk]


def _ascending(pictures: Sequence[Chunk]) -> bool:
    """Whether pictures are named as they are laid out anyway: from the first, and none left out."""
    numbers = [chunk.picture for chunk in pictures if chunk.picture is not None]
    return numbers == list(range(1, len(numbers) + 1))


def _is_picture(chunk: Chunk) -> bool:
    """A picture, or "them"."""
    return is_noun("picture")(chunk) or (chunk.has("pronoun", "it") and not chunk.prep)


def _before(found: Chunk) -> list[Operation]:
    """What is done first: before and after of the sharpened image."""
    described = found.of.described if found.of is not None and _layout(found) == "before_after" else ()
    looks = [part.value("look") for part in described if part.has("look")]
    return [operation_of(kind, False, None) for kind in looks] if len(looks) == len(described) else []


def _is_layout_of_pictures(chunk: Chunk) -> bool:
    """A collage of all photos."""
    if not is_noun("layout_word")(chunk) or chunk.described:
        return False
    return chunk.of is None or (chunk.of.has("noun", "picture", "all") and not chunk.of.described)


def _stacked(clause: Clause) -> list[Operation] | None:
    """Stack the pictures: above each other, if nothing else is said."""
    axis = clause.take(lambda c: c.has("axis", "horizontal", "vertical"))
    if not clause.left or not all(is_noun("picture")(c) and not c.described for c in clause.left):
        return None
    return [Arrange("row" if axis is not None and axis.has("axis", "horizontal") else "column")]


def _layout(chunk: Chunk) -> str:
    """The layout that a phrase names: in a grid, a side by side comparison."""
    if chunk.has("layout"):
        return chunk.value("layout")
    parts = (*chunk.described, chunk.of.lexeme) if chunk.of is not None else chunk.described
    named = [part.value("layout") for part in parts if part.has("layout")]
    return named[0] if named and chunk.has("noun", "layout_word") else ""


def _all_idle(chunk: Chunk) -> bool:
    return all(
        is_idle(part) or part.has("noun", "picture", "layout_word") or part.has("layout")
        for part in chunk.described
    )

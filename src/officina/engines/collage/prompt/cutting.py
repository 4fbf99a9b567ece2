"""Frames of cutting out: no background, a transparent one, a sticker with its outline."""

from __future__ import annotations

from officina.engines.collage.plan import Operation, RemoveBackground, Sticker
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import (
    Clause,
    Outlined,
    colour_in,
    colours,
    is_background,
    is_idle,
    is_noun,
    is_place,
    is_subject,
    is_thing,
    only_in,
    picture_of,
    plain,
    rgb,
)

SETTING = (
    "put",
    "make",
    "change",
    "replace",
    "turn",
    "add",
    "use",
    "give",
    "apply",
    "show",
    "have",
    "paint",
    "cut",
    "",
)
"""Verbs that give a picture another background."""
_AROUND = frozenset({"around", "of", "from", "to", "at"})
_OWNING = frozenset({"of", "from", "behind", "around", "to", "on", "in"})
"""How one stands to a background who is before it; "togli lo sfondo al cane" takes it from the dog."""


def remove_background(clause: Clause) -> list[Operation] | None:
    """Remove the background; cut out the cat; a transparent background."""
    picture = _removed(clause) if clause.does("remove") else None
    if picture is None and clause.does("cut", "isolate"):
        picture = _cut_out(clause)
    if picture is None and clause.does(*SETTING):
        picture = _transparent(clause)
    if picture is None and clause.does("make", "have", ""):
        picture = _freed(clause)
    if picture is None and clause.does("remove_background"):
        picture = []
    if picture is None:
        return None
    while clause.take(lambda c: _is_clear(c) and c.has("state")) is not None:
        pass
    if not clause.done:
        return None
    return [RemoveBackground(next(iter(picture), None) or clause.picture)]


def _freed(clause: Clause) -> list[int | None] | None:
    """The teapot, cut out: its background is transparent."""
    kept = clause.take(lambda c: is_subject(c) and not is_place(c) and not c.prep and _is_freed(c))
    return [picture_of(kept)] if kept else None


def _is_freed(chunk: Chunk) -> bool:
    certain = chunk.determiner in ("definite", "possessive")
    return certain and not chunk.before and bool(chunk.after) and only_in(chunk, "transparent")


def _removed(clause: Clause) -> list[int | None] | None:
    ground = clause.take(lambda c: is_background(c) and plain(c) and not c.prep)
    if ground is None:
        return None
    owner = owner_of(clause, ground)
    return [picture_of(ground) or picture_of(owner)]


def owner_of(clause: Clause, ground: Chunk) -> Chunk | None:
    """Who is before a background: of the man; "tutto quello che c'è dietro | la ragazza"."""
    hows = {*_OWNING, "on", "in"}
    return clause.take(
        lambda c: is_subject(c) and (not hows.isdisjoint(c.prep) or (not c.prep and c.start == ground.end))
    )


def _cut_out(clause: Clause) -> list[int | None] | None:
    """What stays is what the cut-out finds; a place cannot be cut out."""
    clause.take(lambda c: _is_clear(c) and c.has("state"))
    kept = clause.take(lambda c: is_subject(c) and not is_place(c) and not c.prep and plain(c))
    ground = clause.take(lambda c: is_background(c) and plain(c) and bool({"from", "of"} & set(c.prep)))
    clause.take(lambda c: _is_clear(c) and "with" in c.prep)
    if kept is not None and kept.of is not None and is_thing(kept.of) and not is_place(kept.of):
        return None  # one of a group
    if kept is None:
        return [] if clause.does("cut") and not clause.left and ground is None else None
    while clause.take(lambda c: is_subject(c) and not is_place(c) and not c.prep and plain(c)) is not None:
        pass
    return [picture_of(kept) or picture_of(ground)]


def _transparent(clause: Clause) -> list[int | None] | None:
    """A transparent background; make the background transparent; replace it with transparency."""
    clear = clause.take(_is_clear)
    if clear is None:
        return None
    ground = clause.take(lambda c: is_background(c) and plain(c)) if not is_background(clear) else clear
    if ground is None:
        alone = not clause.verbs and not clear.described and clear.of is None and not clear.prep
        named = clear.of is not None and is_subject(clear.of) and not is_place(clear.of)
        return [picture_of(clear)] if (alone or named) and clear.has("state") else None
    clause.take(lambda c: _is_clear(c) and c.has("state"))  # "as a PNG" says it again
    kept = (
        clause.take(lambda c: is_subject(c) and not c.prep)
        if clause.does("put", "cut", "show", "give")
        else None
    )
    return [picture_of(ground) or picture_of(kept)]


def _is_clear(chunk: Chunk) -> bool:
    if chunk.kind != "np":
        return False
    parts = (chunk.lexeme, *chunk.described)
    if not any(part.has("state", "transparent") for part in parts) or "without" in chunk.prep:
        return False
    rest = [part for part in chunk.described if not part.has("state", "transparent", "plain")]
    return all(map(is_idle, rest)) and (
        is_background(chunk) or chunk.has("state") or chunk.has("noun", "one")
    )


def sticker(clause: Clause) -> list[Operation] | None:
    """A sticker of the dog with a white outline."""
    if not clause.does("make", "turn", "cut", "isolate", "show", "change", "use", "give", "add", ""):
        return None
    made = clause.take(lambda c: is_noun("sticker")(c) and plain(c)) or clause.take(_sticker_look)
    if made is None:
        return None
    subject = clause.take(lambda c: is_subject(c) and not is_place(c) and set(c.prep) <= _AROUND)
    edge = clause.take(is_noun("outline"))
    clause.take(_is_edge)
    named = colours(edge.described) if edge else colours(made.described)
    edge = edge or (made if named else None)
    tint = clause.take(lambda c: len(colour_in(c)) == 1) if edge and not named else None
    named += colour_in(tint) if tint else []
    if edge and edge.of is not None and edge is not made:
        named += colour_in(edge.of)
    _transparent(clause)
    if len(named) > 1 or not clause.done:
        return None
    picture = picture_of(made) or picture_of(subject) or clause.picture
    if not named:
        return [Sticker(picture=picture)]
    return [Sticker(rgb(named[0]), clause.words(named[0]), picture)]


def outlined(clause: Clause) -> list[Outlined] | None:
    """A white outline around it: of what the rest of the prompt cuts out."""
    if not clause.does("add", "put", "give", "make", "show", ""):
        return None
    edge = clause.take(is_noun("outline"))
    if edge is None or (edge.prep and set(edge.prep) != {"with"}):
        return None
    named = colours(edge.described) + (colour_in(edge.of) if edge.of else [])
    clause.take(_is_edge)
    if len(named) != 1 or not all(is_idle(p) or p.has("colour") for p in edge.described) or not clause.done:
        return None
    return [Outlined(rgb(named[0]), clause.words(named[0]))]


def _is_edge(chunk: Chunk) -> bool:
    """Round the edge, around the dog: where an outline is anyway."""
    if "around" not in chunk.prep or not all(map(is_idle, chunk.described)):
        return False
    return is_noun("outline")(chunk) or (is_subject(chunk) and not is_place(chunk))


def _sticker_look(chunk: Chunk) -> bool:
    """A sticker effect, perhaps with its outline in the same phrase."""
    if not is_noun("effect", "one")(chunk) or not any(
        part.has("noun", "sticker") for part in chunk.described
    ):
        return False
    return all(is_idle(p) or p.has("colour") or p.has("noun", "sticker", "outline") for p in chunk.described)

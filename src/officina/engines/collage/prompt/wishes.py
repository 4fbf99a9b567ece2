"""Wishes that are granted by doing nothing more: parts to be kept, good looks, what must not be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from officina.engines.collage.plan import Operation
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import (
    Clause,
    Only,
    Role,
    Shows,
    Wish,
    is_idle,
    is_noun,
    is_subject,
    is_thing,
    is_whole,
    picture_of,
    plain,
)
from officina.engines.collage.prompt.language import Lexeme

_PARTS = ("part", "garment", "thing", "pronoun", "attribute", "noun", "place", "guard")
_KEPT_NOUNS = {"background": "background", "colour": "colours", "colours": "colours", "format": "format"}
_SPOKEN_OF = frozenset({"part", "pronoun"})
WHOLE = "whole"
_WHERE = frozenset({"on", "in", "in_on", "over", "above"})
_CASTING = frozenset({"use", "take", "make", "put", "show", "apply", "add", "arrange"})


def keep(clause: Clause) -> list[Wish] | None:
    """Keep the face unchanged; the background should stay the same."""
    if _is_same(clause):
        return [Wish()]
    stays = clause.be == "should" or clause.does("keep") or _rest_unchanged(clause)
    if not stays or any(clause.verbs - {"keep", "make", "let"}):
        return None
    if _keeps_after_a_mark(clause):
        return None
    same = [c for c in clause.left if c.kind == "np" and c.has("unchanged")]
    for chunk in same:
        clause.left.remove(chunk)
    parts = list(clause.left)
    marked = bool(same) or any(map(_stays, (part for chunk in parts for part in chunk.after)))
    if not parts or not all(map(_keepable, parts)) or not (marked or clause.does("keep")):
        return None
    if ((clause.be == "should" and not clause.does("keep")) or clause.does("let")) and not marked:
        return None
    return [Wish(kept_in(parts))]


def _is_same(clause: Clause) -> bool:
    """ "Same villa, but at night": of what is shown."""
    if len(clause.chunks) != 1 or not clause.left or clause.left[0].kind != "np":
        return False
    chunk = clause.left[0]
    named = is_thing(chunk) or chunk.has("noun", "picture")
    same = bool(chunk.before) and chunk.before[0].has("unchanged")
    return (
        named and same and not chunk.prep and all(p.has("unchanged") or is_idle(p) for p in chunk.described)
    )


def _rest_unchanged(clause: Clause) -> bool:
    """ "Ansonsten unverändert", "Hintergrund so lassen": no verb is needed."""
    if not clause.does("") or clause.be or len(clause.left) > 2:
        return False
    words = [part for chunk in clause.left for part in (chunk.lexeme, *chunk.described)]
    told = any(word.has("noun", "rest", "background", "all") or word.any_of(_SPOKEN_OF) for word in words)
    return told and any(word.has("unchanged") for word in words)


def _keeps_after_a_mark(clause: Clause) -> bool:
    """ "Pixel art, keep the face": what stands before the mark is not to be kept."""
    at = next((n for n, chunk in enumerate(clause.chunks) if chunk.has("verb", "keep")), 0)
    return at > 0 and clause.chunks[at - 1].end < clause.chunks[at].start


def ignore(clause: Clause) -> list[Wish] | None:
    """Ignore the third picture; ignore the writing on the wall: it stays as it is."""
    named = clause.does("ignore") and clause.left and all(c.kind in ("np", "unknown") for c in clause.left)
    return [Wish()] if named else None


def only(clause: Clause) -> list[Only] | None:
    """Only the cup: what is recoloured elsewhere in the prompt, and nothing else."""
    if len(clause.chunks) != 1 or not clause.left:
        return None
    chunk = clause.left[0]
    somebody = is_thing(chunk) or chunk.has("pronoun", "person")
    named = somebody and "only" in chunk.degree and not chunk.described and not chunk.prep
    return [Only(chunk.value("thing"))] if named else None


def _keepable(chunk: Chunk) -> bool:
    if chunk.kind in ("guard", "unknown"):
        return True
    if (
        chunk.kind != "np"
        or chunk.has("noun", "copies")
        or (chunk.prep and not set(chunk.prep) & {"of", "with", "in", "from"})
    ):
        return False
    if (
        not any(chunk.has(category) for category in _PARTS)
        and not chunk.has("look")
        and not chunk.has("quality")
    ):
        return False
    if "only" in chunk.degree or (
        set(chunk.prep) & {"in", "with"} and not chunk.has("part") and not chunk.has("garment")
    ):
        return False
    return all(
        is_idle(p) or _stays(p) or p.has("colour") or (_is_part(p) and not p.has("state"))
        for p in chunk.described
    )


def _is_part(part: Lexeme) -> bool:
    return any(part.has(category) for category in _PARTS)


def _stays(part: Lexeme) -> bool:
    """As it is; and sharp, which it is."""
    return part.has("unchanged") or part.has("look", "sharpen")


def kept_in(parts: Sequence[Chunk]) -> frozenset[str]:
    """What must stay as it is, as words that an operation's changes are compared with."""
    kept: set[str] = set()
    phrases = [chunk for chunk in parts if chunk.kind == "np"]
    named = [chunk for chunk in phrases if not chunk.has("pronoun", "it")]  # "i visi non toccarli": those
    for chunk in named or phrases:
        if chunk.has("noun", "background"):
            kept.add("background")
        elif chunk.has("noun", "colour") or chunk.has("attribute", "saturation"):
            kept.add(
                "colours" if chunk.of is None or is_whole(chunk.of) else f"thing {chunk.of.value('thing')}"
            )
        elif chunk.has("noun", "format"):
            kept.add("format")
        elif is_thing(chunk):
            kept.add(f"thing {chunk.value('thing')}")
        elif is_noun("picture", "all")(chunk) or chunk.has("pronoun", "it"):
            kept.add(WHOLE)
    return frozenset(kept)


def quality(clause: Clause) -> list[Wish] | None:
    """Realistic, high quality; with natural shadows; match the lighting; blend it in."""
    if not clause.does("make", "keep", "add", "match", "show", "have", "give", "use", "let", ""):
        return None
    if not clause.left or any(picture_of(chunk) is not None for chunk in clause.left):
        return None
    if clause.does("") and len(clause.chunks) == 1 and _is_modest(clause.left[0]):
        return [Wish()]
    good = [c for c in clause.left if _praises(c)]
    if clause.does("match"):
        return [Wish()] if all(_matchable(c) for c in clause.left) else None
    if not good or not all(c in good or _praised(c) for c in clause.left):
        return None
    return [Wish()]


def _is_modest(chunk: Chunk) -> bool:
    """ "…, fairly small": what stands in a scene is as large as its likes are."""
    small = chunk.kind == "np" and chunk.has("size", "small") and not chunk.prep and chunk.of is None
    return small and not chunk.described and not chunk.unknown and not chunk.determiner


def _praises(chunk: Chunk) -> bool:
    """A phrase of which every word that matters says how good it must look."""
    if (
        chunk.kind != "np"
        or chunk.unknown
        or "less" in chunk.degree
        or set(chunk.prep) & {"without", "on", "behind"}
    ):
        return False
    if chunk.of is not None and not is_whole(chunk.of) and not _praised(chunk.of):
        return False
    if chunk.has("quality"):
        return all(is_idle(part) for part in chunk.described)
    named = chunk.has("noun", "light", "aspect", "effect", "picture", "one") or chunk.has(
        "attribute", "quality", "resolution"
    )
    return (
        named
        and any(part.has("quality") for part in chunk.described)
        and all(is_idle(part) for part in chunk.described)
    )


def _praised(chunk: Chunk) -> bool:
    """What a word of praise may be said of."""
    if chunk.kind != "np" or not all(map(is_idle, chunk.described)):
        return False
    return (is_whole(chunk) or is_noun("light", "aspect", "all")(chunk)) and picture_of(chunk) is None


def _matchable(chunk: Chunk) -> bool:
    if chunk.kind != "np" or not all(map(is_idle, chunk.described)):
        return False
    if chunk.has("noun", "picture", "all") and not chunk.prep:
        return False
    return (
        _praised(chunk)
        or chunk.has("noun", "background", "colour")
        or chunk.has("thing")
        or chunk.has("pronoun")
        or chunk.has("quality")
        or chunk.has("attribute", "saturation", "brightness")
    )


def shows(clause: Clause) -> list[Shows] | None:
    """Image 1 is the girl: which picture shows what."""
    if clause.verbs - {"show"} or clause.dos or clause.poses or len(clause.left) != 2:
        return None
    first, second = clause.left
    if is_thing(first) and is_noun("picture")(second) and second.picture and "in" in second.prep:
        return [Shows(first.value("thing"), second.picture)] if not first.prep else None
    if not (clause.be or clause.verbs):
        return None
    if clause.be and is_thing(first) and is_noun("picture")(second):
        first, second = second, first
    if not (is_noun("picture")(first) and first.picture is not None and is_thing(second)):
        return None
    if second.prep or first.prep or second.picture is not None:
        return None
    return [Shows(second.value("thing"), first.picture)]


def roles(clause: Clause) -> list[Role] | None:
    """Use image 1 as the subject and image 2 as the scene; image 2 is the background; just "image 1"."""
    if clause.dos or clause.verbs - _CASTING or not clause.left:
        return None
    if len(clause.left) == 1 and not clause.verbs and not clause.be:
        return _lone_role(clause.left[0])
    found = [_role(*pair) for pair in zip(clause.left[::2], clause.left[1::2], strict=False)]
    if len(clause.left) % 2 or not all(found):
        return None
    return [role for role in found if role]


def both_roles(clause: Clause) -> list[Role] | None:
    """Two roles in one clause, before one of them is taken for a background."""
    found = roles(clause) if len(clause.left) > 2 else None
    return found if found and len(found) > 1 else None


def _lone_role(chunk: Chunk) -> list[Role] | None:
    named = is_noun("picture")(chunk) and chunk.picture is not None and not chunk.described and not chunk.of
    return [Role("only", chunk.picture)] if named and chunk.picture and not chunk.prep else None


def _role(first: Chunk, second: Chunk) -> Role | None:
    """The role of a picture, whichever of the two is named first."""
    if not is_noun("picture")(first):
        first, second = second, first
    if not (is_noun("picture")(first) and first.picture) or first.prep or second.kind != "np":
        return None
    kind = _role_kind(second)
    if kind is None or set(second.prep) - {"as", "like", "for", "to", "in_on"} or second.picture:
        return None
    return Role(kind, first.picture)


def _role_kind(chunk: Chunk) -> Literal["subject", "scene", "background"] | None:
    if not all(map(is_idle, chunk.described)) or chunk.of is not None:
        return None
    if chunk.has("noun", "background"):
        return "background"
    if chunk.has("thing", "scene"):
        return "scene"
    return "subject" if chunk.has("thing", "subject") else None


def denied(parts: Sequence[Chunk]) -> bool:
    """Whether a denied phrase may simply stay undone: "no text", "don't change her hair"."""
    verbal = any(part.kind == "verb" for part in parts)
    kinds = ("np", "guard", "verb", "be", "pose", "quote", "ratio", *(("unknown",) if verbal else ()))
    return all(part.kind in kinds or part.has("absent") for part in parts)


def forbidden(parts: Sequence[Chunk], operations: tuple[Operation, ...]) -> Wish:
    """The wish in a denied clause: no such operation, or nothing done to these parts."""
    changes = any(part.has("verb", "change", "keep") for part in parts)
    verbal = any(part.kind == "verb" for part in parts)
    named = verbal or all(map(is_thing, parts))
    kept = kept_in(parts) if named and (changes or not operations) else frozenset()
    return Wish(kept if changes else kept - {WHOLE}, operations)


def no_background(parts: Sequence[Chunk]) -> bool:
    """No background asks for something, unlike no text."""
    return len(parts) == 1 and is_noun("background")(parts[0]) and all(map(is_idle, parts[0].described))


def absent(chunk: Chunk) -> bool:
    """What there is none of unless it is made: text, borders, distortion."""
    return (
        chunk.kind == "guard"
        or chunk.has("absent")
        or (
            chunk.kind == "np"
            and (
                (is_whole(chunk) and not _WHERE.isdisjoint(chunk.prep))
                or chunk.has("noun", "on_it", "in_it")
                or chunk.has("absent")
                or chunk.has("noun", "text", "letters", "blur", "outline")
                or chunk.has("look")
            )
        )
    )


def elsewhere(chunk: Chunk) -> bool:
    """Not beside it, not the wall: where something is not to go, or what is not meant."""
    where = {"beside", "on", "in", "in_on", "behind", "front", "above", "into", "at", "on_top"}
    if is_thing(chunk) and not chunk.prep and chunk.determiner == "definite":
        return plain(chunk)  # not the wall
    return chunk.kind == "np" and not where.isdisjoint(chunk.prep) and is_subject(chunk)


def listed(chunk: Chunk) -> bool:
    """A plain part in a list of what must not change."""
    if chunk.kind == "guard":
        return True
    named = any(
        chunk.has(category) for category in ("part", "garment", "thing", "attribute", "absent")
    ) or chunk.has("noun", "colour", "text", "background", "rest", "light", "aspect")
    return chunk.kind == "np" and not chunk.prep and named and all(map(is_idle, chunk.described))

"""Frames of placing: a subject of one picture into the scene of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from officina.engines.collage.plan import Arrange, Compose, Mention, Operation, Relation, Side
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import (
    Clause,
    Taken,
    attach_pictures,
    is_idle,
    is_noun,
    is_place,
    is_subject,
    is_thing,
    mention,
    picture_of,
    plain,
    with_novel_thing,
)
from officina.engines.collage.prompt.looks import looks_of, operation_of
from officina.engines.collage.prompt.whereabouts import (
    APART,
    BEARS,
    CORNERS,
    RELATIONS,
    SCENERY,
    SIDES,
    WORN,
    flies,
    in_order,
    is_around,
    is_small,
    names_a_side,
)
from officina.engines.collage.things import thing

_PLACING = ("put", "show", "make", "add", "let", "move", "")


@dataclass
class _Cast:
    """Who is placed where, as far as it was read."""

    subjects: list[Chunk] = field(default_factory=list)
    target: Chunk | None = None
    relation: Relation | None = None
    side: Side | None = None
    row: str = ""
    """Which corner was named: "top" or "bottom"."""

    @property
    def at_height(self) -> bool:
        """Whether the corner is one where the subject can be: what stands on something is not high up."""
        return not self.row or (self.target is not None and (self.row == "top") is (self.relation == "above"))


def compose(clause: Clause) -> list[Operation] | None:
    """Put the woman of image 1 on the boat; a girl is sitting on the boat; on the boat sits a girl."""
    dropped = clause.does("remove") and not clause.does("put")  # "drop the cat on the sofa" places it
    if not clause.does(*_PLACING) or clause.does("cut") or dropped or _tells_first(clause):
        return None
    first = next(iter(clause.left), None)
    looks = _unpacked(clause)
    if looks is None or (clause.left[:1] == [first] and _invents(clause)):
        return None
    cast = _Cast()
    clause.left = [with_novel_thing(chunk) for chunk in clause.left]
    attach_pictures(clause, keep_one=True)
    _take_side(clause, cast)
    if not (_take_together(clause, cast) or _take_target(clause, cast)):
        return None
    _take_subjects(clause, cast)
    _take_around(clause, cast)
    clause.take(is_small)
    if cast.target and {"on", "above"} <= set(cast.target.prep) and flies(cast.subjects, cast.target):
        cast.relation = "above"  # "sopra" is both
    if len(cast.subjects) > 1:
        clause.take(in_order)
    if not cast.subjects or clause.left or not _sensible(clause, cast):
        return None
    if cast.relation == "beside" and all(
        c.has("noun", "picture") for c in (*cast.subjects, cast.target) if c
    ):
        return [Arrange("row")] if cast.side is None else None
    return [_composed(clause, cast), *(operation_of(kind, False, None) for kind in looks)]


def _tells_first(clause: Clause) -> bool:
    """ "Picture 1 is my sofa and picture 2 is the lamp, put …": more than one clause."""
    kinds = [chunk.kind for chunk in clause.chunks if chunk.kind in ("be", "verb")]
    return kinds.count("be") > 1 or kinds[:2] == ["be", "verb"]


def _invents(clause: Clause) -> bool:
    """ "Generate the wolf beside the cabin", "add some birds to the sky": there is none in any picture."""
    if _pictured(clause):
        return False
    made = clause.does("generate") or (clause.does("add", "show") and not clause.does("put"))
    sure = clause.does("generate")
    return made and (sure or any(map(_is_new, clause.left)))


def _is_new(chunk: Chunk) -> bool:
    """A wolf, some birds: nobody has spoken of them."""
    return is_thing(chunk) and not chunk.prep and chunk.determiner == "indefinite" and chunk.of is None


def _pictured(clause: Clause) -> bool:
    """Whether a picture is named: "generate a wolf beside the cabin" asks for one that no picture shows."""
    return any(picture_of(chunk) is not None for chunk in clause.left)


def _composed(clause: Clause, cast: _Cast) -> Compose:
    pose = next((value for value in clause.poses if value in ("sitting", "standing")), None)
    target = mention(cast.target, clause.words) if cast.target else Mention()
    subjects = tuple(mention(chunk, clause.words) for chunk in cast.subjects)
    return Compose(subjects, cast.relation or "into", target, cast.side, pose)  # type: ignore[arg-type]


def _unpacked(clause: Clause) -> list[str] | None:
    """ "A watercolor of a girl on the boat" is the girl on the boat, and then the look."""
    first = next(iter(clause.left), None)
    if first is None or first.kind != "np":
        return []
    header = first.has("noun", "picture") and picture_of(replace(first, of=None)) is None
    looks = looks_of(replace(first, of=None)) if header or first.has("look") else []
    if not (header or looks) or first.prep or clause.does("put", "move"):
        return []
    if first.of is None or not is_subject(first.of):
        return []
    if first.determiner == "definite" or (
        header and not all(p.has("look") or is_idle(p) for p in first.described)
    ):
        return []
    clause.left[0] = replace(first.of, prep=())
    return looks


def _take_side(clause: Clause, cast: _Cast) -> None:
    """On the left; in the middle of the picture."""
    found = clause.take(
        lambda c: c.kind == "np" and c.has("place", "left", "right", "center") and names_a_side(c)
    )
    if found:
        cast.side = SIDES[found.value("place")]
        return
    corner = clause.take(lambda c: c.kind == "np" and c.has("place", *CORNERS) and names_a_side(c))
    if corner:
        cast.side = CORNERS[corner.value("place")]
        cast.row = corner.value("place").partition("_")[0]


def _relation(chunk: Chunk) -> Relation | None:
    """How a phrase stands to its subject, by its preposition."""
    for word in chunk.prep:
        if word == "in_on":
            shape = thing(chunk.value("thing")).shape
            return "on" if shape in BEARS else "in"
        if word in RELATIONS:
            return RELATIONS[word]
    return None


def _take_target(clause: Clause, cast: _Cast) -> bool:
    """The thing, place or picture that the subject is put on, into or beside."""
    target = clause.take(lambda c: _relation(c) is not None and is_subject(c) and plain(c))
    if target is None:
        target = clause.take(lambda c: _relation(c) is not None and is_noun("picture")(c) and plain(c))
        if target is None:
            target = _middle(clause) or _other(clause)
    if target is None:
        return _turned_round(clause, cast)
    cast.target = target
    cast.relation = _relation(target)
    for side in ("left", "right"):
        if f"{side}_of" in target.prep:
            cast.side = SIDES[side]
    if "into" in target.prep and "in" in target.prep and not target.has("thing"):
        cast.relation = "into" if clause.does("put", "add", "move") else "in"
    return True


def _middle(clause: Clause) -> Chunk | None:
    """In the middle of the beach: on it."""
    found = clause.take(
        lambda c: c.kind == "np" and c.has("place", "center") and c.of is not None and is_thing(c.of)
    )
    return replace(found.of, prep=("in_on",)) if found is not None and found.of is not None else None


def _other(clause: Clause) -> Chunk | None:
    """Add the dog to picture 2: "to" says where only after such a verb."""
    if not clause.does("add", "put", "move"):
        return None
    found = clause.take(lambda c: "to" in c.prep and (is_place(c) or is_noun("picture")(c)) and plain(c))
    return replace(found, prep=("into",)) if found else None


def _turned_round(clause: Clause, cast: _Cast) -> bool:
    """A boat with a girl on it."""
    back = clause.take(lambda c: c.kind == "np" and c.has("noun", "on_it"))
    subject = clause.take(lambda c: "with" in c.prep and is_subject(c)) if back else None
    target = clause.take(lambda c: is_thing(c) and not c.prep) if subject else None
    if back is None or subject is None or target is None:
        return False
    cast.subjects.append(subject)
    cast.target = target
    cast.relation = "on" if "on" in back.lexeme.senses.get("on_it", ("on",)) else "in"
    return True


def _take_together(clause: Clause, cast: _Cast) -> bool:
    """The cat and the dog next to each other."""
    subjects = [chunk for chunk in clause.left if is_subject(chunk) and not chunk.prep]
    if len(subjects) < 2 and not any(chunk.count and chunk.count > 1 for chunk in subjects):
        return False
    beside = clause.take(lambda c: c.kind == "np" and c.has("layout", "together", "row") and not c.described)
    if beside is None or all(chunk.has("noun", "picture") for chunk in subjects):
        return False
    cast.relation = "beside"
    place = clause.take(lambda c: _relation(c) is not None and is_subject(c) and plain(c))
    if place is not None:
        cast.target, cast.relation = place, _relation(place)
    return True


def _take_subjects(clause: Clause, cast: _Cast) -> None:
    while (found := clause.take(lambda c: is_subject(c) and not c.prep and plain(c))) is not None:
        cast.subjects.append(found)
    if cast.subjects:
        while (
            more := clause.take(lambda c: "together_with" in c.prep and is_subject(c) and plain(c))
        ) is not None:
            cast.subjects.append(more)


def _take_around(clause: Clause, cast: _Cast) -> None:
    """In a boat on a lake, on a bench in the park: what is around it tells nothing new."""
    target = thing(cast.target.value("thing")) if cast.target else None
    if target is not None and target.shape == "place" and cast.relation in ("on", "in"):
        beyond = {"front", "beside", "by"}
        clause.take(
            lambda c: (
                not beyond.isdisjoint(c.prep)
                and c.has("thing", *SCENERY)
                and plain(c)
                and picture_of(c) is None
            )
        )
    if target is None or target.shape == "place" or not target.name:
        return
    where = {"on", "in", "in_on", "at"}
    clause.take(lambda c: bool(where & set(c.prep)) and plain(c) and is_around(target, c))


def _sensible(clause: Clause, cast: _Cast) -> bool:
    """Whether the parts go together: nothing is worn, nothing sits in two places."""
    if any(
        is_place(chunk) and not chunk.picture and not clause.does("put", "add", "") for chunk in cast.subjects
    ):
        return False
    if (
        not cast.at_height
        or _target_between(cast)
        or any(not _placeable(chunk) for chunk in cast.subjects)
        or not _enumerated(cast.subjects)
    ):
        return False
    target = cast.target
    if target is None:
        return True
    alive = thing(target.value("thing")).alive or target.value("pronoun") == "person"
    worn = any(chunk.value("thing") in WORN or chunk.has("novel") for chunk in cast.subjects)
    if alive and ((worn and cast.relation not in APART) or cast.relation in ("in", "into")):
        return False
    named = picture_of(target)
    if (
        named is None
        and not clause.poses
        and not clause.does("put", "add", "move")
        and target.has("noun", "picture")
    ):
        return False
    return named is None or all(picture_of(chunk) != named for chunk in cast.subjects)


def _target_between(cast: _Cast) -> bool:
    """ "The girl on the boat and the car": what follows the target is no subject, unless all subjects do."""
    if cast.target is None:
        return False
    return len({chunk.start < cast.target.start for chunk in cast.subjects}) > 1


def _enumerated(subjects: Sequence[Chunk]) -> bool:
    """Whether something stands between the subjects: "the cat and the dog", not "the cat the dog"."""
    ends = [(chunk.of.end if chunk.of else chunk.end) for chunk in subjects]
    told = len(subjects) > 1 and subjects[-1].has("pronoun", "it")  # "someone left it in the sun"
    return not told and all(end < after.start for end, after in zip(ends, subjects[1:], strict=False))


def _placeable(chunk: Chunk) -> bool:
    if chunk.has("pronoun"):
        return True
    if chunk.has("guard") and (chunk.of or chunk.determiner not in ("definite", "possessive")):
        return False  # "a painting of the dog" is no painting to be hung
    return (
        not is_thing(chunk)
        or not is_place(chunk)
        or picture_of(chunk) is not None
        or chunk.value("thing") in ("house", "tower", "castle", "moon", "tent")
    )


def taken(clause: Clause) -> list[Taken] | None:
    """Take the man of picture 1, or take him out of it: what happens to him follows."""
    if not clause.does("take", "remove"):
        return None
    attach_pictures(clause)
    if not clause.does("take") and not all(is_thing(c) and picture_of(c) for c in clause.left):
        return None
    cast = _Cast()
    _take_subjects(clause, cast)
    if not cast.subjects or clause.left or not all(map(_placeable, cast.subjects)):
        return None
    return [Taken(tuple(mention(chunk, clause.words) for chunk in cast.subjects))]

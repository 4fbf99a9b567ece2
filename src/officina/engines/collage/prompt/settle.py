"""What a list of operations comes to: pictures filled in, nothing twice, no contradiction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from officina.engines.collage.plan import (
    Arrange,
    BlackAndWhite,
    BlurBackground,
    Compose,
    Crop,
    Duotone,
    Enhance,
    Mention,
    Operation,
    Recolour,
    RemoveBackground,
    ReplaceBackground,
    Sticker,
    Stylise,
    TimeOfDay,
    Tone,
    Weather,
)
from officina.engines.collage.prompt.clause import Outlined, Wish
from officina.engines.collage.things import thing

LOOKS = (BlackAndWhite, Tone, Stylise, Weather, TimeOfDay, Enhance)
_GROUND = (RemoveBackground, ReplaceBackground, BlurBackground, Sticker)
_COLOURLESS = ("sepia", "vivid", "muted", "warmer", "cooler", "faded_film")


def settled(operations: Sequence[Operation], shown: Mapping[str, int]) -> tuple[Operation, ...]:
    """The operations, each once; cutting out first what is then placed adds nothing."""
    named = [_shown(operation, shown) for operation in operations]
    kept: list[Operation] = []
    for at, operation in enumerate(named):
        includes = (Compose, ReplaceBackground, Sticker)
        if isinstance(operation, RemoveBackground) and any(
            isinstance(later, includes) for later in named[at + 1 :]
        ):
            named[at + 1 :] = [_from_picture(later, operation.picture) for later in named[at + 1 :]]
            continue
        kept.append(operation)
    return tuple(dict.fromkeys(_compared_last(_before_it(kept))))


def _compared_last(operations: list[Operation]) -> list[Operation]:
    """ "Before and after, with the after in sepia": the looks are what was done in between."""
    compared = Arrange("before_after")
    if operations[:1] == [compared] and all(isinstance(each, LOOKS) for each in operations[1:]):
        return [*operations[1:], compared]
    return operations


def is_only(operations: Sequence[Operation], name: str) -> bool:
    """Whether only that thing gets another colour, or only the subject is left."""
    return any(
        isinstance(each, RemoveBackground) or (isinstance(each, Recolour) and each.target.thing == name)
        for each in operations
    )


def outlined(operations: Sequence[Operation], outline: Outlined) -> list[Operation]:
    """What is cut out gets its outline: that is a sticker."""
    return [
        Sticker(outline.colour, outline.name, each.picture)
        if isinstance(each, RemoveBackground | Sticker)
        else each
        for each in operations
    ]


def spoken_of(operations: Sequence[Operation], told: Sequence[Mention]) -> list[Operation]:
    """ "My dog Rex … put him there": a pronoun means what was talked of, if that was one."""
    if len({each.thing for each in told}) != 1:
        return list(operations)
    return [
        replace(each, subjects=(told[0],))
        if isinstance(each, Compose) and len(each.subjects) == 1 and _is_pronoun(each.subjects[0])
        else each
        for each in operations
    ]


def _is_pronoun(mention: Mention) -> bool:
    return not mention.word and mention.picture is None and mention.thing in ("person", "subject")


def with_roles(operations: Sequence[Operation], roles: Mapping[str, int]) -> list[Operation]:
    """The operations with the pictures that were given a role; subject and scene alone are put together."""
    subject, scene = roles.get("subject"), roles.get("scene", roles.get("background"))
    joins = any(isinstance(each, Compose | ReplaceBackground) for each in operations)
    found = [_cast(each, subject, scene, roles.get("only")) for each in operations]
    if joins or not (subject and scene):
        return found
    if "background" in roles:
        return [ReplaceBackground(scene=Mention(picture=scene), picture=subject), *found]
    return [Compose((Mention(picture=subject),), "into", Mention(picture=scene)), *found]


def _cast(operation: Operation, subject: int | None, scene: int | None, only: int | None) -> Operation:
    """One operation with the pictures of its roles, where it names none."""
    if isinstance(operation, Compose):
        subjects = operation.subjects
        alone = len(subjects) == 1
        subjects = tuple(
            replace(each, picture=each.picture or (subject if alone or each.thing == "subject" else None))
            for each in subjects
        )
        together = operation.relation == "beside" and operation.target == Mention()
        target = operation.target
        where = subject if target.thing == "subject" else scene
        named = target if together else replace(target, picture=target.picture or where)
        return replace(operation, subjects=subjects, target=_thing_or_picture(named))
    if isinstance(operation, ReplaceBackground) and operation.colour is None:
        ground = replace(operation.scene, picture=operation.scene.picture or scene)
        return replace(operation, scene=ground, picture=operation.picture or subject)
    if not isinstance(operation, Arrange) and only and operation.picture is None:
        return replace(operation, picture=only)
    return operation


def _thing_or_picture(mention: Mention) -> Mention:
    """ "Into the scene", when a picture has that role, is into the picture."""
    return Mention(picture=mention.picture) if mention.thing == "scene" and mention.picture else mention


def _again(operation: Operation, before: Operation | None) -> bool:
    """ "Put the boat on the lake so that it rests in the water": the same placing, told again."""
    if not (isinstance(operation, Compose) and isinstance(before, Compose)):
        return False
    around = thing(operation.target.thing).shape == "place" and operation.target.picture is None
    return len(operation.subjects) == 1 and _is_pronoun(operation.subjects[0]) and around


def _before_it(operations: Sequence[Operation]) -> list[Operation]:
    """ "Use picture 1 as the background and put the man of picture 2 in front of it" is placing."""
    kept: list[Operation] = []
    for operation in operations:
        ground = kept[-1] if kept else None
        if (
            isinstance(operation, Compose)
            and isinstance(ground, ReplaceBackground)
            and ground.scene.picture is not None
            and ground.picture is None
            and operation.target == Mention("", "subject")
        ):
            kept[-1] = replace(operation, relation="into", target=ground.scene)
        elif not _again(operation, ground):
            kept.append(operation)
    return kept


def _from_picture(operation: Operation, picture: int | None) -> Operation:
    """ "Cut out the cat of picture 2 and put it on the sofa": the cat is that of picture 2."""
    if picture is None:
        return operation
    if (
        isinstance(operation, Compose)
        and len(operation.subjects) == 1
        and operation.subjects[0].picture is None
    ):
        return replace(operation, subjects=(replace(operation.subjects[0], picture=picture),))
    if isinstance(operation, ReplaceBackground | Sticker) and operation.picture is None:
        return replace(operation, picture=picture)
    return operation


def _shown(operation: Operation, shown: Mapping[str, int]) -> Operation:
    """Things get the pictures that the caller said show them."""
    if not shown or not isinstance(operation, Compose):
        return operation
    return replace(
        operation,
        subjects=tuple(_pictured(each, shown) for each in operation.subjects),
        target=_pictured(operation.target, shown),
    )


def _pictured(mention: Mention, shown: Mapping[str, int]) -> Mention:
    picture = mention.picture or shown.get(mention.thing)
    return replace(mention, picture=picture)


def referred(operation: Operation, taken: tuple[Mention, ...]) -> Operation | None:
    """The operation with those whom its pronoun means, if it has one."""
    if isinstance(operation, Compose) and [each.word for each in operation.subjects] == [""]:
        only = operation.subjects[0]
        return replace(operation, subjects=taken) if only.picture is None else None
    if isinstance(operation, ReplaceBackground | RemoveBackground) and len(taken) == 1:
        return replace(operation, picture=operation.picture or taken[0].picture)
    return None


def contradicts(wish: Wish, operation: Operation) -> bool:
    """Whether an operation would do what the wish forbids."""
    if any(_same(denied, operation) for denied in wish.denied) or "whole" in wish.kept:
        return True
    if isinstance(operation, _GROUND) and "background" in wish.kept:
        return True
    if isinstance(operation, Crop) and "format" in wish.kept:
        return True
    if isinstance(operation, Recolour):
        return f"thing {operation.target.thing}" in wish.kept
    return "colours" in wish.kept and _discolours(operation)


def _discolours(operation: Operation) -> bool:
    if isinstance(operation, Tone):
        return operation.kind in _COLOURLESS
    if isinstance(operation, Stylise):
        return operation.kind in ("pencil", "charcoal")
    return isinstance(operation, BlackAndWhite | Duotone | TimeOfDay)


def _same(denied: Operation, operation: Operation) -> bool:
    """Whether the two are the same work, whatever the details."""
    kinds = (getattr(denied, "kind", None), getattr(operation, "kind", None))
    return type(denied) is type(operation) and kinds[0] == kinds[1]

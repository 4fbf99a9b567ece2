"""What the parts of a matched phrase mean: one reader per operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from officina.engines.collage.plan import (
    BlackAndWhite,
    BlurBackground,
    Colour,
    Compose,
    Mention,
    Operation,
    RemoveBackground,
    ReplaceBackground,
)
from officina.engines.collage.prompt.grammar import HEX, Tree
from officina.engines.collage.things import thing

Reader = Callable[[Tree], Operation | None]
"""None when the parts do not make sense together."""

_IGNORED = ("adjective", "manner", "quality")


@dataclass(frozen=True, slots=True)
class About:
    """What an operation does, for checking wishes against each other."""

    changes: Literal["background", "colours", ""] = ""


_ABOUT: Mapping[str, About] = {
    "remove_background": About("background"),
    "replace_background": About("background"),
    "blur_background": About("background"),
    "black_and_white": About("colours"),
}


def describe(rule: str) -> About:
    return _ABOUT.get(rule, About())


def number(tree: Tree, name: str) -> int | None:
    """The number that a part names, in figures or in words."""
    found = tree.first(name)
    return int(found.value) if found else None


def ignored_words(tree: Tree) -> list[str]:
    """Describing words that change nothing, and colours that only describe."""
    found = [" ".join(part.words) for name in _IGNORED for part in _deep(tree, name)]
    return found + [" ".join(c.words) for part in _deep(tree, "describing") for c in part.all("colour")]


def _deep(tree: Tree, name: str) -> list[Tree]:
    return [tree] if tree.name == name else [found for part in tree.parts for found in _deep(part, name)]


def picture(tree: Tree | None) -> int | None:
    """The number of the picture that a part names."""
    found = next(iter(_deep(tree, "picture")), None) if tree else None
    if found is None:
        return None
    return number(found, "number") or number(found, "ordinal")


def mention(tree: Tree) -> Mention:
    """What a noun phrase speaks of."""
    named = next(iter(_deep(tree, "thing")), None)
    pronoun = next(iter(_deep(tree, "pronoun")), None)
    if named:
        return Mention(" ".join(named.words), str(named.value), picture(tree))
    return Mention("", str(pronoun.value) if pronoun else "", picture(tree))


def _subject_picture(tree: Tree) -> int | None:
    return picture(tree.first("of_whole") or tree.first("subject") or tree.first("whole"))


def _compose(tree: Tree) -> Compose | None:
    subjects = tuple(mention(part) for part in _deep(tree, "subject"))
    target = tree.first("target")
    relation = tree.value_of("relation")
    if target is None:
        return None
    to = mention(target)
    around = tree.first("around")
    if around is not None and not (thing(to.thing).water and thing(mention(around).thing).water):
        return None
    pose = next((part.value for part in _deep(tree, "pose")), None)
    side = next((part.value for part in _deep(tree, "side")), None)
    return Compose(subjects, relation or "into", to, side, None if pose == "any" else pose)


def _remove_background(tree: Tree) -> RemoveBackground:
    return RemoveBackground(_subject_picture(tree))


def _replace_background(tree: Tree) -> ReplaceBackground | None:
    scene = tree.first("scene")
    if scene is not None:
        return ReplaceBackground(scene=mention(scene), picture=_subject_picture(tree))
    named = next(iter(_deep(tree, "colour") + _deep(tree, HEX)), None)
    if named is None:
        behind = picture(next(iter(reversed(_deep(tree, "picture"))), None))
        return ReplaceBackground(scene=Mention(picture=behind), picture=_subject_picture(tree))
    return ReplaceBackground(_rgb(str(named.value)), " ".join(named.words), picture=_subject_picture(tree))


def _rgb(text: str) -> Colour:
    digits = text.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def _blur_background(tree: Tree) -> BlurBackground:
    return BlurBackground(_subject_picture(tree))


def _black_and_white(tree: Tree) -> BlackAndWhite:
    return BlackAndWhite(_subject_picture(tree))


READERS: Mapping[str, Reader] = {
    "compose": _compose,
    "remove_background": _remove_background,
    "replace_background": _replace_background,
    "blur_background": _blur_background,
    "black_and_white": _black_and_white,
}
"""Every operation that a rule of a vocabulary can name."""

"""Which picture shows the subject, and which is the scene, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from officina.engines.collage.album import Album, Look
from officina.engines.collage.plan import Mention
from officina.engines.collage.raster import shares
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.things import thing

_NAMED = 100.0
"""What the caller says outweighs all that is seen."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Indexes into the album: one picture for each subject, and the scene."""

    subjects: tuple[int, ...]
    scene: int


def cast(album: Album, subjects: Sequence[Mention], scene: Mention) -> Roles:
    """The most likely roles; CannotDo when no picture can play one of them."""
    needed = len(subjects) + 1
    if len(album) < needed:
        raise CannotDo(
            f"that takes {needed} pictures, one for each subject and one for the scene, "
            f"and {len(album)} {'was' if len(album) == 1 else 'were'} given"
        )
    _check_numbers(album, (*subjects, scene))
    best: tuple[float, tuple[int, ...]] | None = None
    for order in permutations(range(len(album)), needed):
        score = _scene_score(album.look(order[-1]), order[-1], scene)
        score += sum(
            _subject_score(album.look(i), i, mention) for i, mention in zip(order[:-1], subjects, strict=True)
        )
        if best is None or score > best[0] + 1e-6:
            best = score, order
    assert best is not None  # noqa: S101 (there is always one order)
    roles = Roles(best[1][:-1], best[1][-1])
    _check_seen(album, subjects, roles)
    return roles


def _check_numbers(album: Album, mentions: Sequence[Mention]) -> None:
    for mention in mentions:
        if mention.picture is not None and not 1 <= mention.picture <= len(album):
            raise CannotDo(f"there is no picture {mention.picture}: {len(album)} were given")


def _check_seen(album: Album, subjects: Sequence[Mention], roles: Roles) -> None:
    for index, mention in zip(roles.subjects, subjects, strict=True):
        known = thing(mention.thing)
        if mention.picture is None and known.kinds and album.look(index).best(known) is None:
            word = mention.word or mention.thing
            raise CannotDo(
                f"no picture was found that shows a {word}; name the picture, as in “the {word} of picture 1”"
            )


def _subject_score(look: Look, index: int, mention: Mention) -> float:
    """A subject is of the named kind, large, and stands apart from its background."""
    score = _NAMED * _agrees(mention, index)
    known = thing(mention.thing)
    found = look.best(known)
    if found:
        score += 2.0 * look.weight(found)
    elif known.kinds:
        score -= 0.5
    return score + (1.0 if look.has_alpha else 0.35 * _compactness(look))


def _scene_score(look: Look, index: int, mention: Mention) -> float:
    score = _NAMED * _agrees(mention, index)
    known = thing(mention.thing)
    found = look.best(known)
    if found:
        score += 1.2 * found.score
    elif known.kinds:
        score -= 0.5
    return score - (1.0 if look.has_alpha else 0.2 * _compactness(look))


def _agrees(mention: Mention, index: int) -> float:
    if mention.picture is None:
        return 0.0
    return 1.0 if mention.picture == index + 1 else -1.0


def _compactness(look: Look) -> float:
    """1 for one clear subject, near 0 without any: how decided the saliency is, and how large."""
    salience = shares(look.salience)
    decided = float(np.mean(np.abs(salience - 0.5) * 2))
    share = float(np.mean(salience > 0.5))
    return decided * min(share / 0.15, 1.0)

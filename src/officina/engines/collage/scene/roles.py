"""Which picture shows the subject, and which is the scene, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from officina.engines.collage.album import Album, Look
from officina.engines.collage.plan import Mention
from officina.engines.collage.raster import shares
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.things import thing

_Matching = tuple[float, tuple[int, ...]]
"""How well pictures suit the subjects, and which picture each subject got."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Indexes into the album: one picture for each subject, and the scene."""

    subjects: tuple[int, ...]
    scene: int


def cast(album: Album, subjects: Sequence[Mention], scene: Mention) -> Roles:
    """The most likely roles; CannotDo when no picture can play one of them."""
    _check_numbers(album, (*subjects, scene))
    taken = {mention.picture - 1 for mention in subjects if mention.picture is not None}
    best: tuple[float, Roles] | None = None
    for index in _scenes(album, scene, taken):
        matching = _matched(album, subjects, index) or _shared(album, subjects, index)
        if matching is None:
            continue
        score = matching[0] + _scene_score(album.look(index), scene)
        if best is None or score > best[0] + 1e-6:
            best = score, Roles(matching[1], index)
    if best is None:
        raise CannotDo(_too_few(len(album), subjects))
    _check_seen(album, subjects, best[1])
    return best[1]


def cast_together(album: Album, subjects: Sequence[Mention]) -> tuple[tuple[int, ...], int]:
    """A picture for each subject when none is left for the scene, and whose picture is to be the scene."""
    _check_numbers(album, subjects)
    matching = _matched(album, subjects, None)
    if matching is None:
        raise CannotDo(_too_few(len(album), subjects))
    roles = Roles(matching[1], -1)
    _check_seen(album, subjects, roles)
    openness = [
        -2.0 if album.look(index).has_alpha else -_compactness(album.look(index)) for index in matching[1]
    ]
    return matching[1], max(range(len(openness)), key=openness.__getitem__)


def _too_few(given: int, subjects: Sequence[Mention]) -> str:
    needed = (
        len(
            {m.picture for m in subjects if m.picture} | {-i for i, m in enumerate(subjects) if not m.picture}
        )
        + 1
    )
    if given >= needed:
        return "a picture cannot be the subject and the scene at once; name another picture for one of them"
    return (
        f"that takes {needed} pictures, one for each subject and one for the scene, "
        f"and {given} {'was' if given == 1 else 'were'} given"
    )


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


def _scenes(album: Album, scene: Mention, taken: set[int]) -> list[int]:
    """The pictures that may be the scene; a number decides, and a named subject is none."""
    if scene.picture is not None:
        return [scene.picture - 1] if scene.picture - 1 not in taken else []
    return [index for index in range(len(album)) if index not in taken]


def _matched(album: Album, subjects: Sequence[Mention], scene: int | None) -> _Matching | None:
    """Each subject with a picture of its own, as well as can be; several may share one that is named."""
    named = {m.picture - 1 for m in subjects if m.picture is not None}
    free = [index for index in range(len(album)) if index not in named and index != scene]
    asked = [mention for mention in subjects if mention.picture is None]
    if len(free) < len(asked):
        return None
    best: dict[int, _Matching] = {0: (0.0, ())}
    for mention in asked:
        scores = [_subject_score(album.look(index), mention) for index in free]
        best = _one_more(best, scores)
    total, order = max(best.values(), key=lambda matching: (round(matching[0], 6), [-i for i in matching[1]]))
    given = iter(order)
    chosen = tuple(free[next(given)] if m.picture is None else m.picture - 1 for m in subjects)
    return total, chosen


def _one_more(best: dict[int, _Matching], scores: Sequence[float]) -> dict[int, _Matching]:
    """One subject more: the best matching for every set of pictures taken so far."""
    longer: dict[int, _Matching] = {}
    for used, (total, order) in best.items():
        for index, score in enumerate(scores):
            now = used | 1 << index
            if now != used and (now not in longer or total + score > longer[now][0] + 1e-6):
                longer[now] = total + score, (*order, index)
    return longer


def _shared(album: Album, subjects: Sequence[Mention], scene: int) -> _Matching | None:
    """Several subjects from one picture, if each is plainly seen in one; for too few pictures."""
    total, chosen = 0.0, []
    for mention in subjects:
        able = (
            [mention.picture - 1]
            if mention.picture is not None
            else [i for i in range(len(album)) if i != scene and album.look(i).best(thing(mention.thing))]
        )
        if not able:
            return None
        best = max(able, key=lambda i, m=mention: _subject_score(album.look(i), m))  # type: ignore[misc]
        total += _subject_score(album.look(best), mention)
        chosen.append(best)
    kinds = [(index, thing(m.thing).kinds) for index, m in zip(chosen, subjects, strict=True)]
    return (total, tuple(chosen)) if len(set(kinds)) == len(kinds) else None


def _subject_score(look: Look, mention: Mention) -> float:
    """A subject is of the named kind, large, and stands apart from its background."""
    known = thing(mention.thing)
    found = look.best(known)
    score = 0.0
    if found:
        score += (1.2 * look.weight(found) + 1.2 * found.score) * (0.7 if look.doubtful(found) else 1.0)
        score -= 1.0 if (mention.count or 1) > len(look.instances(known)) else 0.0
    elif known.kinds:
        score -= 0.5
    return score + (1.0 if look.has_alpha else 0.35 * _compactness(look))


def _scene_score(look: Look, mention: Mention) -> float:
    known = thing(mention.thing)
    found = look.best(known)
    score = 0.0
    if found:
        score += 1.2 * found.score
    elif known.kinds:
        score -= 0.5
    return score - (1.0 if look.has_alpha else 0.2 * _compactness(look))


def _compactness(look: Look) -> float:
    """1 for one clear subject, near 0 without any: how decided the saliency is, and how large."""
    salience = shares(look.salience)
    decided = float(np.mean(np.abs(salience - 0.5) * 2))
    share = float(np.mean(salience > 0.5))
    return decided * min(share / 0.15, 1.0)

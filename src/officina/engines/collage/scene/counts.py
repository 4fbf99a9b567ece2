"""How many: "two dogs" are two that one picture shows, or one of each of two pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from officina.engines.collage.album import Album
from officina.engines.collage.plan import Mention
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.things import thing


def spelled_out(album: Album, subjects: Sequence[Mention], scene: Mention) -> tuple[Mention, ...]:
    """The subjects with every count either found in one picture, or made one mention for each picture."""
    others = sum(1 for mention in subjects if _many(mention) < 2) + 1
    found: list[Mention] = []
    for mention in subjects:
        count = _many(mention)
        if count < 2 or _in_one_picture(album, mention, scene):
            found.append(mention)
        else:
            _check_spread(album, mention, others)
            found += [replace(mention, count=None)] * count
    return tuple(found)


def _many(mention: Mention) -> int:
    return mention.count or 1


def _in_one_picture(album: Album, mention: Mention, scene: Mention) -> bool:
    return any(
        len(album.look(i).instances(thing(mention.thing))) >= _many(mention)
        for i in range(len(album))
        if mention.picture in (None, i + 1) and scene.picture != i + 1
    )


def _check_spread(album: Album, mention: Mention, others: int) -> None:
    """Whether as many pictures can show one each."""
    count, word = _many(mention), mention.word or mention.thing
    if mention.picture is not None:
        if not 1 <= mention.picture <= len(album):
            return
        seen = len(album.look(mention.picture - 1).instances(thing(mention.thing)))
        raise CannotDo(
            f"picture {mention.picture} does not show {count} {word} that can be told apart, but {seen}"
        )
    known = thing(mention.thing)
    able = [i for i in range(len(album)) if not known.kinds or album.look(i).best(known)]
    if len(able) < count or len(album) < count + others:
        raise CannotDo(f"{count} {word} were asked for, and the pictures do not show that many")

"""The subjects of a scene, cut out of the pictures that show them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from officina.engines.collage.album import Album, Look
from officina.engines.collage.box import Box
from officina.engines.collage.nets import Nets
from officina.engines.collage.plan import Compose, Mention
from officina.engines.collage.raster import Mask
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene.stage import Figure, Stage
from officina.engines.collage.subject.cutout import cut_out, subject_alpha
from officina.engines.collage.subject.ending import footed, grounded
from officina.engines.collage.things import Thing, thing

_COVERED = 0.2
"""How much of where one of several is seen its cut-out must cover, or it is missing from it."""

_UPRIGHT = 2.2
"""A person who stands is that many times as tall as wide, and nobody who sits is."""


def figure_of(album: Album, nets: Nets, index: int, mention: Mention) -> Figure:
    """The subject of a picture, cut out; CannotDo when it is not clear, not all there, or cut off above."""
    look = album.look(index)
    known, box = _recognised(look, mention)
    count = mention.count or 1
    word = mention.word or mention.thing or "subject"
    hint = look.hint(box, known.kinds) if count < 2 else look.group_hint(known, count)
    if hint is None:
        seen = len(look.instances(known))
        raise CannotDo(f"picture {index + 1} does not show {count} {word} that can be told apart, but {seen}")
    picture = album.picture(index)
    alpha = subject_alpha(picture, nets, hint)
    if alpha is None:
        raise CannotDo(f"the {word} of picture {index + 1} does not stand out clearly enough to be cut out")
    if count > 1:
        _check_all_there(look, alpha, known, (count, word, index))
    cut = grounded(cut_out(picture, alpha), known, box, picture.height).without_cut_sides()
    if cut.cut_top:
        raise CannotDo(
            f"the {word} of picture {index + 1} is cut off by the upper edge of that picture, "
            "and would be in the scene as well; send a picture that shows it whole"
        )
    if count > 1:
        return Figure(cut, replace(known, plural=True), word, index, count)
    cut, footless = footed(cut, known)
    return Figure(cut, known, word, index, footless=footless)


def stays_upright(figure: Figure, wish: Compose, stage: Stage) -> bool:
    """Whether somebody who shall sit is seen standing; the near side of a vessel hides what tells that."""
    height, width = figure.cut.alpha.shape
    seen = not figure.cut.cut_bottom and stage.vessel is None and "person" in figure.known.kinds
    return wish.pose == "sitting" and seen and height > _UPRIGHT * width


def _recognised(look: Look, mention: Mention) -> tuple[Thing, Box | None]:
    """What the subject is, and where; when the prompt does not say what, the detector does."""
    known = thing(mention.thing)
    box = look.box_of(known)
    if box is not None or known.kinds or look.main is None:
        return known, box
    vague = not mention.thing or mention.thing == "subject"
    return (thing(look.main.kind.replace(" ", "_")) if vague else known), look.main.box


def _check_all_there(look: Look, alpha: Mask, known: Thing, what: tuple[int, str, int]) -> None:
    """Each of them is in the cut-out."""
    count, word, index = what
    clear = 0
    for one in look.instances(known)[:count]:
        box = one.box
        part = alpha[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
        clear += bool(part.size and np.mean(part > 128) > _COVERED)
    if clear < count:
        raise CannotDo(
            f"of the {count} {word} of picture {index + 1} only {clear} stand out clearly enough "
            "to be cut out"
        )

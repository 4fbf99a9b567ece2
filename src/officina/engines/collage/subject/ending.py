"""How somebody cut out ends below: with feet, or as a bust, which must not stand in the open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from officina.engines.collage.box import Box
from officina.engines.collage.subject.cutout import Cutout
from officina.engines.collage.subject.figure import head_share
from officina.engines.collage.things import Thing

_CLEAR = 0.1
"""A row shows something of a figure where that share of its greatest width is sure."""
_AT_END = 0.985
"""Somebody seen so far down in a picture is cut off by its lower edge."""
_LOST = 0.1
"""How much of the height of where somebody is seen may lack below in the cut-out."""
_BODY = 0.6
"""A figure's trunk ends where it is still that share as wide as the widest of its lower half."""
_SLIM, _TRUNK, _HEAD = 2.4, 0.5, 0.2
"""A bust is no more times as tall as wide; its end is that wide, and its head that high, of its whole."""


def grounded(cut: Cutout, known: Thing, seen: Box | None, end: int) -> Cutout:
    """Somebody whose legs were lost, in the dark or in grass, or by the end of the picture, as a bust."""
    if seen is None or cut.cut_bottom or not known.alive or known.plural:
        return cut
    widths = np.count_nonzero(cut.alpha > 128, axis=1)
    clear = np.flatnonzero(widths > _CLEAR * widths.max())
    lost = seen.bottom - cut.box.top - float(clear[-1]) if len(clear) else 0.0
    if lost < _LOST * seen.height and seen.bottom < _AT_END * end:
        return cut
    return cut.ended_at(_trunk_end(cut))


def footed(cut: Cutout, known: Thing) -> tuple[Cutout, bool]:
    """The figure, without the soft end of a trunk, and whether it lacks its feet."""
    if cut.cut_bottom or not _ends_wide(cut, known):
        return cut, False
    return replace(cut.ended_at(_trunk_end(cut)), cut_bottom=False), True


def _trunk_end(cut: Cutout) -> float:
    """Down to which share of its height a figure is about as wide as the widest of its lower half."""
    lower = np.count_nonzero(cut.alpha[cut.height // 2 :] > 128, axis=1)
    wide = np.flatnonzero(lower >= _BODY * lower.max())
    return (cut.height // 2 + int(wide[-1]) + 1) / cut.height


def _ends_wide(cut: Cutout, known: Thing) -> bool:
    """Somebody seen behind a counter ends below as wide as a trunk, and the head is large for the height."""
    if "person" not in known.kinds or known.plural or cut.height > _SLIM * cut.width:
        return False
    widths = np.count_nonzero(cut.alpha > 128, axis=1)
    end = widths[round(0.88 * cut.height) : round(0.95 * cut.height)]
    return bool(end.size) and float(end.mean()) > _TRUNK * widths.max() and (head_share(cut) or 1) > _HEAD

"""How large a cut-out subject is in the world, judged from its outline."""

from __future__ import annotations

import numpy as np

from officina.engines.collage.subject.cutout import Cutout
from officina.engines.collage.things import Thing

HEAD_M = 0.27
"""From the crown, with hair, to the neck."""
_BUST_M = 0.85


def height_m(cut: Cutout, known: Thing) -> float:
    """The height of what is visible."""
    if "person" not in known.kinds:
        return known.height_m * (0.75 if cut.cut_bottom else 1.0)
    factor = known.height_m / 1.7
    if not cut.cut_bottom:
        upright = cut.height / max(cut.width, 1) > 1.7 or known.plural
        return known.height_m if upright else 1.25 * factor
    head = None if known.plural else head_share(cut)
    if head is None:
        return _BUST_M * factor
    return float(np.clip(HEAD_M / head, 0.4, 1.7)) * factor


def head_share(cut: Cutout) -> float | None:
    """How much of the height is head: down to the narrowest place above the shoulders, if there is one."""
    widths = np.count_nonzero(cut.alpha > 128, axis=1).astype(np.float32)
    smooth = np.convolve(widths, np.ones(5) / 5, mode="same")
    head = 0
    for row in range(2, int(len(smooth) * 0.8)):
        if smooth[row] >= smooth[head]:
            head = row
        elif smooth[row] < 0.8 * smooth[head] and row - head > 0.02 * len(smooth):
            break
    else:
        return None
    shoulders = np.flatnonzero(smooth[head:] > 1.35 * smooth[head])
    end = head + int(shoulders[0]) if len(shoulders) else int(len(smooth) * 0.8)
    neck = head + int(np.argmin(smooth[head:end]))
    share = neck / len(smooth)
    return share if 0.05 < share < 0.7 else None

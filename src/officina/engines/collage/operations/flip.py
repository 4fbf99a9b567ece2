"""Mirror left and right, or turn upside down."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Anchor
from officina.engines.collage.paint.sheet import closer_by_variant, named
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Flip
from officina.engines.collage.raster import Mask


def flip(operation: Flip, bench: Bench) -> Canvas:
    """Pixels change places and nothing else; the scale has no say. Variants are framed closer."""
    canvas = bench.one_picture(operation.picture)
    bench.step("mirroring")
    across = operation.axis == "horizontal"
    bench.done.append(f"mirrored {named(canvas)}" if across else f"turned {named(canvas)} upside down")
    return closer_by_variant(mirrored(canvas, across=across), bench)


def mirrored(canvas: Canvas, *, across: bool) -> Canvas:
    """The canvas with left and right changed, or top and bottom."""
    width, height = canvas.picture.width, canvas.picture.height
    keep, held = canvas.keep, canvas.anchor
    if across:
        keep = Box(width - keep.right, keep.top, width - keep.left, keep.bottom)
        held = Anchor(held.right, held.top, held.left, held.bottom)
    else:
        keep = Box(keep.left, height - keep.bottom, keep.right, height - keep.top)
        held = Anchor(held.left, held.bottom, held.right, held.top)
    code = 1 if across else 0
    picture = Picture(
        np.asarray(cv2.flip(canvas.picture.pixels, code), np.uint8), _flipped(canvas.picture.alpha, code)
    )
    subject = _flipped(canvas.subject, code)
    return replace(canvas, picture=picture, keep=keep, anchor=held, subject=subject, moved=True)


def _flipped(mask: Mask | None, code: int) -> Mask | None:
    return None if mask is None else np.asarray(cv2.flip(mask, code), np.uint8)

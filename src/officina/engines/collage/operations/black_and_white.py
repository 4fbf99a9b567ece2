"""Take the colours out."""

from __future__ import annotations

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.paint.bands import toward
from officina.engines.collage.paint.sheet import named, painted, sheet
from officina.engines.collage.paint.tones import bent, grey_of, mapped
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import BlackAndWhite

_CONTRASTS = (0.0, 0.35, -0.25, 0.6, 0.18)
"""How much the tones are spread, for each variant."""


def black_and_white(operation: BlackAndWhite, bench: Bench) -> Canvas:
    """Brightness alone, by the weights of ITU-R BT.601; above scale 0.5 with more contrast."""
    canvas = sheet(operation.picture, bench)
    bench.step("taking the colours out")
    number, again = bench.variant % len(_CONTRASTS), bench.variant // len(_CONTRASTS)
    contrast = _CONTRASTS[number] + 0.09 * again + 0.5 * bench.emphasis
    grey = np.asarray(cv2.cvtColor(grey_of(canvas.picture.pixels), cv2.COLOR_GRAY2RGB), np.uint8)
    pixels = toward(canvas.picture.pixels, mapped(grey, bent(contrast)), bench.blend)
    bench.done.append(f"made {named(canvas)} black and white")
    return painted(canvas, Picture(pixels, canvas.picture.alpha))

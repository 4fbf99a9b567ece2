"""Take the colours out."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import BlackAndWhite

_CONTRASTS = (0.0, 0.35, -0.25, 0.6)
"""How much the tones are spread, for each variant."""


def black_and_white(operation: BlackAndWhite, bench: Bench) -> Canvas:
    """Brightness alone; above scale 0.5 with more contrast."""
    canvas = bench.one_picture(operation.picture)
    bench.step("taking the colours out")
    grey = cv2.cvtColor(canvas.picture.pixels, cv2.COLOR_RGB2GRAY)
    contrast = _CONTRASTS[bench.variant % len(_CONTRASTS)] + 0.5 * bench.emphasis
    toned = cv2.cvtColor(cv2.LUT(grey, _curve(contrast)), cv2.COLOR_GRAY2RGB)
    pixels = cv2.addWeighted(toned, bench.blend, canvas.picture.pixels, 1 - bench.blend, 0)
    bench.done.append(f"made {_named(canvas)} black and white")
    return replace(canvas, picture=Picture(np.asarray(pixels, np.uint8), canvas.picture.alpha))


def _curve(contrast: float) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    tone = np.linspace(0, 1, 256)
    bent = tone + contrast * (tone * tone * (3 - 2 * tone) - tone)
    return (np.clip(bent, 0, 1) * 255 + 0.5).astype(np.uint8)


def _named(canvas: Canvas) -> str:
    return "the result" if canvas.source is None else f"picture {canvas.source + 1}"

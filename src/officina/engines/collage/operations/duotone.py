"""Paint the tones between two colours, from the dark one to the light one."""

from __future__ import annotations

import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.paint.bands import toward
from officina.engines.collage.paint.sheet import named, painted, sheet, strength
from officina.engines.collage.paint.tones import LUMA, TONES, bent, between, coloured, grey_of, spread
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Colour, Duotone
from officina.engines.collage.refusal import CannotDo

_LEAST_APART = 24
"""How many of 255 levels of brightness the two colours must differ by for a picture to show."""


def duotone(operation: Duotone, bench: Bench) -> Canvas:
    """A print in two inks: the picture's darkest tone takes the one, its brightest the other.

    The colours between them are mixed in Lab, where a step looks as large as any other.
    """
    dark, light = sorted((operation.dark, operation.light), key=_brightness)
    if _brightness(light) - _brightness(dark) < _LEAST_APART:
        raise CannotDo("the two colours are equally bright, and nothing could be seen in them")
    canvas = sheet(operation.picture, bench)
    bench.step("printing in two colours")
    grey = grey_of(canvas.picture.pixels)
    low, high = spread(grey)
    contrast = 0.9 * strength(bench) - 0.6 + 0.5 * bench.emphasis
    tone = np.interp(np.clip((TONES - low) / (high - low), 0, 1), TONES, bent(contrast))
    table = between(((0.0, dark), (1.0, light)))
    inks = np.stack([np.interp(tone, TONES, table[:, i]) for i in range(3)], axis=-1).astype(np.float32)
    pixels = toward(canvas.picture.pixels, coloured(grey, inks), bench.blend)
    names = " and ".join(name for name in operation.names if name) or "two colours"
    bench.done.append(f"printed {named(canvas)} in {names}")
    return painted(canvas, Picture(pixels, canvas.picture.alpha))


def _brightness(colour: Colour) -> float:
    return float(np.dot(LUMA, colour))

"""Change light and colour over the whole picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.paint.bands import in_bands, multiplied, toward
from officina.engines.collage.paint.noise import grain
from officina.engines.collage.paint.sheet import named, painted, sheet, strength
from officina.engines.collage.paint.tones import (
    TONES,
    bent,
    between,
    coloured,
    grey_of,
    lifted,
    mapped,
    middle,
    saturated,
)
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Tone, ToneKind
from officina.engines.collage.raster import Floats, Pixels

_WORDS: Mapping[ToneKind, str] = {
    "sepia": "toned {} in sepia",
    "brighter": "made {} brighter",
    "darker": "made {} darker",
    "warmer": "made {} warmer",
    "cooler": "made {} cooler",
    "more_contrast": "gave {} more contrast",
    "less_contrast": "gave {} less contrast",
    "vivid": "made the colours of {} more vivid",
    "muted": "muted the colours of {}",
    "faded_film": "made {} look like faded film",
    "vignette": "darkened the corners of {}",
}


def tone(operation: Tone, bench: Bench) -> Canvas:
    """Curves and colour matrices on whole numbers; the scale, and a wish for much of it, set how strong.

    Only film grain and vignette depend on where a pixel is: they are painted at the asked size.
    """
    canvas = sheet(operation.picture, bench)
    bench.step("changing the tones")
    amount = strength(bench) * (1.7 if operation.strong else 1.0) * (1 + 0.6 * bench.emphasis)
    changed = _TONES[operation.kind](canvas.picture.pixels, amount)
    pixels = toward(canvas.picture.pixels, changed, bench.blend)
    bench.done.append(_WORDS[operation.kind].format(named(canvas)))
    return painted(canvas, Picture(pixels, canvas.picture.alpha))


_SEPIA = between(((0.0, (24, 14, 8)), (0.28, (92, 62, 38)), (0.62, (188, 150, 106)), (1.0, (255, 245, 224))))


def _sepia(pixels: Pixels, amount: float) -> Pixels:
    """The brown of a toned silver print: warm in the middle, dark brown blacks, ivory whites."""
    grey = cv2.LUT(grey_of(pixels), (np.clip(bent(0.9 * amount - 0.65), 0, 1) * 255 + 0.5).astype(np.uint8))
    return coloured(np.asarray(grey, np.uint8), _SEPIA)


def _brighter(pixels: Pixels, amount: float) -> Pixels:
    return saturated(mapped(pixels, lifted(1 / (1 + 0.42 * amount))), 1 + 0.10 * amount)


def _darker(pixels: Pixels, amount: float) -> Pixels:
    return saturated(mapped(pixels, lifted(1 + 0.5 * amount)), 1 - 0.08 * amount)


def _warmer(pixels: Pixels, amount: float) -> Pixels:
    """As if the light were that of a lamp: red up and blue down, most in the middle tones."""
    return mapped(
        pixels,
        lifted(1 - 0.15 * amount),
        lifted(1 - 0.02 * amount),
        (1 - 0.07 * amount) * lifted(1 + 0.20 * amount),
    )


def _cooler(pixels: Pixels, amount: float) -> Pixels:
    return mapped(
        pixels,
        (1 - 0.06 * amount) * lifted(1 + 0.18 * amount),
        lifted(1 + 0.01 * amount),
        lifted(1 - 0.16 * amount),
    )


def _more_contrast(pixels: Pixels, amount: float) -> Pixels:
    """A steeper curve through the picture's own middle tone, so that it gets neither darker nor brighter."""
    pivot = float(np.clip(middle(grey_of(pixels)), 0.3, 0.7))
    return mapped(pixels, bent(min(0.75 * amount, 1.6), pivot))


def _less_contrast(pixels: Pixels, amount: float) -> Pixels:
    pivot = float(np.clip(middle(grey_of(pixels)), 0.35, 0.65))
    share = 1 - min(0.32 * amount, 0.75)
    return mapped(pixels, np.asarray(pivot + (TONES - pivot) * share, np.float32))


def _vivid(pixels: Pixels, amount: float) -> Pixels:
    return saturated(mapped(pixels, bent(0.18 * amount)), 1 + 0.40 * amount)


def _muted(pixels: Pixels, amount: float) -> Pixels:
    soft = np.asarray(0.5 + (TONES - 0.5) * (1 - 0.08 * amount), np.float32)
    return saturated(mapped(pixels, soft), max(1 - 0.48 * amount, 0.12))


def _faded_film(pixels: Pixels, amount: float) -> Pixels:
    """An old print: blacks are lifted and bluish, whites yellowed, colours weak, and there is grain."""
    soft = saturated(pixels, 1 - 0.32 * min(amount, 2))
    lows, highs = (0.13, 0.115, 0.15), (0.99, 0.95, 0.83)
    s_curve = bent(0.25)
    share = min(amount, 1.6)
    curves = [
        TONES + share * ((low + (high - low) * s_curve) - TONES)
        for low, high in zip(lows, highs, strict=True)
    ]
    return _grained(mapped(soft, *(np.asarray(curve, np.float32) for curve in curves)), 4.5 * share)


def _grained(pixels: Pixels, level: float) -> Pixels:
    """With film grain of so many of 255 levels; its size follows the picture's."""
    result = np.empty_like(pixels)
    sigma = round(max(pixels.shape[:2]) / 2600, 1)

    def work(rows: slice) -> None:
        noise = (grain(rows, pixels.shape[1], 11, sigma) * level).astype(np.int16)
        result[rows] = np.clip(pixels[rows] + noise[..., None], 0, 255)

    in_bands(len(pixels), work)
    return result


def _vignette(pixels: Pixels, amount: float) -> Pixels:
    """Light falls off towards the corners with the fourth power of the angle's cosine, as in a real lens."""
    height, width = pixels.shape[:2]
    reach = 0.45 * amount
    x2 = ((np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1) ** 2
    y2 = ((np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1) ** 2

    def gain(rows: slice) -> Floats:
        return np.asarray(1 / (1 + reach * 0.5 * (x2[None] + y2[rows, None]) ** 1.4) ** 2, np.float32)

    return multiplied(pixels, gain)


_TONES: Mapping[ToneKind, Callable[[Pixels, float], Pixels]] = {
    "sepia": _sepia,
    "brighter": _brighter,
    "darker": _darker,
    "warmer": _warmer,
    "cooler": _cooler,
    "more_contrast": _more_contrast,
    "less_contrast": _less_contrast,
    "vivid": _vivid,
    "muted": _muted,
    "faded_film": _faded_film,
    "vignette": _vignette,
}

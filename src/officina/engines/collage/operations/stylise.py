"""Make the picture look made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.operations.styles.charcoal import charcoal
from officina.engines.collage.operations.styles.comic import comic
from officina.engines.collage.operations.styles.hand import Hand
from officina.engines.collage.operations.styles.oil import oil
from officina.engines.collage.operations.styles.pencil import pencil
from officina.engines.collage.operations.styles.pixel_art import pixel_art
from officina.engines.collage.operations.styles.watercolor import watercolor
from officina.engines.collage.paint.bands import toward
from officina.engines.collage.paint.sheet import named, painted, sheet, strength
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import StyleKind, Stylise
from officina.engines.collage.raster import Pixels

STYLES: Mapping[StyleKind, Callable[[Pixels, Hand], Pixels]] = {
    "pencil": pencil,
    "charcoal": charcoal,
    "watercolor": watercolor,
    "oil": oil,
    "comic": comic,
    "pixel_art": pixel_art,
}
_WORDS: Mapping[StyleKind, str] = {
    "pencil": "drew {} in pencil",
    "charcoal": "drew {} in charcoal",
    "watercolor": "painted {} in watercolours",
    "oil": "painted {} in oil",
    "comic": "drew {} as a comic",
    "pixel_art": "turned {} into pixel art",
}


def stylise(operation: Stylise, bench: Bench) -> Canvas:
    """Painted at the asked size, so that strokes and grain are as fine as they should be.

    The scale mixes the style in up to 0.5 and makes the strokes heavier above; each variant has strokes of
    its own.
    """
    canvas = sheet(operation.picture, bench)
    bench.step("painting")
    hand = Hand(strength(bench) * (1 + 0.5 * bench.emphasis), 1 + bench.variant, canvas.picture.alpha is None)
    changed = STYLES[operation.kind](canvas.picture.pixels, hand)
    pixels = toward(canvas.picture.pixels, changed, bench.blend)
    bench.done.append(_WORDS[operation.kind].format(named(canvas)))
    return painted(canvas, Picture(pixels, canvas.picture.alpha))

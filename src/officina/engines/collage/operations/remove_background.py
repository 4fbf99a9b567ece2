"""Keep the subject alone, on transparency."""

from __future__ import annotations

from dataclasses import replace

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import RemoveBackground
from officina.engines.collage.raster import shares
from officina.engines.collage.subject.matting import foreground


def remove_background(operation: RemoveBackground, bench: Bench) -> Canvas:
    """All or nothing: the scale has no say."""
    canvas = bench.with_subject(bench.one_picture(operation.picture))
    bench.done.append("removed the background")
    return alone(canvas)


def alone(canvas: Canvas) -> Canvas:
    """The canvas with nothing but its subject, in its own colours to the very rim."""
    if canvas.subject is None or canvas.picture.alpha is not None:
        return canvas
    left, top, right, bottom = (
        int(v) for v in (canvas.keep.left, canvas.keep.top, canvas.keep.right, canvas.keep.bottom)
    )
    pixels = canvas.picture.pixels.copy()
    part = shares(canvas.subject[top:bottom, left:right])
    pixels[top:bottom, left:right] = foreground(pixels[top:bottom, left:right], part)
    return replace(canvas, picture=Picture(pixels, canvas.subject))

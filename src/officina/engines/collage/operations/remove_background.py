"""Keep the subject alone, on transparency."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size
from officina.engines.collage.operations.flip import mirrored
from officina.engines.collage.paint.sheet import at_size
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import RemoveBackground
from officina.engines.collage.subject.matting import foreground


def remove_background(operation: RemoveBackground, bench: Bench) -> Canvas:
    """All or nothing: the scale has no say. Variants stand mirrored, and with more room around."""
    canvas = alone(bench.with_subject(bench.one_picture(operation.picture)))
    bench.done.append("removed the background")
    if bench.variant % 2:
        canvas = mirrored(canvas, across=True)
    return canvas if bench.variant < 2 else with_room(canvas, bench.size, 0.09 * (bench.variant // 2))


def alone(canvas: Canvas) -> Canvas:
    """The canvas with nothing but its subject, in its own colours to the very rim."""
    if canvas.subject is None or canvas.picture.alpha is not None:
        return canvas
    left, top, right, bottom = (
        int(v) for v in (canvas.keep.left, canvas.keep.top, canvas.keep.right, canvas.keep.bottom)
    )
    pixels = canvas.picture.pixels.copy()
    part = np.ascontiguousarray(canvas.subject[top:bottom, left:right])
    within = np.ascontiguousarray(pixels[top:bottom, left:right])
    pixels[top:bottom, left:right] = foreground(within, part)
    return replace(canvas, picture=Picture(pixels, canvas.subject))


def with_room(canvas: Canvas, size: Size, share: float) -> Canvas:
    """A subject that stands alone, at the size, smaller by that share; edges that cut it stay edges."""
    part = canvas.part(size)
    width, height = part.width * (1 + share), part.height * (1 + share)
    held = canvas.anchor
    left = _start((part.left, part.right), width, (held.left, held.right))
    top = _start((part.top, part.bottom), height, (held.top, held.bottom))
    return at_size(canvas, size, part=Box(left, top, left + width, top + height))


def _start(span: tuple[float, float], length: float, held: tuple[bool, bool]) -> float:
    if held[0] != held[1]:
        return span[0] if held[0] else span[1] - length
    return (span[0] + span[1] - length) / 2

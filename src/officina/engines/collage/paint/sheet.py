"""The sheet an effect is painted on: the picture at the asked size, so that nothing painted is cropped."""

from __future__ import annotations

from dataclasses import replace

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Anchor, Size, shown
from officina.engines.collage.pictures import Picture
from officina.engines.collage.raster import Mask

STRENGTHS = (1.0, 0.65, 1.35, 0.8, 1.2)
"""How strong an effect is in each variant; later rounds are weaker, and framed closer where that fits."""


def strength(bench: Bench) -> float:
    """How strong this variant's effect is: about 1."""
    return STRENGTHS[bench.variant % len(STRENGTHS)] * (1 - 0.09 * (bench.variant // len(STRENGTHS)))


def closeness(bench: Bench) -> float:
    """The share of the frame that this variant shows: 1 in the first round of variants."""
    return 1 - 0.06 * (bench.variant // len(STRENGTHS))


def sheet(number: int | None, bench: Bench) -> Canvas:
    """The picture an operation names, at the asked size."""
    return at_size(bench.one_picture(number), bench.size, closeness(bench))


def at_size(canvas: Canvas, size: Size, closer: float = 1.0, part: Box | None = None) -> Canvas:
    """The canvas framed as it will be in the end, with all that is known about it; or a part of it."""
    have = Size(canvas.picture.width, canvas.picture.height)
    if have == size and part is None:
        return canvas
    part = part or closed_in(canvas, canvas.part(size), closer)
    picture = shown(canvas.picture, part, size, canvas.not_twice)
    factor = size.width / part.width
    keep = canvas.keep.moved(-part.left, -part.top).scaled(factor).clipped(size.width, size.height)
    held = Anchor(
        canvas.anchor.left and abs(part.left) < 1,
        canvas.anchor.top and abs(part.top) < 1,
        canvas.anchor.right and abs(part.right - have.width) < 1,
        canvas.anchor.bottom and abs(part.bottom - have.height) < 1,
    )
    subject = _shown_mask(canvas, part, size)
    return replace(canvas, picture=picture, keep=keep, anchor=held, subject=subject, moved=True)


def closed_in(canvas: Canvas, part: Box, closer: float) -> Box:
    """A smaller part of the same shape around what must stay in sight, as far as that fits."""
    keep = canvas.keep.clipped(canvas.picture.width, canvas.picture.height)
    closer = max(closer, keep.width / part.width, keep.height / part.height)
    if closer >= 1:
        return part
    width, height = part.width * closer, part.height * closer
    x, y = keep.center
    left = min(max(x - width / 2, part.left), part.right - width)
    top = min(max(y - height / 2, part.top), part.bottom - height)
    return Box(left, top, left + width, top + height)


def _shown_mask(canvas: Canvas, part: Box, size: Size) -> Mask | None:
    if canvas.subject is None:
        return None
    return shown(Picture(canvas.subject, canvas.subject), part, size).alpha


def named(canvas: Canvas) -> str:
    """What the notes call it."""
    return "the result" if canvas.source is None else f"picture {canvas.source + 1}"


def painted(canvas: Canvas, picture: Picture) -> Canvas:
    """The canvas with other pixels in the same places."""
    return replace(canvas, picture=picture)


def closer_by_variant(canvas: Canvas, bench: Bench) -> Canvas:
    """For what has nothing else to vary: each variant shows less of what is around, at the asked size."""
    if bench.variant == 0:
        return canvas
    part = canvas.part(bench.size).padded(-0.022 * bench.variant)
    return at_size(canvas, bench.size, part=part)


def salience(canvas: Canvas, bench: Bench) -> Mask:
    """How much each pixel stands out, small, of what will be the sheet."""
    look = bench.look(canvas)
    if (canvas.picture.width, canvas.picture.height) == (bench.size.width, bench.size.height):
        return look.salience
    part = closed_in(canvas, canvas.part(bench.size), closeness(bench))
    factor = look.salience.shape[1] / canvas.picture.width
    size = Size(max(round(bench.size.aspect * 256), 1), 256)
    alpha = shown(Picture(look.salience, look.salience), part.scaled(factor), size).alpha
    assert alpha is not None  # noqa: S101 (it was given one)
    return alpha

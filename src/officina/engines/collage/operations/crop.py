"""Keep a part of the picture: of a shape, around a thing, or closer."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size, around
from officina.engines.collage.paint.sheet import at_size, closer_by_variant, named
from officina.engines.collage.plan import Crop, Mention
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.things import thing

_AIR_TIGHT, _AIR = 0.06, 0.30
"""Room around the thing, as a share of its size."""
_ZOOM = 1.5
_SAME_SHAPE = 0.02
_LARGEST_SHARE = 0.92
"""A crop that would keep more than this of both sides is none."""


def crop(operation: Crop, bench: Bench) -> Canvas:
    """The part of the picture that was asked for, at the asked size; never stretched, never extended.

    The scale has no say. Variants are framed closer.
    """
    picture = operation.picture if operation.picture is not None else operation.target.picture
    canvas = bench.one_picture(picture)
    bench.step("cropping")
    if operation.ratio is not None:
        return _shaped(canvas, operation.ratio, bench)
    about = operation.target.thing or operation.target.word
    if operation.tight and not about:
        return _zoomed(canvas, bench)
    box = _box_of(canvas, operation.target, bench)
    part = _part_around(canvas, box.padded(_AIR_TIGHT if operation.tight else _AIR), bench.size)
    width, height = canvas.picture.width, canvas.picture.height
    word = operation.target.word or "what stands out"
    if part.width > _LARGEST_SHARE * width and part.height > _LARGEST_SHARE * height:
        raise CannotDo(f"{word} fills the picture already, and there is nothing to crop")
    bench.done.append(f"cropped {named(canvas)} to {_with_article(word)}")
    return closer_by_variant(_cut(canvas, part, bench.size, box), bench)


def _shaped(canvas: Canvas, ratio: tuple[int, int], bench: Bench) -> Canvas:
    """The shape of the result is that of the asked size; a ratio can only agree with it."""
    width, height = ratio
    if abs(width / height / bench.size.aspect - 1) > _SAME_SHAPE:
        divisor = gcd(bench.size.width, bench.size.height)
        have = f"{bench.size.width // divisor}:{bench.size.height // divisor}"
        raise CannotDo(
            f"every result has the shape of width×height, which is {bench.size.width}x{bench.size.height} "
            f"({have}); choose a size of the shape {width}:{height} there, and the picture is cropped to it"
        )
    size = Size(canvas.picture.width, canvas.picture.height)
    x, y = canvas.keep.center
    part = around(size, bench.size, Box(x, y, x, y))
    bench.done.append(f"cropped {named(canvas)} to {width}:{height}")
    return closer_by_variant(_cut(canvas, part, bench.size, canvas.keep), bench)


def _zoomed(canvas: Canvas, bench: Bench) -> Canvas:
    """Closer to what stands out: where its upper part is, as faces are there."""
    size = Size(canvas.picture.width, canvas.picture.height)
    whole = around(size, bench.size, Box(size.width / 2, size.height / 2, size.width / 2, size.height / 2))
    width, height = whole.width / _ZOOM, whole.height / _ZOOM
    x = canvas.keep.center[0]
    y = canvas.keep.top + min(0.5 * canvas.keep.height, 0.42 * height)
    left = min(max(x - width / 2, 0), size.width - width)
    top = min(max(y - height / 2, 0), size.height - height)
    bench.done.append(f"zoomed into {named(canvas)}")
    part = Box(left, top, left + width, top + height)
    return closer_by_variant(_cut(canvas, part, bench.size, part), bench)


def _box_of(canvas: Canvas, target: Mention, bench: Bench) -> Box:
    """Where the thing is; what only stands out is a good guess for a thing the detector does not know."""
    look = bench.look(canvas)
    known = thing(target.thing)
    box = look.box_of(known)
    if box is not None:
        return box
    if known.kinds:
        raise CannotDo(f"no {target.word or known.name} was found in {named(canvas)}")
    if target.thing and target.thing != "subject":
        bench.approximate = True
    return look.salient


def _part_around(canvas: Canvas, box: Box, size: Size) -> Box:
    """The smallest part of the asked shape around a box, moved into the picture as far as it goes."""
    have = Size(canvas.picture.width, canvas.picture.height)
    width = min(max(box.width, box.height * size.aspect), have.width, have.height * size.aspect)
    height = width / size.aspect
    x, y = box.center
    left = min(max(x - width / 2, 0), have.width - width)
    top = min(max(y - height / 2, 0), have.height - height)
    return Box(left, top, left + width, top + height)


def _cut(canvas: Canvas, part: Box, size: Size, keep: Box) -> Canvas:
    """That part at the asked size."""
    return at_size(replace(canvas, keep=keep), size, part=part)


def _with_article(word: str) -> str:
    return word if word.startswith("what ") else f"the {word}"

"""Show all pictures in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size
from officina.engines.collage.paint.sheet import at_size
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Arrange
from officina.engines.collage.raster import Pixels, blended
from officina.engines.collage.refusal import CannotDo

_GROUNDS = ((255, 255, 255), (24, 24, 26), (244, 239, 230), (226, 230, 234), (64, 64, 68))
"""What shows between the pictures, for each variant."""
_GAPS = (0.012, 0.012, 0.02, 0.006, 0.03)
_MOST_CROPPED = 0.65
"""No picture is cropped to less than this share of its width or height, and never what matters in it."""


@dataclass(frozen=True, slots=True)
class _Tile:
    """One picture to show: what it can be, and how wide it may be for its height."""

    open: Callable[[], Canvas]
    narrowest: float
    widest: float


def arrange(operation: Arrange, bench: Bench) -> Canvas:
    """Rows of pictures of one height on a plain ground, as in a justified line of text; all or nothing.

    Pictures are cropped a little where that fills the place better, never stretched, and what matters in them
    stays. A grid has as many rows as fill the result best. Variants change ground and gaps.
    """
    tiles = _before_after(bench) if operation.layout == "before_after" else _all(bench)
    bench.step("arranging the pictures")
    rows = _rows(operation.layout, tiles, bench.size)
    gap = round(_GAPS[bench.variant % len(_GAPS)] * min(bench.size.width, bench.size.height))
    pixels = _laid_out(rows, gap, bench)
    return Canvas(Picture(pixels), Box(0, 0, bench.size.width, bench.size.height))


def _all(bench: Bench) -> list[_Tile]:
    """Every picture; the one in work as it is by now."""
    count = len(bench.album)
    made = bench.canvas
    shown = [_opened(bench, index) for index in range(count)]
    if made is not None and made.source is not None:
        shown[made.source] = _as_it_is(made)
    elif made is not None:
        shown.append(_as_it_is(made))
    if len(shown) < 2:
        raise CannotDo("one picture alone cannot be arranged; send at least two")
    bench.done.append(f"showed {len(shown)} pictures in one")
    return shown


def _before_after(bench: Bench) -> list[_Tile]:
    made = bench.canvas
    if made is None and len(bench.album) == 2:
        bench.done.append("showed picture 1 beside picture 2, as before and after")
        return [_opened(bench, 0), _opened(bench, 1)]
    if made is None:
        raise CannotDo(
            "there is nothing to compare: say what to do with the picture, or send it before and after"
        )
    first = made.source or 0
    bench.done.append(f"showed picture {first + 1} as it came beside the result")
    before = bench.opened(first)
    if (made.picture.width, made.picture.height) == (bench.size.width, bench.size.height):
        before = at_size(before, bench.size)
    return [_as_it_is(before), _as_it_is(made)]


def _opened(bench: Bench, index: int) -> _Tile:
    return _tile(bench.opened(index), lambda: bench.opened(index))


def _as_it_is(canvas: Canvas) -> _Tile:
    return _tile(canvas, lambda: canvas)


def _tile(canvas: Canvas, open_: Callable[[], Canvas]) -> _Tile:
    """How far it may be cropped to be narrower or wider."""
    width, height = canvas.picture.width, canvas.picture.height
    keep = canvas.keep.padded(0.06).clipped(width, height)
    return _Tile(
        open_,
        max(keep.width / width, _MOST_CROPPED) * width / height,
        width / height / max(keep.height / height, _MOST_CROPPED),
    )


def _rows(layout: str, tiles: Sequence[_Tile], size: Size) -> list[list[_Tile]]:
    if layout in ("row", "before_after"):
        return [list(tiles)]
    if layout == "column":
        return [[tile] for tile in tiles]
    choices = [_split(tiles, count) for count in range(1, len(tiles) + 1)]
    return max(choices, key=lambda rows: _filled(rows, size))


def _split(tiles: Sequence[_Tile], rows: int) -> list[list[_Tile]]:
    """Into rows of like length, in order."""
    bounds = [round(i * len(tiles) / rows) for i in range(rows + 1)]
    return [list(tiles[a:b]) for a, b in pairwise(bounds)]


def _filled(rows: Sequence[Sequence[_Tile]], size: Size) -> float:
    """How much of the result pictures would cover, and how alike in size they would be."""
    shapes = _shapes(rows, size)
    heights = [size.width / sum(row) for row in shapes]
    factor = min(size.height / sum(heights), 1.0)
    areas = [
        aspect * (height * factor) ** 2 for row, height in zip(shapes, heights, strict=True) for aspect in row
    ]
    return sum(areas) * (0.5 + 0.5 * min(areas) / max(areas))


def _shapes(rows: Sequence[Sequence[_Tile]], size: Size) -> list[list[float]]:
    """Width over height of each picture: what fills the result, as far as it may be cropped to that."""
    high = size.height / len(rows)
    return [
        [min(max(size.width / len(row) / high, tile.narrowest), tile.widest) for tile in row] for row in rows
    ]


def _laid_out(rows: Sequence[Sequence[_Tile]], gap: int, bench: Bench) -> Pixels:
    size = bench.size
    ground = np.empty((size.height, size.width, 3), np.uint8)
    ground[:] = _GROUNDS[bench.variant % len(_GROUNDS)]
    inner = Size(size.width - gap * 2, size.height - gap * 2)
    shapes = _shapes(rows, inner)
    heights = [(inner.width - gap * (len(row) - 1)) / sum(row) for row in shapes]
    factor = min((inner.height - gap * (len(rows) - 1)) / sum(heights), 1.0)
    top = (size.height - factor * sum(heights) - gap * (len(rows) - 1)) / 2
    for row, aspects, height in zip(rows, shapes, heights, strict=True):
        high = height * factor
        left = (size.width - high * sum(aspects) - gap * (len(row) - 1)) / 2
        for tile, aspect in zip(row, aspects, strict=True):
            _lay(ground, tile.open(), Box(left, top, left + high * aspect, top + high))
            left += high * aspect + gap
        top += high + gap
    return ground


def _lay(ground: Pixels, canvas: Canvas, place: Box) -> None:
    left, top = round(place.left), round(place.top)
    size = Size(max(round(place.right) - left, 1), max(round(place.bottom) - top, 1))
    picture = canvas.framed(size)
    part = ground[top : top + size.height, left : left + size.width]
    if picture.alpha is None:
        part[:] = picture.pixels
    else:
        part[:] = blended(np.ascontiguousarray(part), picture.pixels, picture.alpha)

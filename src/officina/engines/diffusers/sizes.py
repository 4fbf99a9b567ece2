"""Sizes: which ones a pipeline can render for a wish, and how large the pictures beside a prompt may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

LEAST_SIDE = 64
"""Pictures beside a prompt are made at least so large: smaller ones are refused by some pipelines."""
MOST_STRETCHED = 8.0
"""And so are those that are more stretched than this."""


class Size(NamedTuple):
    """Pixels, width first."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def stretch(self) -> float:
        """How many times the longer side is the shorter one."""
        return max(self) / min(self)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    def times(self, factor: float) -> Size:
        """Scaled, and rounded; no side is less than one pixel."""
        return Size(max(round(self.width * factor), 1), max(round(self.height * factor), 1))


def renderable(wanted: Size, most_pixels: int, multiple: int) -> Size:
    """The size to render for a wish: both sides a multiple, no more pixels than the model is good for.

    Where the wish itself is small enough, the result covers it; else it has its ratio, as nearly as can be.
    """
    covering = Size(*(_up(side, multiple) for side in wanted))
    if covering.pixels <= most_pixels:
        return covering
    factor = min(math.sqrt(most_pixels / wanted.pixels), 1.0)
    ideal = (wanted.width * factor, wanted.height * factor)
    legal = [
        Size(*sides) for sides in product(*((_down(side, multiple), _up(side, multiple)) for side in ideal))
    ]
    fitting = [size for size in legal if size.pixels <= most_pixels] or [min(legal, key=lambda s: s.pixels)]
    ratio = wanted.width / wanted.height
    return min(fitting, key=lambda size: (abs(math.log(size.width / size.height / ratio)), -size.pixels))


def covering(size: Size, wanted: Size) -> Size:
    """The size scaled up, if need be, until it covers the wanted one; then only the rims are cut off."""
    factor = max(wanted.width / size.width, wanted.height / size.height)
    if factor <= 1:
        return size
    scaled = size.times(factor)
    return Size(max(scaled.width, wanted.width), max(scaled.height, wanted.height))


def together(sizes: Sequence[Size], each_pixels: int, total_pixels: int) -> list[Size]:
    """How large to make the pictures beside a prompt.

    Each keeps within its share, and all are scaled by the same factor when together they are too large, so
    that none loses more detail than another. None is enlarged, but for a side below `LEAST_SIDE`.
    """
    capped = [size.times(min(math.sqrt(each_pixels / size.pixels), 1.0)) for size in sizes]
    total = sum(size.pixels for size in capped)
    factor = min(math.sqrt(total_pixels / total), 1.0) if total else 1.0
    return [_large_enough(size.times(factor)) for size in capped]


def _large_enough(size: Size) -> Size:
    factor = LEAST_SIDE / min(size)
    return size if factor <= 1 else size.times(factor)


def _up(side: float, multiple: int) -> int:
    return max(math.ceil(side / multiple), 1) * multiple


def _down(side: float, multiple: int) -> int:
    return max(math.floor(side / multiple), 1) * multiple

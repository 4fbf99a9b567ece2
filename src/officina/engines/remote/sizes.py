"""The contract's picture sizes, and the nearest that a provider makes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_SIZE = re.compile(r"\s*(\d{1,5})\s*[x×*]\s*(\d{1,5})")


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        """The area."""
        return self.width * self.height

    def __str__(self) -> str:
        """Write it as providers do: `2048x2048`."""
        return f"{self.width}x{self.height}"


def read(text: object) -> Size | None:
    """Read `2048x2048(1:1)` or `2048x2048`; None for anything else."""
    match = _SIZE.match(text) if isinstance(text, str) else None
    if match is None or not int(match[1]) or not int(match[2]):
        return None
    return Size(int(match[1]), int(match[2]))


def asked(given: Mapping[str, Any], field: str) -> Size | None:
    """The size that an input asks for."""
    return read(given.get(field))


def within(size: Size, least_pixels: int, most_pixels: int, multiple: int = 1) -> Size:
    """Keep the ratio and bring the area between the bounds, each side a multiple."""
    if size.pixels < least_pixels:
        factor = math.sqrt(least_pixels / size.pixels)
        return Size(*(_up(side * factor, multiple) for side in size))
    factor = min(1.0, math.sqrt(most_pixels / size.pixels))
    return Size(*(max(int(side * factor) // multiple, 1) * multiple for side in size))


def told(wish: Size, ordered: Size) -> dict[str, str]:
    """What the notes of a run say about it."""
    return {"size_asked": str(wish), "size_ordered": str(ordered)}


def nearest(size: Size, offered: Iterable[Size]) -> Size:
    """Choose, of the sizes on offer, the one of the nearest ratio, and of those the nearest area."""
    return min(offered, key=lambda one: (round(_apart(one, size), 3), abs(one.pixels - size.pixels)))


def _apart(one: Size, other: Size) -> float:
    """How far two ratios are from each other; the same for a picture and its turned twin."""
    return abs(math.log(one.width / one.height) - math.log(other.width / other.height))


def _up(side: float, multiple: int) -> int:
    return math.ceil(side / multiple - 1e-9) * multiple

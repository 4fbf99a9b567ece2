"""Enlarge with a neural net, in tiles, and within bounds of time and memory."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from officina.engines.collage.bench import Bench
from officina.engines.collage.paint.bands import toward
from officina.engines.collage.raster import Pixels, resized

_TILE, _RIM = 160, 10
"""Pixels of a tile's side before enlarging, and of what it sees beyond its own part on each side."""
_MOST_TILES = 30
"""About a quarter of a second each on two cores; the tiles of least detail are left to the cubic filter."""
_FLAT = 1.2
"""Tiles with less detail than this look the same either way."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tile is in the small picture."""

    left: int
    top: int
    right: int
    bottom: int


def upscaled(large: Pixels, factor: float, share: float, bench: Bench) -> Pixels:
    """An enlarged picture with a share of what the net makes of the picture before it was enlarged.

    Real-ESRGAN's small video net (Wang, Xie, Dong and Shan, "Real-ESRGAN", 2021) draws crisp edges, but too
    smooth surfaces: so at most four fifths of it are used. The same tiles are chosen for the same picture,
    whatever the machine.
    """
    times = 2 if factor <= 2.6 else 4
    height, width = large.shape[:2]
    small = resized(large, (max(round(width / factor), 8), max(round(height / factor), 8)))
    result = large.copy()
    places = _chosen(small)
    for number, place in enumerate(places):
        bench.step(f"drawing details, {number + 1} of {len(places)}")
        _redraw(result, small, place, times, share, bench)
    return result


def _chosen(small: Pixels) -> list[_Place]:
    """The tiles with the most detail, from the upper left on."""
    height, width = small.shape[:2]
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    detail = np.abs(cv2.Laplacian(grey, cv2.CV_16S))
    tiles = [
        _Place(left, top, min(left + _TILE, width), min(top + _TILE, height))
        for top in range(0, height, _TILE)
        for left in range(0, width, _TILE)
    ]
    worth = [float(detail[t.top : t.bottom, t.left : t.right].mean()) for t in tiles]
    order = sorted(range(len(tiles)), key=lambda i: (-worth[i], i))[:_MOST_TILES]
    return [tiles[i] for i in sorted(order) if worth[i] > _FLAT]


def _redraw(result: Pixels, small: Pixels, place: _Place, times: int, share: float, bench: Bench) -> None:
    """One tile: the net sees what is around it, so that it agrees with its neighbours."""
    height, width = small.shape[:2]
    seen = _Place(
        max(place.left - _RIM, 0),
        max(place.top - _RIM, 0),
        min(place.right + _RIM, width),
        min(place.bottom + _RIM, height),
    )
    drawn = bench.nets.enlarged(
        np.ascontiguousarray(small[seen.top : seen.bottom, seen.left : seen.right]), times
    )
    scale_x, scale_y = result.shape[1] / width, result.shape[0] / height
    left, top = round(seen.left * scale_x), round(seen.top * scale_y)
    right, bottom = round(seen.right * scale_x), round(seen.bottom * scale_y)
    fitted = resized(drawn, (right - left, bottom - top))
    inner = (
        round(place.left * scale_x) - left,
        round(place.top * scale_y) - top,
        round(place.right * scale_x) - left,
        round(place.bottom * scale_y) - top,
    )
    part = result[top:bottom, left:right][inner[1] : inner[3], inner[0] : inner[2]]
    part[:] = toward(
        np.ascontiguousarray(part),
        np.ascontiguousarray(fitted[inner[1] : inner[3], inner[0] : inner[2]]),
        share,
    )

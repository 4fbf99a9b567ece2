"""Paints plans that tests build by hand, and measures what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from officina.engines.collage.album import Album
from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.framing import Size
from officina.engines.collage.nets import Nets
from officina.engines.collage.operations import PAINTERS
from officina.engines.collage.operations.order import in_painting_order
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Operation

SQUARE = Size(384, 384)


@dataclass(frozen=True)
class Painted:
    """A picture at the asked size, and what the notes say."""

    picture: Picture
    done: tuple[str, ...]
    approximate: bool

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        return self.picture.pixels

    @property
    def alpha(self) -> npt.NDArray[np.uint8]:
        assert self.picture.alpha is not None
        return self.picture.alpha


@cache
def nets() -> Nets:
    return Nets()


@cache
def _album(paths: tuple[Path, ...], size: Size) -> Album:
    """Looked at once for all tests, as for all variants of a run."""
    return Album(paths, nets(), max(size.width, size.height, 512))


def paint(
    operations: Operation | Sequence[Operation],
    pictures: Path | Sequence[Path],
    size: Size = SQUARE,
    *,
    scale: float = 0.5,
    variant: int = 0,
) -> Painted:
    """Carry operations out as the engine does."""
    paths = [pictures] if isinstance(pictures, Path) else list(pictures)
    bench = Bench(_album(tuple(paths), size), nets(), size, scale, variant)
    for operation in in_painting_order(operations if isinstance(operations, Sequence) else [operations]):
        bench.canvas = PAINTERS[type(operation)](operation, bench)
    assert bench.canvas is not None
    picture = bench.canvas.framed(size)
    assert (picture.width, picture.height) == (size.width, size.height)
    assert picture.pixels.dtype == np.uint8
    return Painted(picture, tuple(bench.done), bench.approximate)


def untouched(path: Path, size: Size = SQUARE) -> npt.NDArray[np.uint8]:
    """The picture at the size, with nothing done to it."""
    canvas: Canvas = Bench(_album((path,), size), nets(), size).opened(0)
    return canvas.framed(size).pixels


def brightness(pixels: npt.NDArray[np.uint8]) -> float:
    return float(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).mean())


def contrast(pixels: npt.NDArray[np.uint8]) -> float:
    return float(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).std())


def colourfulness(pixels: npt.NDArray[np.uint8]) -> float:
    return float((pixels.max(axis=-1).astype(int) - pixels.min(axis=-1)).mean())


def warmth(pixels: npt.NDArray[np.uint8]) -> float:
    return float((pixels[..., 0].astype(int) - pixels[..., 2]).mean())


def detail(pixels: npt.NDArray[np.uint8]) -> float:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_16S)).mean())


def apart(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    """How many levels two pictures differ by, on average."""
    return float(np.abs(one.astype(int) - other).mean())


def likeness(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    """How alike the shapes in two pictures are, whatever their tones: 1 for the same."""
    small = [
        cv2.resize(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), (48, 48), interpolation=cv2.INTER_AREA).ravel()
        for p in (one, other)
    ]
    return float(np.corrcoef(small[0].astype(float), small[1].astype(float))[0, 1])

"""What is placed, where, and in which scene: the values that placing works with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from officina.engines.collage.box import Box
from officina.engines.collage.raster import Mask
from officina.engines.collage.scene.vessel import Vessel
from officina.engines.collage.subject.cutout import Cutout
from officina.engines.collage.subject.figure import height_m
from officina.engines.collage.things import Thing


@dataclass(frozen=True, slots=True)
class Figure:
    """A cut-out subject and what it is."""

    cut: Cutout
    known: Thing
    word: str
    picture: int = 0
    """Of the album, for messages."""
    count: int = 1
    """How many of its kind it shows."""
    footless: bool = False
    """Whether it ends below like a trunk, as somebody does who was seen behind a counter."""

    @property
    def rises(self) -> bool:
        """Whether in the open it rises from the lower edge, so that no bust floats."""
        return self.cut.cut_bottom or self.footless

    @property
    def height_m(self) -> float:
        return height_m(self.cut, self.known)

    def width_for(self, height: float) -> float:
        return height * self.cut.width / self.cut.height

    @property
    def name(self) -> str:
        return f"the {self.word} of picture {self.picture + 1}"

    def mirrored(self) -> Figure:
        """Left and right swapped, its cut edges too."""
        return replace(self, cut=self.cut.mirrored())


@dataclass(frozen=True, slots=True)
class Spot:
    """A subject's rectangle in the scene's pixels, and how it meets the scene."""

    box: Box
    hidden: bool = False
    """Whether the near side of a vessel hides its lower part."""
    at_edge: bool = False
    """Whether its lower edge must be the result's lower edge, because its own picture cuts it there."""
    touches: bool = True
    """Whether it stands on something, and shades it."""
    behind: bool = False
    """Whether the target is painted over it again."""
    in_air: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """The scene as far as placing is concerned."""

    width: int
    height: int
    target: Thing
    box: Box | None
    frame: Box
    """The part of the scene that is shown if nothing asks for another."""
    vessel: Vessel | None = None
    occupied: Mask | None = None
    """What stands out in the scene, on a small copy: where nothing else should be put."""

    @property
    def tallest(self) -> float:
        """How much of the scene's height one view can show."""
        return self.frame.height

    @property
    def per_m(self) -> float:
        """Pixels of a metre at the target."""
        assert self.box is not None  # noqa: S101 (asked only where there is a target)
        across = self.box.width / max(self.target.width_m, 0.02)
        upright = self.box.height / max(self.target.height_m, 0.02)
        if self.target.alive:
            return upright
        return across if self.target.shape != "object" else float((across * upright) ** 0.5)

    def taken(self, box: Box, lower: float = 1.0) -> float:
        """How much of a place, or of that share of it from below, belongs to something that stands out."""
        if self.occupied is None:
            return 0.0
        factor = self.occupied.shape[1] / self.width
        part = Box(box.left, box.bottom - lower * box.height, box.right, box.bottom).scaled(factor)
        rows = slice(max(int(part.top), 0), max(int(part.bottom) + 1, 0))
        seen = self.occupied[rows, max(int(part.left), 0) : max(int(part.right) + 1, 0)]
        return float(np.mean(seen > 127)) if seen.size else 1.0

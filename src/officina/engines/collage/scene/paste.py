"""One cut-out figure painted into a scene, with the light and the shade that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size, resampled
from officina.engines.collage.raster import Floats, Mask, Pixels, blended, masked, resized, softened
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene import light
from officina.engines.collage.scene.shadow import throw, touch
from officina.engines.collage.scene.stage import Figure, Spot, Stage
from officina.engines.collage.scene.sun import Light
from officina.engines.collage.scene.view import View

_SITS_BEHIND = 0.6
"""How far behind the near side a subject sits, in heights of that side, for its image in the water."""
_MIRRORED_SIDE = 900
_IN_WATER = np.array((0.72, 0.78, 0.84), np.float32)
"""What the water leaves of each colour it mirrors."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The scene as a figure is painted into it."""

    stage: Stage
    view: View
    strength: float
    """Of the match of tones, 1 at scale 0.5."""
    light: Light | None = None
    cover: Mask | None = None
    """What of the scene stays before a figure that is behind it, in the scene's pixels."""


@dataclass(frozen=True, slots=True)
class _Patch:
    """A figure at its final size, cut to the result, at whole pixels of it."""

    pixels: Pixels
    alpha: Mask
    left: int
    top: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.alpha.shape[0])

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.alpha.shape[1])

    @property
    def box(self) -> Box:
        return Box(self.columns.start, self.rows.start, self.columns.stop, self.rows.stop)


def painted(pixels: Pixels, figures: Sequence[Figure], spots: Sequence[Spot], setting: Setting) -> Pixels:
    """The figures painted into the scene's own pixels; what stands lower is nearer and covers more."""
    pairs = sorted(zip(figures, spots, strict=True), key=lambda pair: pair[1].box.bottom)
    for figure, spot in pairs:
        _paint(pixels, figure, spot, setting)
    return pixels


def _paint(pixels: Pixels, figure: Figure, spot: Spot, setting: Setting) -> None:
    patch = _patch(pixels, figure, setting.view.mapped(spot.box))
    if spot.hidden:
        patch = _behind_rim(patch, setting)
    if spot.behind:
        patch = _behind_cover(patch, setting)
    patch = _belonging(patch, pixels, figure, setting)
    if spot.hidden:
        patch = _darker_below(patch, setting)
        _shade_inside(pixels, patch, setting)
    elif spot.touches:
        if setting.light is not None:
            throw(pixels, patch.alpha, patch.box, setting.light)
        touch(pixels, patch.alpha, patch.box)
    here = (patch.rows, patch.columns)
    pixels[here] = blended(pixels[here], patch.pixels, patch.alpha)
    if spot.hidden and setting.stage.target.water:
        _mirror_in_water(pixels, patch, setting)


def _patch(scene: Pixels, figure: Figure, box: Box) -> _Patch:
    size = (max(round(box.width), 2), max(round(box.height), 2))
    left, top = round(box.left), round(box.top)
    x0, x1 = max(left, 0), min(left + size[0], scene.shape[1])
    y0, y1 = max(top, 0), min(top + size[1], scene.shape[0])
    if x1 - x0 < 2 or y1 - y0 < 2:
        raise CannotDo("there is no room for the subject there")
    pixels, alpha = _resized(figure, size)
    own = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    return _Patch(np.ascontiguousarray(pixels[own]), np.ascontiguousarray(alpha[own]), x0, y0)


def _resized(figure: Figure, size: tuple[int, int]) -> tuple[Pixels, Mask]:
    pixels, alpha = resized(figure.cut.pixels, size), resized(figure.cut.alpha, size)
    if size[0] > 1.25 * figure.cut.width:
        blurred = cv2.GaussianBlur(pixels, (0, 0), 1.4)
        pixels = np.asarray(cv2.addWeighted(pixels, 1.45, blurred, -0.45, 0), np.uint8)
    return pixels, alpha


def _belonging(patch: _Patch, scene: Pixels, figure: Figure, setting: Setting) -> _Patch:
    """As sharp, as bright and as grainy as what is around it, and lit by it at the rim."""
    near = patch.box.padded(0.35).clipped(scene.shape[1], scene.shape[0])
    around = scene[int(near.top) : int(near.bottom), int(near.left) : int(near.right)]
    pixels = _as_soft(patch, figure, setting)
    pixels = light.matched(pixels, patch.alpha, around, setting.strength, alive=figure.known.alive)
    radius = max(round(0.004 * max(patch.alpha.shape)), 1)
    pixels = light.wrapped(pixels, patch.alpha, scene[patch.rows, patch.columns], radius)
    return replace(patch, pixels=light.grainy(pixels, patch.alpha, around))


def _as_soft(patch: _Patch, figure: Figure, setting: Setting) -> Pixels:
    """A scene that was enlarged is soft, and a subject that was not would stick out of it."""
    enlarged = patch.alpha.shape[1] / figure.cut.width
    lacking = setting.view.factor**2 - max(enlarged, 1.0) ** 2
    if setting.view.factor < 1.2 or lacking <= 0.2:
        return patch.pixels
    return np.asarray(cv2.GaussianBlur(patch.pixels, (0, 0), min(0.35 * lacking**0.5, 2.0)), np.uint8)


def _behind_cover(patch: _Patch, setting: Setting) -> _Patch:
    """The thing that it is behind stays before it."""
    if setting.cover is None:
        return patch
    part = patch.box.scaled(1 / setting.view.factor).moved(setting.view.part.left, setting.view.part.top)
    size = Size(patch.alpha.shape[1], patch.alpha.shape[0])
    cover = resampled(setting.cover, part, size)
    return replace(patch, alpha=np.asarray(cv2.multiply(patch.alpha, 255 - cover, scale=1 / 255), np.uint8))


@dataclass(frozen=True, slots=True)
class _Lines:
    """A vessel's outlines in the result's pixels, one height for each column."""

    top: Floats
    rim: Floats
    foot: Floats


def _lines(columns: slice, setting: Setting) -> _Lines:
    hull, view = setting.stage.vessel, setting.view
    assert hull is not None  # noqa: S101 (only what is in a vessel is hidden by one)
    at = np.arange(columns.start, columns.stop) / view.factor + view.part.left - hull.box.left
    known = np.arange(len(hull.rim))
    found = (np.interp(at, known, line).astype(np.float32) for line in (hull.top, hull.rim, hull.foot))
    return _Lines(*((line - np.float32(view.part.top)) * np.float32(view.factor) for line in found))


def _rows(rows: slice) -> Floats:
    return np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]


def _behind_rim(patch: _Patch, setting: Setting) -> _Patch:
    """The near side stays before the subject: nothing of it is left below the rim."""
    rim = _lines(patch.columns, setting).rim
    above = np.clip((rim - _rows(patch.rows)) / 1.6, 0, 1)
    return replace(patch, alpha=(patch.alpha * above + 0.5).astype(np.uint8))


def _darker_below(patch: _Patch, setting: Setting) -> _Patch:
    """Less light reaches what sits deep inside."""
    rim = _lines(patch.columns, setting).rim
    reach = 0.16 * patch.alpha.shape[0]
    depth = np.clip(1 - (rim - _rows(patch.rows)) / reach, 0, 1)
    return replace(patch, pixels=light.shaded(patch.pixels, (0.38 * depth**1.6).astype(np.float32)))


def _shade_inside(pixels: Pixels, patch: _Patch, setting: Setting) -> None:
    """The subject's soft shadow on the inside of the vessel."""
    height, width = patch.alpha.shape
    reach = max(int(0.35 * width), 8)
    rows = slice(max(patch.top - reach, 0), min(patch.top + height + reach, pixels.shape[0]))
    columns = slice(max(patch.left - reach, 0), min(patch.left + width + reach, pixels.shape[1]))
    shade = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    y, x = patch.top - rows.start, patch.left - columns.start
    shade[y : y + height, x : x + width] = patch.alpha / 255
    shade = softened(np.roll(shade, int(0.06 * width), axis=1), max(0.07 * width, 2.0))
    lines = _lines(columns, setting)
    below_far_rim = np.clip((_rows(rows) - lines.top) / max(0.02 * height, 1), 0, 1)
    above_near_rim = np.clip((lines.rim - _rows(rows)) / 2, 0, 1)
    pixels[rows, columns] = light.shaded(pixels[rows, columns], 0.55 * shade * below_far_rim * above_near_rim)


def _mirror_in_water(pixels: Pixels, patch: _Patch, setting: Setting) -> None:
    """The subject upside down below the vessel's own mirror image, broken by the waves.

    It is soft, so a large one is found on a smaller copy.
    """
    lines = _lines(patch.columns, setting)
    height, width = patch.alpha.shape
    side = float(np.median(lines.foot) - np.median(lines.rim))
    line = float(np.median(lines.foot)) - _SITS_BEHIND * side
    start = int(2 * line - patch.top - height)
    rows = slice(max(start, 0), min(start + height, pixels.shape[0]))
    if rows.stop - rows.start < 4:
        return
    own = slice(rows.start - start, rows.stop - start)
    factor = min(_MIRRORED_SIDE / max(height, width), 1.0)
    size = (max(round(width * factor), 2), max(round((rows.stop - rows.start) * factor), 2))
    share = resized(np.ascontiguousarray(patch.alpha[::-1][own]), size).astype(np.float32)[..., None] / 255
    mirror = resized(np.ascontiguousarray(patch.pixels[::-1][own]), size)
    water = resized(np.ascontiguousarray(pixels[rows, patch.columns]), size)
    layered = softened(np.dstack([mirror * share, share]).astype(np.float32), max(0.014 * height * factor, 1))
    layered = light.rippled(layered, water, width * factor / 300)
    down = np.linspace(rows.start, rows.stop - 1, size[1], dtype=np.float32)[:, None]
    across = np.linspace(0, width - 1, size[0]).astype(int)
    beyond = (down - (2 * lines.foot - lines.rim)[across]) / height
    fade = np.clip(beyond / 0.06, 0, 1) * np.clip(0.36 - 0.5 * beyond, 0.10, 1)
    image = np.clip(layered[..., :3] / np.maximum(layered[..., 3:], 1e-3) * _IN_WATER, 0, 255)
    there = (width, rows.stop - rows.start)
    weight = resized(masked(np.asarray(layered[..., 3] * fade, np.float32)), there)
    here = (rows, patch.columns)
    pixels[here] = blended(pixels[here], resized(image.astype(np.uint8), there), weight)

"""As if painted in watercolours on rough paper."""

from __future__ import annotations

import cv2
import numpy as np

from officina.engines.collage.operations.styles.hand import Hand
from officina.engines.collage.paint.abstraction import edges, ink, patches, working
from officina.engines.collage.paint.bands import in_bands, rows_of
from officina.engines.collage.paint.noise import clouds, grain, grain_tile
from officina.engines.collage.paint.tones import lifted, luminance, mapped, saturated
from officina.engines.collage.raster import Floats, Pixels, resized

_WORK_SIDE = 1024
_PAPER = (252, 250, 244)
_EDGE = 0.022
"""How wide the bare rim of the paper is, as a share of the shorter side."""


def watercolor(pixels: Pixels, hand: Hand) -> Pixels:
    """Washes of flat colour whose pigment gathers at their edges, in clouds, and in the paper's grain.

    After Bousseau, Kaplan, Thollot and Sillion, "Interactive watercolor rendering with temporal coherence
    and abstraction" (2006): the colour C of a wash becomes C - (C - C²)(d - 1) where its pigment is d times
    as dense. Washes and density are found on a small copy; the paper's grain is as fine as the picture.
    """
    small = working(pixels, _WORK_SIDE)
    radius = max(round(max(small.shape[:2]) * 0.0042 * hand.strength), 3)
    flat = patches(patches(small, radius), radius)
    flat = saturated(mapped(_wobbled(flat, hand.seed), lifted(0.80), lifted(0.80), lifted(0.80)), 1.22)
    density = _density(flat, small, hand)
    bare = _bare(density.shape, hand.seed) if hand.bordered else None
    return _painted(resized(flat, (pixels.shape[1], pixels.shape[0])), density, bare, hand.seed)


def _wobbled(flat: Pixels, seed: int) -> Pixels:
    """Borders that waver as a wet brush does."""
    height, width = flat.shape[:2]
    reach = 0.0028 * max(height, width)
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    xs += (clouds(height, width, seed + 1, 60, 2) - 0.5) * 2 * reach
    ys += (clouds(height, width, seed + 2, 60, 2) - 0.5) * 2 * reach
    return np.asarray(cv2.remap(flat, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _density(flat: Pixels, small: Pixels, hand: Hand) -> Floats:
    """How much denser (above 0) or thinner (below) the pigment lies."""
    height, width = flat.shape[:2]
    turbulence = clouds(height, width, hand.seed + 3, 5, 5) - 0.5
    rims = edges(flat, 1.3) - 0.7 * cv2.GaussianBlur(edges(flat, 1.3), (0, 0), 5)
    lines = 1 - ink(luminance(small), 0.9, sharp=20, least=0.55, steep=6)
    return np.asarray(
        hand.strength * (0.75 * turbulence + 1.5 * np.clip(rims, -0.2, 1) + 0.55 * lines), np.float32
    )


def _bare(shape: tuple[int, ...], seed: int) -> Floats:
    """How little of the paper's rim is painted: 1 is bare, with an uneven, crisp border."""
    height, width = shape[:2]
    shortest = min(height, width)
    x = np.minimum(np.arange(width), np.arange(width)[::-1]).astype(np.float32)
    y = np.minimum(np.arange(height), np.arange(height)[::-1]).astype(np.float32)
    inward = np.minimum(x[None], y[:, None]) / shortest
    ragged = clouds(height, width, seed + 4, 9, 6)
    return np.asarray(np.clip((_EDGE * (0.35 + 1.3 * ragged) - inward) / 0.0022 + 0.5, 0, 1), np.float32)


def _painted(flat: Pixels, density: Floats, bare: Floats | None, seed: int) -> Pixels:
    height, width = flat.shape[:2]
    result = np.empty_like(flat)
    fine = max(max(height, width) / 2048, 0.6)
    paper = np.asarray(_PAPER, np.float32)

    def work(rows: slice) -> None:
        tooth = grain(rows, width, seed % 7, round(1.6 * fine, 1)) * 0.10
        tooth += grain(rows, width, 23, round(0.5 * fine, 1)) * 0.05
        dense = rows_of(density, rows, height, width) + tooth
        if bare is not None:
            open_paper = rows_of(bare, rows, height, width)
            dense += 0.9 * open_paper * (open_paper < 0.6)
        part = flat[rows].astype(np.int32)
        part -= (part * (255 - part) * (dense * 256).astype(np.int32)[..., None]) // 65280
        if bare is not None:
            share = (open_paper * 256).astype(np.int32)[..., None]
            ground = (paper * (1 + 0.10 * tooth[..., None])).astype(np.int32)
            part += ((ground - part) * share) >> 8
        result[rows] = np.clip(part, 0, 255)

    grain_tile(23, round(0.5 * fine, 1))
    in_bands(height, work)
    return result

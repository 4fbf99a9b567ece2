"""Soften all but the subject."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import BlurBackground
from officina.engines.collage.raster import Mask, Pixels, blended, resized, shares

_RADIUS = 0.016
"""Of the longer side, at scale 0.5."""
_FACTORS = (1.0, 0.6, 1.6, 2.2, 1.3)


def blur_background(operation: BlurBackground, bench: Bench) -> Canvas:
    """A lens with a shallow focus; the scale sets how shallow."""
    canvas = bench.with_subject(bench.one_picture(operation.picture))
    if canvas.subject is None:
        return canvas
    bench.step("blurring the background")
    longest = max(canvas.picture.width, canvas.picture.height)
    factor = _FACTORS[bench.variant % len(_FACTORS)] * (bench.blend + bench.emphasis)
    ground = _without_subject(canvas.picture.pixels, canvas.subject, max(_RADIUS * longest * factor, 0.5))
    pixels = blended(ground, canvas.picture.pixels, canvas.subject)
    bench.done.append("blurred the background")
    return replace(canvas, picture=Picture(pixels, canvas.picture.alpha))


def _without_subject(pixels: Pixels, subject: Mask, radius: float) -> Pixels:
    """The background blurred by itself, or the subject's colours would glow around it."""
    factor = max(radius / 5, 1.0)
    height, width = pixels.shape[:2]
    size = (max(round(width / factor), 8), max(round(height / factor), 8))
    small = resized(pixels, size).astype(np.float32)
    weight = 1 - shares(resized(subject, size))
    weight = np.clip(weight * 1.25 - 0.25, 0.002, 1)[..., None]
    sigma = radius / factor
    blurred = cv2.GaussianBlur(small * weight, (0, 0), sigma)
    spread = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    clean = np.clip(blurred / spread, 0, 255).astype(np.uint8)
    return resized(clean, (width, height))

"""What a painter leaves out: pictures in smooth patches with sharp borders, and the lines between them."""

from __future__ import annotations

import cv2
import numpy as np

from officina.engines.collage.raster import Floats, Pixels, resized

_DIRECTIONS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))


def working(pixels: Pixels, longest: int) -> Pixels:
    """A copy no larger than that, on which nobody can tell that a painter's eye saw no more."""
    factor = longest / max(pixels.shape[:2])
    if factor >= 1:
        return pixels
    return resized(pixels, (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor)))


def patches(pixels: Pixels, radius: int, sharpness: float = 6.0) -> Pixels:
    """Each pixel takes the mean of that side of its neighbourhood which varies least.

    The filter of Kuwahara and others (1976) in the smooth, eight-sided form of Papari, Petkov and Campisi
    ("Artistic edge and corner enhancing smoothing", 2007), with square windows.
    """
    image = pixels.astype(np.float32)
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)
    side = 2 * (radius // 2) + 1
    mean = cv2.blur(image, (side, side))
    middle = cv2.blur(grey, (side, side))
    spread = np.maximum(cv2.blur(grey * grey, (side, side)) - middle * middle, 0) + 2.0
    weight = spread ** np.float32(-sharpness / 2)
    reach = max(round(0.6 * radius), 1)
    stacked = np.dstack([mean * weight[..., None], weight])
    total = np.zeros_like(stacked)
    wide = cv2.copyMakeBorder(stacked, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    height, width = grey.shape
    for dx, dy in _DIRECTIONS:
        total += wide[reach + dy * reach :, reach + dx * reach :][:height, :width]
    return np.clip(total[..., :3] / total[..., 3:] + 0.5, 0, 255).astype(np.uint8)


def washes(pixels: Pixels, levels: int, softness: float) -> Pixels:
    """Brightness in a few steps with soft borders; colours keep their hue.

    The soft quantisation of Winnemöller, Olsen and Gooch ("Real-time video abstraction", 2006).
    """
    tones = np.arange(256, dtype=np.float32) / 255 * levels
    nearest = np.floor(tones) + 0.5
    stepped = nearest + 0.5 * np.tanh((tones - nearest - 0.0) / softness * 2) / np.tanh(1 / softness)
    table = np.clip(stepped / levels * 255, 0, 255).astype(np.uint8)
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2Lab)
    lab[..., 0] = cv2.LUT(lab[..., 0], table)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.uint8)


def edges(pixels: Pixels, sigma: float) -> Floats:
    """How steep brightness and colour are, in 0..1."""
    soft = cv2.GaussianBlur(pixels, (0, 0), sigma)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=1 / 4)
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=1 / 4)
    steep = np.sqrt(across * across + down * down).max(axis=-1)
    return np.asarray(np.clip(steep * sigma / 110, 0, 1), np.float32)


def ink(grey: Floats, sigma: float, sharp: float = 18.0, least: float = 0.78, steep: float = 14.0) -> Floats:
    """Lines where a picture in 0..1 darkens: 0 is ink, 1 is bare.

    The extended difference of Gaussians of Winnemöller, Kyprianidis and Olsen ("XDoG", 2012).
    """
    narrow, wide = cv2.GaussianBlur(grey, (0, 0), sigma), cv2.GaussianBlur(grey, (0, 0), 1.6 * sigma)
    sharpened = (1 + sharp) * narrow - sharp * wide
    return np.asarray(np.where(sharpened >= least, 1, 1 + np.tanh(steep * (sharpened - least))), np.float32)

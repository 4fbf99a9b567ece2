"""Draws a meadow under a clear sky, with the low sun at one side (CC0): ground to put things on.

    python examples/draw_meadow.py meadow.jpg

Hills are sums of sines, grass is a few thousand strokes that grow towards the viewer. Same numpy and OpenCV,
same picture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH, HEIGHT = 2000, 1500
HORIZON = 0.46
Floats = npt.NDArray[np.float32]


def sky() -> Floats:
    """From deep blue above to a pale horizon, brighter towards the sun at the left."""
    rows = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None] / HORIZON
    above, below = np.float32((86, 142, 214)), np.float32((206, 225, 238))
    blue = above + (below - above) * np.clip(rows, 0, 1) ** 0.8
    glow = np.linspace(1, 0, WIDTH, dtype=np.float32)[None, :, None] ** 2
    return np.asarray(blue + glow * (255 - blue) * np.float32((0.50, 0.46, 0.34)), np.float32)


def clouds(picture: Floats, rng: np.random.Generator) -> None:
    """Noise of many sizes, thin where it is low."""
    noise = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(2, 8):
        grid = rng.random((2**octave, 2 ** (octave - 1)), dtype=np.float32)
        noise += cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) / 1.7**octave
    noise = (noise - noise.mean()) / noise.std()
    share = np.clip((noise - 0.7) * 0.5, 0, 0.75)[..., None]
    picture += (np.float32((255, 253, 250)) - picture) * share


def hills(picture: Floats, rng: np.random.Generator) -> None:
    """Three ridges, the far ones bluer."""
    columns = np.arange(WIDTH, dtype=np.float32) / WIDTH
    rows = np.arange(HEIGHT)[:, None]
    for far, hue in ((0.07, (146, 170, 196)), (0.045, (112, 146, 142)), (0.02, (84, 122, 84))):
        ridge = sum(np.sin(columns * f * 6.28 + rng.random() * 6.28) / f for f in (1.3, 2.7, 5.1, 11.0, 23.0))
        top = HEIGHT * (HORIZON - far - 0.03 * ridge * far / 0.07)
        cover = np.clip(rows - top[None, :], 0, 1)[..., None]
        tone = np.float32(hue) + rng.normal(0, 3, (HEIGHT, WIDTH, 1)).astype(np.float32)
        picture += (tone - picture) * cover


def meadow(picture: Floats, rng: np.random.Generator) -> None:
    """Green that deepens towards the viewer, lit from the left, with blades of grass."""
    start = int(HORIZON * HEIGHT)
    depth = np.linspace(0, 1, HEIGHT - start, dtype=np.float32)[:, None, None]
    green = np.float32((150, 172, 92)) + depth * (np.float32((72, 112, 34)) - np.float32((150, 172, 92)))
    picture[start:] = green * (1.10 - 0.2 * np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None])
    for _ in range(120_000):
        near = rng.random() ** 0.7
        x, y = rng.random() * WIDTH, start + near * (HEIGHT - start)
        length = 2 + 20 * near**1.5
        lean = rng.normal(0, 0.35) * length
        own = picture[min(int(y), HEIGHT - 1), min(int(x), WIDTH - 1)]
        tone = own * rng.uniform(0.86, 1.15) + np.float32((6, 4, 0)) * rng.normal()
        ends = (int(x), int(y)), (int(x + lean), int(y - length))
        cv2.line(picture, *ends, tuple(float(v) for v in np.clip(tone, 20, 235)), 1, cv2.LINE_AA)
    for _ in range(700):
        near = rng.random() ** 0.7
        at = int(rng.random() * WIDTH), int(start + 10 + near * (HEIGHT - start))
        hue = ((250, 246, 236), (246, 214, 84), (196, 120, 190))[rng.integers(3)]
        cv2.circle(picture, at, 1 + int(4 * near**2), tuple(float(v) for v in hue), -1, cv2.LINE_AA)


def drawn() -> npt.NDArray[np.uint8]:
    """The whole picture."""
    rng = np.random.default_rng(3)
    picture = sky()
    clouds(picture, rng)
    hills(picture, rng)
    meadow(picture, rng)
    picture += rng.normal(0, 1.6, picture.shape).astype(np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    Image.fromarray(drawn()).save(Path(sys.argv[1]), quality=90)

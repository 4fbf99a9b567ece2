"""Let it be foggy, rain or snow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.paint.bands import in_bands, rows_of, toward, veiled
from officina.engines.collage.paint.noise import clouds
from officina.engines.collage.paint.sheet import named, painted, salience, sheet, strength
from officina.engines.collage.paint.tones import TONES, mapped, saturated
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Weather
from officina.engines.collage.raster import Floats, Mask, Pixels, resized, shares

_WORDS = {"fog": "laid fog over {}", "rain": "let it rain in {}", "snow": "let snow fall in {}"}


@dataclass(frozen=True, slots=True)
class _Air:
    """What is in the air this time, and what of the picture stands nearer than the rest."""

    amount: float
    seed: int
    near: Mask


def weather(operation: Weather, bench: Bench) -> Canvas:
    """Painted at the asked size. The scale, and a wish for much of it, set how thick; variants differ.

    Nothing here changes the ground: no puddles, no snow that lies.
    """
    canvas = bench.one_picture(operation.picture)
    near = salience(canvas, bench)
    canvas = sheet(operation.picture, bench)
    bench.step("changing the weather")
    amount = strength(bench) * (1.6 if operation.strong else 1.0) * (1 + 0.6 * bench.emphasis)
    air = _Air(amount, 100 + 37 * bench.variant, near)
    pixels = toward(canvas.picture.pixels, _KINDS[operation.kind](canvas.picture.pixels, air), bench.blend)
    bench.done.append(_WORDS[operation.kind].format(named(canvas)))
    return painted(canvas, Picture(pixels, canvas.picture.alpha))


def _fog(pixels: Pixels, air: _Air) -> Pixels:
    """Light is lost on its way and airlight added, the more the farther: Koschmieder's law (1924).

    How far something is cannot be known from one picture; what lies high in it is taken to be far, and what
    stands out to be near.
    """
    height, width = pixels.shape[:2]
    ys = np.linspace(0, 1, 96, dtype=np.float32)[:, None]
    far = np.clip(1.30 - 1.05 * ys, 0.2, 1) * np.ones((1, 96), np.float32)
    drift = clouds(96, 96, air.seed, 2.2, 4)
    near = cv2.GaussianBlur(shares(resized(air.near, (96, 96))), (0, 0), 2.0)
    depth = far * (0.75 + 0.5 * drift) * (1 - 0.55 * near)
    cover = np.clip(1 - np.exp(-1.55 * air.amount * depth), 0, 0.96).astype(np.float32)
    small = cv2.resize(pixels, (48, 48), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    light = 0.25 * np.percentile(small, 90, axis=0) + 0.75 * np.array((222, 226, 229))
    return veiled(
        saturated(pixels, 0.8),
        (float(light[0]), float(light[1]), float(light[2])),
        lambda rows: rows_of(cover, rows, height, width),
    )


def _rain(pixels: Pixels, air: _Air) -> Pixels:
    """A dull, cool light, mist in the distance, and three sheets of streaks, far ones small and faint.

    Streaks brighten what is behind them, as drops gather light from all the sky (Garg and Nayar, "Vision
    and rain", 2007).
    """
    height, width = pixels.shape[:2]
    share = min(air.amount, 1.8)
    dull = saturated(
        mapped(pixels, *(_dulled(share, low) for low in (0.0, 0.012, 0.035))), max(1 - 0.38 * share, 0.35)
    )
    mist = np.linspace(0.30, 0.05, 32, dtype=np.float32)[:, None] * np.ones((1, 8), np.float32) * share
    misty = veiled(dull, (150, 158, 168), lambda rows: rows_of(mist, rows, height, width))
    return _brightened(misty, _streaks(height, width, air), (206, 214, 224))


def _dulled(share: float, lift: float) -> Floats:
    return np.asarray(TONES * (1 - 0.24 * share) ** (0.5 + TONES) + lift * share, np.float32)


def _streaks(height: int, width: int, air: _Air) -> Mask:
    """How bright the streaks are; they fall in one direction, a little apart."""
    random = np.random.default_rng(air.seed)
    slant = random.choice([-1, 1]) * random.uniform(0.10, 0.24)
    unit = min(height, width) / 1000
    area = height * width / unit**2 / 1e6
    sheet_mask = np.zeros((height, width), np.uint8)
    for count, length, thick, light in ((1500, 22, 0.8, 70), (620, 46, 1.2, 105), (130, 95, 2.0, 120)):
        layer = np.zeros((height, width), np.uint8)
        number = int(count * area * min(air.amount, 2.2))
        spots = random.uniform((-0.1, -0.1), (1.1, 1.05), (number, 2)) * (width, height)
        lengths = length * unit * random.uniform(0.6, 1.3, number)
        lights = (light * random.uniform(0.45, 1.0, number)).astype(int).tolist()
        ends = spots + np.stack([lengths * slant, lengths], axis=-1)
        ends[:, 0] += lengths * random.uniform(-0.025, 0.025, number)
        lines = np.round(np.stack([spots, ends], axis=1) * 16).astype(np.int32)
        for line, bright in zip(lines, lights, strict=True):
            cv2.polylines(layer, [line], False, bright, max(round(thick * unit), 1), cv2.LINE_AA, 4)
        blur = max(0.5 * thick * unit, 0.4)
        cv2.add(sheet_mask, cv2.GaussianBlur(layer, (0, 0), blur), dst=sheet_mask)
    return sheet_mask


def _snow(pixels: Pixels, air: _Air) -> Pixels:
    """A pale, cold light and flakes in three depths: many small far ones, few large ones out of focus."""
    height, width = pixels.shape[:2]
    share = min(air.amount, 1.8)
    cold = saturated(
        mapped(pixels, *(_chilled(share, lift) for lift in (0.020, 0.032, 0.055))), 1 - 0.30 * share / 1.8
    )
    mist = np.linspace(0.34, 0.08, 32, dtype=np.float32)[:, None] * np.ones((1, 8), np.float32) * share
    misty = veiled(cold, (226, 231, 238), lambda rows: rows_of(mist, rows, height, width))
    return _brightened(misty, _flakes(height, width, air), (253, 254, 255))


def _chilled(share: float, lift: float) -> Floats:
    return np.asarray(TONES * (1 - 0.06 * share) + lift * share, np.float32)


def _flakes(height: int, width: int, air: _Air) -> Mask:
    """How much flakes cover: soft, uneven discs, drawn out along their fall."""
    random = np.random.default_rng(air.seed + 5)
    unit = min(height, width) / 1000
    area = height * width / unit**2 / 1e6
    cover = np.zeros((height, width), np.uint8)
    for count, radius, soft, light in ((2600, 1.2, 0.7, 190), (460, 2.6, 1.1, 215), (55, 7.0, 3.2, 140)):
        layer = np.zeros((height, width), np.uint8)
        number = int(count * area * min(air.amount, 2.2))
        spots = random.uniform(0, 1, (number, 2)) * (width, height)
        sizes = radius * unit * random.uniform(0.55, 1.35, number)
        turns = random.uniform(55, 125, number).tolist()
        lights = (light * random.uniform(0.55, 1.0, number)).astype(int).tolist()
        at = np.round(spots * 16).astype(int).tolist()
        for (x, y), size, turn, bright in zip(at, sizes.tolist(), turns, lights, strict=True):
            axes = (round(size * 16 * 1.35), round(size * 16))
            cv2.ellipse(layer, (x, y), axes, turn, 0, 360, bright, -1, cv2.LINE_AA, 4)
        np.maximum(cover, cv2.GaussianBlur(layer, (0, 0), max(soft * unit, 0.4)), out=cover)
    return cover


def _brightened(pixels: Pixels, light: Mask, colour: tuple[int, int, int]) -> Pixels:
    """The picture with light of a colour before it."""
    result = np.empty_like(pixels)
    tone = np.array(colour, np.uint16)

    def work(rows: slice) -> None:
        share = light[rows].astype(np.uint16)[..., None]
        total = pixels[rows] * (255 - share)
        total += tone * share
        total += 127
        total //= 255
        result[rows] = total

    in_bands(len(pixels), work)
    return result


_KINDS: Mapping[str, Callable[[Pixels, _Air], Pixels]] = {"fog": _fog, "rain": _rain, "snow": _snow}

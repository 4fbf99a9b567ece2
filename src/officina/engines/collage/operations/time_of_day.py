"""Change the light to that of another hour."""

from __future__ import annotations

import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.paint.bands import in_bands, multiplied, toward
from officina.engines.collage.paint.noise import dither
from officina.engines.collage.paint.sheet import named, painted, sheet, strength
from officina.engines.collage.paint.sky import Sky, sky_of
from officina.engines.collage.paint.tones import LUMA, TONES, bent, lifted, mapped, saturated
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import TimeOfDay
from officina.engines.collage.raster import Floats, Pixels
from officina.engines.collage.refusal import CannotDo

_DUSK = (
    (0.0, (74, 66, 124)),
    (0.35, (158, 92, 128)),
    (0.68, (242, 128, 84)),
    (0.90, (255, 190, 102)),
    (1.0, (255, 212, 130)),
)
"""The sky after sunset, from overhead down to the horizon."""
_NIGHT = ((0.0, (6, 10, 28)), (0.55, (18, 32, 68)), (1.0, (62, 82, 122)))


def time_of_day(operation: TimeOfDay, bench: Bench) -> Canvas:
    """Other light, and in sunset and night another sky behind what stands before it.

    Colours as in a photograph of that hour: the low sun's light is orange and what it does not reach takes
    the blue of the sky. No sun, moon or shadow is drawn. Night needs a clear sky; without one it is refused.
    """
    canvas = sheet(operation.picture, bench)
    bench.step("changing the light")
    pixels = canvas.picture.pixels
    amount = strength(bench) * (1 + 0.4 * bench.emphasis)
    if operation.kind == "golden_hour":
        changed = _golden(pixels, amount, bench.variant)
        words = "gave {} the light of the golden hour"
    else:
        sky = sky_of(pixels)
        if operation.kind == "night":
            changed, words = _night(pixels, _clear(sky), amount), "made it night in {}"
        else:
            changed, words = _sunset(pixels, sky, amount), "gave {} the light of a sunset"
        bench.approximate = True
    bench.done.append(words.format(named(canvas)))
    return painted(canvas, Picture(toward(pixels, changed, bench.blend), canvas.picture.alpha))


def _clear(sky: Sky | None) -> Sky:
    if sky is None or not 0.12 < sky.share < 0.75:
        raise CannotDo("night only looks right over an open sky, and none was found in the picture")
    return sky


def _golden(pixels: Pixels, amount: float, variant: int) -> Pixels:
    """Warm lights, soft contrast, and a glow from one side."""
    warm = mapped(
        pixels,
        np.asarray(0.035 * amount + (1 - 0.02 * amount) * lifted(1 - 0.20 * amount), np.float32),
        np.asarray(0.018 * amount + (1 - 0.03 * amount) * lifted(1 - 0.03 * amount), np.float32),
        np.asarray(0.02 * amount + (1 - 0.20 * amount) * lifted(1 + 0.22 * amount), np.float32),
    )
    height, width = pixels.shape[:2]
    side = 1.0 if variant % 2 == 0 else 0.0
    x = (np.arange(width, dtype=np.float32) / width - side)[None]
    y = (np.arange(height, dtype=np.float32) / height - 0.12)[:, None]
    tint = np.array((0.34, 0.20, 0.02), np.float32) * amount

    def gain(rows: slice) -> Floats:
        glow = np.exp(-(x * x + 1.3 * y[rows] ** 2) * 3.2) - 0.18
        return np.asarray(1 + glow[..., None] * tint, np.float32)

    return multiplied(saturated(warm, 1.12), gain)


def _sunset(pixels: Pixels, sky: Sky | None, amount: float) -> Pixels:
    """The land in low, warm light; the sky, where there is one, in its own colours times those of dusk."""
    amount = amount if sky else 0.65 * amount
    land = mapped(
        saturated(pixels, 1.05 if sky else 0.92),
        np.asarray(lifted(1 + 0.06 * amount), np.float32),
        np.asarray((1 - 0.13 * amount) * lifted(1 + 0.26 * amount), np.float32),
        np.asarray(0.03 + (1 - 0.30 * amount) * lifted(1 + 0.30 * amount), np.float32),
    )
    land = mapped(land, bent(0.2 * amount))
    if sky is None:
        return land
    return _with_sky(pixels, land, sky, _colours(_DUSK), 1.12)


def _night(pixels: Pixels, sky: Sky, amount: float) -> Pixels:
    """Day for night, as in the cinema: dark, blue, with hardly a colour, the sky darker than by day."""
    curve = np.asarray(TONES ** (1.25 + 0.25 * amount), np.float32)
    land = mapped(
        saturated(pixels, 0.45),
        np.asarray(0.34 * curve + 0.012, np.float32),
        np.asarray(0.46 * curve + 0.020, np.float32),
        np.asarray(0.70 * curve + 0.045, np.float32),
    )
    return _with_sky(pixels, land, sky, _colours(_NIGHT), 0.9)


def _colours(stops: tuple[tuple[float, tuple[int, int, int]], ...]) -> Floats:
    at = np.array([tone for tone, _ in stops])
    values = np.array([colour for _, colour in stops])
    return np.stack([np.interp(TONES, at, values[:, i]) for i in range(3)], axis=-1).astype(np.float32)


def _with_sky(pixels: Pixels, land: Pixels, sky: Sky, colours: Floats, light: float) -> Pixels:
    """The land with another sky behind it, which keeps the old one's clouds.

    The sky is a share of every pixel, and its brightness is multiplied in: so its border has no halo.
    """
    height, width = pixels.shape[:2]
    reference = _brightness_of(pixels, sky)
    result = np.empty_like(pixels)

    def work(rows: slice) -> None:
        share = sky.rows(pixels, rows)[..., None]
        down = np.clip(np.arange(rows.start, rows.stop) / height / max(sky.horizon, 0.05), 0, 1)
        tone = colours[(down * 255).astype(np.int32)][:, None]
        clouds = np.clip((pixels[rows] @ LUMA) / reference, 0.35, 1.30)[..., None] ** 1.3
        painted_sky = np.minimum(tone * clouds * light, 255)
        total = land[rows] * (1 - share) + painted_sky * share + dither(rows, width)[..., None] / 256
        result[rows] = np.minimum(total, 255)

    in_bands(height, work)
    return result


def _brightness_of(pixels: Pixels, sky: Sky) -> float:
    """How bright the sky is, over all."""
    step = max(len(pixels) // 200, 1)
    rows = [slice(top, top + 1) for top in range(0, len(pixels), step)]
    shares = np.concatenate([sky.rows(pixels, one) for one in rows])
    bright = np.concatenate([pixels[one] @ LUMA for one in rows])
    return float(np.percentile(bright[shares > 0.6], 60)) if (shares > 0.6).any() else 200.0

"""The lake that the demo scene is set in: sky, mountains, forest and the water that mirrors them (CC0).

Made of noise and geometry alone; `draw_boat.py` puts the boat into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

WIDTH, HEIGHT = 2400, 1800
HORIZON = 590
FOCAL = 1950.0
EYE_M = 1.50
"""How high the eye is above the water."""


def colour(text: str) -> Floats:
    """A colour as linear-ish floats from 'rrggbb'."""
    return np.float32([int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)])


def mix(a: Floats, b: Floats, share: Floats | float) -> Floats:
    """Between two colours or pictures; `share` may be a map."""
    weight = np.asarray(share, np.float32)
    weight = weight[..., None] if weight.ndim else weight
    return (a * (1 - weight) + b * weight).astype(np.float32)


def smooth(low: float, high: float, value: Floats) -> Floats:
    """0 below `low`, 1 above `high`, a soft step between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def noise(
    rng: np.random.Generator, shape: tuple[int, int], cell: tuple[float, float], octaves: int
) -> Floats:
    """Fractal noise around 0 within about ±1; `cell` is the coarsest cell's height and width in pixels."""
    total = np.zeros(shape, np.float32)
    weight, norm = 1.0, 0.0
    for octave in range(octaves):
        rows = max(int(shape[0] / cell[0] * 2**octave) + 3, 4)
        columns = max(int(shape[1] / cell[1] * 2**octave) + 3, 4)
        grid = rng.uniform(-1, 1, (min(rows, shape[0]), min(columns, shape[1]))).astype(np.float32)
        total += weight * cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)
        norm += weight
        weight *= 0.5
    return (total / norm * 1.7).astype(np.float32)


def slope(relief: Floats, step: int) -> Floats:
    """How much a relief rises from left to right: what faces a sun on the left is negative."""
    return (np.pad(relief, ((0, 0), (0, step)), mode="edge")[:, step:] - relief).astype(np.float32)


def crags(
    rng: np.random.Generator, shape: tuple[int, int], cell: tuple[float, float], octaves: int
) -> Floats:
    """Noise with sharp crests, for rock."""
    return (1 - 2 * np.abs(noise(rng, shape, cell, octaves))).astype(np.float32)


# --- the far view ------------------------------------------------------------------------------------------


def sky(rng: np.random.Generator) -> Floats:
    """Blue above, warm near the horizon, with a few lit clouds. One row per pixel above the horizon."""
    rows = np.linspace(0, 1, HORIZON, dtype=np.float32)[:, None]
    base = mix(colour("6b9ccb"), colour("bcd6e8"), smooth(0.0, 0.72, rows))
    base = mix(base, colour("f8e3c4"), smooth(0.30, 0.85, rows) * 0.95)
    base = np.repeat(base, WIDTH, axis=1)
    glow = np.exp(-(((np.arange(WIDTH) - 0.2 * WIDTH) / 900) ** 2)).astype(np.float32)[None, :]
    base = mix(base, colour("fff0d2"), glow * smooth(0.2, 1.0, rows) * 0.55)
    shape = (HORIZON, WIDTH)
    body = noise(rng, shape, (210, 560), 7) + 0.25 * noise(rng, shape, (60, 110), 5)
    cover = smooth(0.12, 0.62, body) * (1 - smooth(0.62, 0.95, rows))
    shifted = np.pad(body, ((26, 0), (34, 0)), mode="edge")[:HORIZON, :WIDTH]
    shade = smooth(-0.45, 0.5, body - cv2.GaussianBlur(shifted, (0, 0), 9))
    cloud = mix(colour("aab9cf"), colour("fffaf0"), shade)
    wisps = smooth(0.25, 1.0, noise(rng, shape, (90, 1500), 6)) * 0.35 * (1 - smooth(0.5, 0.9, rows))
    return mix(mix(base, colour("ffffff"), wisps), cloud, cover * 0.92)


def ridge(rng: np.random.Generator, height: float, rough: float, cell: float) -> Floats:
    """A skyline: pixels above the horizon, one number per column."""
    line = noise(rng, (1, WIDTH), (1, cell), 8)[0]
    return (height * (1 + rough * line)).astype(np.float32)


def mountain(view: Floats, skyline: Floats, tones: tuple[str, str], rng: np.random.Generator) -> None:
    """Paint one range, from its skyline down to the horizon, lit from the left and hazy at its foot."""
    rows = (HORIZON - np.arange(HORIZON, dtype=np.float32))[:, None]
    inside = np.clip(skyline[None, :] - rows, 0, 1)
    relief = crags(rng, (HORIZON, WIDTH), (190, 130), 6)
    light = smooth(-0.42, 0.42, -slope(relief, 10) - np.gradient(skyline)[None, :].astype(np.float32) * 0.12)
    rock = mix(colour(tones[0]), colour(tones[1]), light)
    haze = 1 - np.clip(rows / max(float(skyline.max()), 1.0), 0, 1)
    rock = mix(rock, colour("e3e2dc"), np.repeat(haze**1.5 * 0.72, WIDTH, axis=1))
    view[:] = mix(view, rock, inside)


def snow(view: Floats, skyline: Floats, rng: np.random.Generator) -> None:
    """Snow on what reaches high enough."""
    rows = (HORIZON - np.arange(HORIZON, dtype=np.float32))[:, None]
    inside = np.clip(skyline[None, :] - rows, 0, 1)
    relief = crags(rng, (HORIZON, WIDTH), (150, 120), 6)
    high = smooth(150, 285, rows + 60 * relief) * inside
    bright = smooth(-0.46, 0.50, -slope(relief, 9) - np.gradient(skyline)[None, :].astype(np.float32) * 0.22)
    view[:] = mix(view, mix(colour("9db0ca"), colour("fff7ea"), bright), high * 0.85)


def conifer(view: Floats, foot: tuple[float, float], tall: float, tone: Floats) -> None:
    """One tree: a stack of ragged tiers."""
    x, y = foot
    tiers = max(int(tall / 6), 4)
    for tier in range(tiers):
        share = tier / tiers
        half = tall * 0.23 * (1 - share) ** 0.8 + 1
        low, high = y - tall * share, y - tall * min(share + 1.9 / tiers, 1.0)
        points = np.float32([(x - half, low), (x, high), (x + half, low), (x, low - tall * 0.02)])
        tint = tone * (0.82 + 0.3 * share)
        cv2.fillPoly(view, [np.int32(points * 16)], tint.tolist(), cv2.LINE_AA, 4)
        sunny = np.float32([(x - half, low), (x, high), (x - half * 0.25, low - tall * 0.01)])
        cv2.fillPoly(view, [np.int32(sunny * 16)], (tint * 1.22 + 0.015).tolist(), cv2.LINE_AA, 4)


def forest(view: Floats, rng: np.random.Generator) -> None:
    """Three lines of trees along the far shore, the nearest darkest."""
    for bank, tall, tone in ((34, 30, "7d9490"), (18, 40, "4f6f64"), (4, 50, "2c4a3c")):
        rise = noise(rng, (1, WIDTH), (1, 700), 4)[0]
        for x in np.sort(rng.uniform(-20, WIDTH + 20, WIDTH // 7)):
            local = float(rise[int(np.clip(x, 0, WIDTH - 1))])
            height = tall * (0.62 + 0.5 * rng.uniform()) * (1 + 0.45 * local)
            tint = colour(tone) * np.float32(rng.uniform(0.85, 1.15))
            conifer(view, (float(x), HORIZON - bank * (0.5 + 0.6 * local) + 6), height, tint)


def far_view() -> Floats:
    """Everything above the water line."""
    rng = np.random.default_rng(5)
    view = sky(rng)
    far = ridge(rng, 232, 0.40, 760) + 40 * np.exp(-(((np.arange(WIDTH) - 1720) / 330) ** 2)).astype(
        np.float32
    )
    mountain(view, far, ("7f93b4", "c3cbd8"), rng)
    snow(view, far, rng)
    mountain(view, ridge(rng, 165, 0.45, 620), ("66808f", "a3b3ae"), rng)
    mountain(view, ridge(rng, 92, 0.5, 480), ("48685f", "8aa188"), rng)
    forest(view, rng)
    rows = (HORIZON - np.arange(HORIZON, dtype=np.float32))[:, None]
    bank = np.clip(9 + 6 * noise(rng, (1, WIDTH), (1, 240), 5) - rows, 0, 1)
    view = mix(view, colour("33493a"), bank * 0.9)
    drift = smooth(-0.5, 0.9, noise(rng, (HORIZON, WIDTH), (60, 900), 4))
    mist = np.exp(-((rows / 44) ** 2)) * drift * 0.42
    return mix(view, colour("f6ecdd"), mist)


# --- the water ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Water:
    """Where each pixel of the lake looks: the tilt of its surface and how far away it is."""

    tilt_x: Floats
    tilt_z: Floats
    distance_m: Floats


def water(rng: np.random.Generator) -> Water:
    """Small waves in perspective, calm far away."""
    rows = np.arange(HEIGHT - HORIZON, dtype=np.float32)[:, None] + 0.5
    z = EYE_M * FOCAL / rows
    x = (np.arange(WIDTH, dtype=np.float32)[None, :] - WIDTH / 2) * z / FOCAL
    z = np.repeat(z, WIDTH, axis=1)
    tilt_x, tilt_z = np.zeros_like(x), np.zeros_like(x)
    for _ in range(46):
        angle = rng.normal(1.45, 0.5)
        length = float(np.exp(rng.uniform(np.log(0.16), np.log(3.4))))
        k = 2 * np.pi / length
        kx, kz = k * np.cos(angle), k * np.sin(angle)
        seen = np.exp(-((k * z * z / (EYE_M * FOCAL)) ** 2) * 0.6)  # waves finer than a pixel cancel out
        swell = np.cos(kx * x + kz * z + rng.uniform(0, 6.28)) * seen * 0.0058 * length**0.12
        tilt_x += (np.cos(angle) * swell).astype(np.float32)
        tilt_z += (np.sin(angle) * swell).astype(np.float32)
    gusts = 0.45 + 0.75 * smooth(-0.6, 0.8, noise(rng, tilt_x.shape, (160, 900), 4))
    return Water(tilt_x * gusts, tilt_z * gusts, z)


def mirrored(lake: Water, view: Floats) -> Floats:
    """The far view as the waves show it."""
    rows = np.arange(HEIGHT - HORIZON, dtype=np.float32)[:, None] + 0.5
    columns = np.arange(WIDTH, dtype=np.float32)[None, :]
    source_x = columns + 2 * lake.tilt_x * FOCAL * 0.55
    up = rows + 2 * np.abs(lake.tilt_z * 1.35 + 0.0005) * FOCAL * np.sign(lake.tilt_z)
    source_y = HORIZON - 1 - np.abs(up) * 0.92
    soft = cv2.GaussianBlur(view, (0, 0), 1.6)
    return cv2.remap(
        soft, source_x.astype(np.float32), source_y.astype(np.float32), cv2.INTER_LINEAR, None, 1
    )


def lake_view(lake: Water, view: Floats) -> Floats:
    """Reflection and depth, weighed by how flat one looks at the surface."""
    rows = np.arange(HEIGHT - HORIZON, dtype=np.float32)[:, None] + 0.5
    facing = np.clip(rows / np.hypot(rows, FOCAL) + lake.tilt_z, 0.0, 1.0)
    glance = (0.05 + 0.95 * (1 - facing) ** 4.2).astype(np.float32)
    down = np.repeat(np.linspace(0, 1, HEIGHT - HORIZON, dtype=np.float32)[:, None], WIDTH, axis=1)
    deep = mix(colour("4e8291"), colour("123c4e"), down)
    picture = mix(deep, mirrored(lake, view) * np.float32(0.94), glance)
    sparkle = smooth(0.030, 0.052, lake.tilt_z - 0.5 * lake.tilt_x) * 0.10
    picture = mix(picture, colour("fff6e4"), sparkle)
    shore = np.exp(-(((rows - 2) / 3.5) ** 2)) * 0.35
    return mix(picture, colour("f3ead9"), np.repeat(shore, WIDTH, axis=1))

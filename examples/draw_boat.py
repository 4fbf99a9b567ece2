"""Draws the demo scene: a rowing boat on a mountain lake, made of noise and geometry alone (CC0).

    python examples/draw_boat.py boat.jpg

The far view is painted first, then the water mirrors it through its waves, then the hull is projected plank
by plank and mirrored the same way. Same numpy and OpenCV, same picture.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from draw_lake import (
    EYE_M,
    FOCAL,
    HEIGHT,
    HORIZON,
    WIDTH,
    Floats,
    Water,
    colour,
    far_view,
    lake_view,
    mix,
    noise,
    smooth,
    water,
)
from PIL import Image

BOAT_Z_M = 4.05
SUN = np.float32((-0.50, 0.66, -0.56)) / np.float32(np.linalg.norm((-0.50, 0.66, -0.56)))
EYE = np.float32((0, EYE_M, 0))
SUPER = 2
LENGTH_M, BEAM_M, FREEBOARD_M, SHEER_M, DRAFT_M = 2.7, 1.22, 0.33, 0.20, 0.10
YAW = np.float32(np.deg2rad(11))


@dataclass
class Faces:
    """Flat faces in space, each with its colour; painted far to near."""

    eye: Floats
    corners: list[Floats] = field(default_factory=list)
    tones: list[Floats] = field(default_factory=list)
    lift: list[Floats] = field(default_factory=list)

    def grid(self, points: Floats, tones: Floats, nearer_m: float = 0.0, facing: float = 0.0) -> None:
        """A sheet of points (rows × columns × 3) with one tone per face; `facing` hides its back."""
        quads = np.stack([points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]], axis=2)
        quads = quads.reshape(-1, 4, 3)
        if facing:
            outward = normals(world(points)).reshape(-1, 3) * np.float32(facing)
            seen = np.einsum("ij,ij->i", outward, self.eye - world(quads).mean(axis=1)) > 0
            quads, tones = quads[seen], tones.reshape(-1, 3)[seen]
        self.corners.append(quads)
        self.tones.append(tones.reshape(-1, 3))
        self.lift.append(np.full(len(quads), nearer_m, np.float32))


def hull(u: Floats, v: Floats, side: float, inset_m: float = 0.0) -> Floats:
    """A point of the hull's skin: u from stern (-1) to bow (1), v from keel (0) to gunwale (1)."""
    bow = np.where(u > 0, 2.1, 3.4)
    taper = np.clip(1 - np.abs(u) ** bow, 0, 1) ** np.where(u > 0, 0.92, 0.6)
    beam = np.clip(BEAM_M / 2 * taper - inset_m, 0.004, None)
    top = FREEBOARD_M + SHEER_M * np.abs(u) ** 2.4 * np.where(u > 0, 1.0, 0.62)
    keel = -DRAFT_M + (DRAFT_M + 0.22) * np.abs(u) ** 5 + inset_m * 1.4
    across = beam * np.sin(np.clip(v, 0, 1) * np.pi / 2) ** 0.44 * (0.92 + 0.08 * v)
    along = u * LENGTH_M / 2 * (0.90 + 0.10 * v)
    return np.stack([along, keel + (top - keel) * v**1.25, side * across], axis=-1).astype(np.float32)


def normals(points: Floats) -> Floats:
    """One unit normal per face of a sheet."""
    a = points[1:, 1:] - points[:-1, :-1]
    b = points[1:, :-1] - points[:-1, 1:]
    cross = np.cross(a, b)
    return (cross / np.maximum(np.linalg.norm(cross, axis=-1, keepdims=True), 1e-9)).astype(np.float32)


def wood(rng: np.random.Generator, shape: tuple[int, int], tone: str, spread: float) -> Floats:
    """Grain that runs along the second axis."""
    grain = noise(rng, shape, (3, 160), 4) * 0.6 + noise(rng, shape, (14, 400), 3) * 0.6
    return np.clip(colour(tone) * (1 + spread * grain[..., None]), 0, 1).astype(np.float32)


def lit(points: Floats, base: Floats, outward: float, ambient: float = 0.44) -> Floats:
    """Sun from the left and front, sky from above, a little light back from the water."""
    facing = normals(world(points)) * np.float32(outward)
    sun = np.clip(facing @ SUN, 0, 1)[..., None]
    sky_light = (0.5 + 0.5 * facing[..., 1:2]) * np.float32((0.92, 0.98, 1.08))
    bounce = np.clip(-facing[..., 1:2], 0, 1) * np.float32((0.30, 0.40, 0.42))
    warm = np.float32((1.05, 0.97, 0.84))
    return np.clip(base * (ambient * sky_light + bounce * 0.95 + 0.92 * sun * warm), 0, 1).astype(np.float32)


def world(points: Floats) -> Floats:
    """From the boat's own axes to the scene's."""
    cos, sin = np.cos(YAW), np.sin(YAW)
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([cos * x - sin * z, y, sin * x + cos * z + BOAT_Z_M], axis=-1).astype(np.float32)


def sheet(us: Floats, vs: Floats, side: float, inset_m: float = 0.0) -> Floats:
    u, v = np.meshgrid(us, vs)
    return hull(u.astype(np.float32), v.astype(np.float32), side, inset_m)


def planks(rng: np.random.Generator, rows: int, columns: int, tone: str) -> Floats:
    """Lapped planks: each a little different, dark under its edge, lighter along its lip."""
    base = wood(rng, (rows, columns), tone, 0.20)
    strakes = 6
    at = np.linspace(0, strakes, rows, endpoint=False)
    tint = rng.uniform(0.86, 1.10, strakes + 1)[at.astype(int)]
    lap = at % 1
    shade = tint * (
        1 - 0.5 * np.exp(-(((lap - 0.96) / 0.06) ** 2)) + 0.16 * np.exp(-(((lap - 0.05) / 0.07) ** 2))
    )
    return np.clip(base * shade[:, None, None].astype(np.float32), 0, 1).astype(np.float32)


def skins(faces: Faces, rng: np.random.Generator) -> None:
    """Outside and inside of both sides."""
    us, vs = np.linspace(-1, 1, 421, dtype=np.float32), np.linspace(0.0, 1, 97, dtype=np.float32)
    for side in (1.0, -1.0):
        outer = sheet(us, vs, side)
        base = planks(rng, 96, 420, "b9683a")
        boot = 1 - smooth(0.80, 0.815, vs[:-1])[:, None]
        base = mix(np.broadcast_to(colour("f0e6d2"), base.shape), base, np.repeat(boot, 420, axis=1))
        faces.grid(outer, lit(outer, base, side), facing=side)
        inner = sheet(us * np.float32(0.985), vs, side, 0.035)
        depth = (0.42 + 0.58 * vs[:-1] ** 0.9)[:, None, None]
        faces.grid(inner, lit(inner, planks(rng, 96, 420, "c79a63") * depth, -side, 0.62), facing=-side)
    for u in np.linspace(-0.78, 0.78, 13):
        for side in (1.0, -1.0):
            rib = sheet(np.linspace(u - 0.010, u + 0.010, 3, dtype=np.float32), vs[10:], side, 0.055)
            depth = (0.45 + 0.55 * vs[10:-1] ** 0.8)[:, None, None]
            tone = np.broadcast_to(colour("9a6c3e"), (86, 2, 3)) * depth
            faces.grid(rib, lit(rib, tone.astype(np.float32), -side, 0.65), 0.01, -side)


def rails(faces: Faces, rng: np.random.Generator) -> None:
    """The gunwales: a flat top and a rounded outer lip."""
    us = np.linspace(-1, 1, 421, dtype=np.float32)
    for side in (1.0, -1.0):
        ring = [
            sheet(us, np.float32([1.0]), side, inset)[0] for inset in (-0.024, -0.028, -0.008, 0.042, 0.046)
        ]
        lifts = (-0.034, 0.004, 0.022, 0.022, -0.02)
        points = np.stack([line + np.float32((0, lift, 0)) for line, lift in zip(ring, lifts, strict=True)])
        base = wood(rng, (4, 420), "d9ab6c", 0.10)
        faces.grid(points, lit(points, base, side, 0.60), 0.03)
    stem = sheet(np.float32([0.975, 0.99, 1.0]), np.linspace(0.2, 1.04, 30, dtype=np.float32), -1.0, -0.02)
    faces.grid(stem, lit(stem, wood(rng, (29, 2), "b9854c", 0.1), 1.0), 0.02)


def plate(faces: Faces, rng: np.random.Generator, span: tuple[float, float], v: float, tone: str) -> None:
    """A flat board across the boat between two places along it: a thwart or the floor."""
    us = np.linspace(span[0], span[1], 25, dtype=np.float32)
    near, far = sheet(us, np.float32([v]), -1.0, 0.07)[0], sheet(us, np.float32([v]), 1.0, 0.05)[0]
    near[:, 1] = far[:, 1] = np.median(near[:, 1])
    t = np.linspace(0, 1, 49, dtype=np.float32)[:, None, None]
    points = near[None] * (1 - t) + far[None] * t
    base = wood(rng, (24, 48), tone, 0.13).transpose(1, 0, 2)
    edge = 1 - 0.35 * np.exp(-((np.linspace(0, 1, 48) / 0.14) ** 2))[:, None, None]
    faces.grid(points, lit(points, (base * edge).astype(np.float32), -1.0, 0.66))
    lip = np.stack([points[0], points[0] - np.float32((0, 0.035, 0))])
    faces.grid(lip, np.broadcast_to(colour(tone) * 0.45, (1, 24, 3)))


def boat(*, from_below: bool = False) -> Faces:
    """The whole boat, or only what the water sees of it."""
    rng = np.random.default_rng(7)
    faces = Faces(EYE * np.float32((1, -1, 1)) if from_below else EYE)
    skins(faces, rng)
    if from_below:
        return faces
    for start in np.linspace(-0.62, 0.54, 9):
        plate(faces, rng, (start, start + 0.118), 0.22, "8a6239")
    plate(faces, rng, (-0.90, -0.66), 0.66, "c9975a")
    plate(faces, rng, (-0.16, -0.02), 0.66, "cf9d60")
    plate(faces, rng, (0.52, 0.68), 0.68, "c9975a")
    rails(faces, rng)
    return faces


def project(points: Floats, mirror: bool) -> tuple[Floats, Floats]:
    """Pixels and distance; `mirror` shows the image below the water."""
    height = -points[..., 1] if mirror else points[..., 1]
    z = points[..., 2]
    x = WIDTH / 2 + FOCAL * points[..., 0] / z
    y = HORIZON + FOCAL * (EYE_M - height) / z
    return np.stack([x, y], axis=-1).astype(np.float32), z


def paint(faces: Faces, mirror: bool) -> tuple[Floats, Floats]:
    """The boat alone on a clear ground: its colours and its coverage."""
    corners = world(np.concatenate(faces.corners))
    tones = np.concatenate(faces.tones)
    below = corners[..., 1].max(axis=1) < 0
    pixels, z = project(corners, mirror)
    depth = z.mean(axis=1) - np.concatenate(faces.lift)
    canvas = np.zeros((HEIGHT * SUPER, WIDTH * SUPER, 3), np.uint8)
    cover = np.zeros((HEIGHT * SUPER, WIDTH * SUPER), np.uint8)
    fixed = np.int32(pixels * SUPER * 16)
    shades = np.uint8(tones * 255)
    for face in np.argsort(-depth, kind="stable"):
        if not below[face]:
            cv2.fillConvexPoly(canvas, fixed[face], shades[face].tolist(), cv2.LINE_8, 4)
            cv2.fillConvexPoly(cover, fixed[face], 255, cv2.LINE_8, 4)
    size = (WIDTH, HEIGHT)
    share = cv2.resize(cover, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    small = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return small, share


def rippled(picture: Floats, lake: Water, strength: float) -> Floats:
    """Shift what floats near by the tilt of the water in front of it."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    reach = FOCAL * strength
    columns[HORIZON:] += lake.tilt_x * reach * 1.2
    rows[HORIZON:] += lake.tilt_z * reach
    return cv2.remap(picture, columns, rows, cv2.INTER_LINEAR)


def scene() -> Floats:
    view = far_view()
    lake = water(np.random.default_rng(42))
    picture = np.concatenate([view, lake_view(lake, view)])
    image, cover = paint(boat(from_below=True), mirror=True)
    image, cover = rippled(image, lake, 0.34), rippled(cover, lake, 0.34)
    soft = cv2.GaussianBlur(cover, (0, 0), 2.0)[..., None]
    picture = picture * (1 - 0.74 * soft) + cv2.GaussianBlur(image, (0, 0), 1.6) * np.float32(0.62)
    shadow = cv2.GaussianBlur(np.roll(cover, 12, axis=1), (0, 0), 26)[..., None]
    picture *= 1 - 0.22 * shadow
    image, cover = paint(boat(), mirror=False)
    return picture * (1 - cover[..., None]) + image


def finish(picture: Floats) -> npt.NDArray[np.uint8]:
    """A painter's last touches: soft light around the bright parts, a little contrast, a breath of grain."""
    light = cv2.GaussianBlur(np.clip(picture - 0.62, 0, 1), (0, 0), 34)
    picture = np.clip(picture + 0.22 * light, 0, 1)
    picture = picture + 0.10 * (smooth(0, 1, picture) - picture)
    grain = np.random.default_rng(3).normal(0, 0.006, picture.shape[:2]).astype(np.float32)
    return np.uint8(np.clip(picture + grain[..., None], 0, 1) * 255 + 0.5)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "boat.jpg")
    Image.fromarray(finish(scene())).save(target, quality=90, subsampling=0)
    print(f"drew {target}")

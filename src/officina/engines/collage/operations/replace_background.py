"""Put the subject before a plain colour, a gradient, or another picture."""

from __future__ import annotations

import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size, around, shown
from officina.engines.collage.operations.flip import mirrored
from officina.engines.collage.operations.remove_background import alone, with_room
from officina.engines.collage.paint.bands import in_bands
from officina.engines.collage.paint.noise import dither
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Colour, Mention, ReplaceBackground
from officina.engines.collage.raster import Pixels, blended
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene import light
from officina.engines.collage.scene.roles import cast


def replace_background(operation: ReplaceBackground, bench: Bench) -> Canvas:
    """The subject keeps its place and size; only what is behind it changes. The scale has no say.

    Variants stand elsewhere. A gradient is dithered, so that it has no bands at any size.
    """
    if operation.colour is None:
        return _before_picture(operation, bench)
    canvas = _varied(alone(bench.with_subject(bench.one_picture(operation.picture))), bench)
    subject = canvas.framed(bench.size)
    bench.step("painting the background")
    below = operation.colour_below
    colours = [name for name in (operation.colour_name, operation.colour_below_name) if name]
    bench.done.append(f"replaced the background by {' to '.join(colours)}")
    return _joined(_ground(subject.pixels, operation.colour, below or operation.colour), subject)


def _varied(canvas: Canvas, bench: Bench) -> Canvas:
    """Variants stand mirrored, and with more room around."""
    if bench.variant % 2:
        canvas = mirrored(canvas, across=True)
    return canvas if bench.variant < 2 else with_room(canvas, bench.size, 0.09 * (bench.variant // 2))


def _ground(like: Pixels, above: Colour, below: Colour) -> Pixels:
    """One colour at the top turning into another at the bottom, without visible steps."""
    ground = np.empty_like(like)
    height, width = like.shape[:2]
    if above == below:
        ground[:] = above
        return ground
    share = (np.arange(height, dtype=np.float32) / max(height - 1, 1))[:, None]
    share = share * share * (3 - 2 * share)
    tones = np.asarray(above, np.float32) * (1 - share) + np.asarray(below, np.float32) * share
    levels = (tones * 256).astype(np.uint16)

    def work(rows: slice) -> None:
        exact = levels[rows][:, None] + dither(rows, width)[..., None]
        ground[rows] = np.minimum(exact >> 8, 255)

    in_bands(height, work)
    return ground


def _before_picture(operation: ReplaceBackground, bench: Bench) -> Canvas:
    if bench.canvas is not None:
        raise CannotDo("replacing the background by a picture has to come first in the prompt")
    if len(bench.album) < 2:
        what = operation.scene.word or "that"
        raise CannotDo(f"a background of {what} must be sent as a second picture; it cannot be invented")
    roles = cast(bench.album, (Mention(picture=operation.picture),), operation.scene)
    canvas = bench.with_subject(bench.opened(roles.subjects[0]))
    subject = alone(canvas).framed(bench.size)
    bench.step("laying the new background")
    scene = bench.album.picture(roles.scene)
    ground = _cover(Picture(scene.pixels), bench.album.look(roles.scene).salient, bench.size)
    alpha = subject.alpha
    assert alpha is not None  # noqa: S101 (the subject stands alone)
    toned = light.matched(subject.pixels, alpha, ground, 0.6 + 0.8 * bench.scale, alive=True)
    bench.done.append(
        f"put the subject of picture {roles.subjects[0] + 1} before picture {roles.scene + 1}",
    )
    bench.approximate = True
    return _joined(ground, Picture(toned, alpha))


def _cover(scene: Picture, salient: Box, size: Size) -> Pixels:
    x, y = salient.center
    spot = Box(x, y, x, y)
    return shown(scene, around(Size(scene.width, scene.height), size, spot), size).pixels


def _joined(ground: Pixels, subject: Picture) -> Canvas:
    alpha = subject.alpha
    assert alpha is not None  # noqa: S101 (the subject stands alone)
    height, width = alpha.shape
    return Canvas(Picture(blended(ground, subject.pixels, alpha)), Box(0, 0, width, height), subject=alpha)

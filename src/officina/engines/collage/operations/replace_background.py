"""Put the subject before a plain colour, or before another picture."""

from __future__ import annotations

import numpy as np

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.box import Box
from officina.engines.collage.framing import Size, around, shown
from officina.engines.collage.operations.remove_background import alone
from officina.engines.collage.pictures import Picture
from officina.engines.collage.plan import Mention, ReplaceBackground
from officina.engines.collage.raster import Pixels, blended
from officina.engines.collage.refusal import CannotDo
from officina.engines.collage.scene import light
from officina.engines.collage.scene.roles import cast


def replace_background(operation: ReplaceBackground, bench: Bench) -> Canvas:
    """The subject keeps its place and size; only what is behind it changes."""
    if operation.colour is None:
        return _before_picture(operation, bench)
    canvas = alone(bench.with_subject(bench.one_picture(operation.picture)))
    subject = canvas.framed(bench.size)
    bench.step("painting the background")
    ground = np.empty_like(subject.pixels)
    ground[:] = operation.colour
    bench.done.append(f"replaced the background by {operation.colour_name}")
    return _joined(ground, subject)


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

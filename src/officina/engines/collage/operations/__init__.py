"""What the engine can do, one module each, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from officina.engines.collage import plan
from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.operations.arrange import arrange
from officina.engines.collage.operations.black_and_white import black_and_white
from officina.engines.collage.operations.blur_background import blur_background
from officina.engines.collage.operations.compose import compose
from officina.engines.collage.operations.crop import crop
from officina.engines.collage.operations.duotone import duotone
from officina.engines.collage.operations.enhance import enhance
from officina.engines.collage.operations.flip import flip
from officina.engines.collage.operations.recolour import recolour
from officina.engines.collage.operations.remove_background import remove_background
from officina.engines.collage.operations.replace_background import replace_background
from officina.engines.collage.operations.rotate import rotate
from officina.engines.collage.operations.sticker import sticker
from officina.engines.collage.operations.stylise import stylise
from officina.engines.collage.operations.text import text
from officina.engines.collage.operations.time_of_day import time_of_day
from officina.engines.collage.operations.tone import tone
from officina.engines.collage.operations.weather import weather

Painter = Callable[[Any, Bench], Canvas]

PAINTERS: Mapping[type, Painter] = {
    plan.Compose: compose,
    plan.RemoveBackground: remove_background,
    plan.ReplaceBackground: replace_background,
    plan.BlurBackground: blur_background,
    plan.BlackAndWhite: black_and_white,
    plan.Sticker: sticker,
    plan.Tone: tone,
    plan.Duotone: duotone,
    plan.Stylise: stylise,
    plan.Weather: weather,
    plan.TimeOfDay: time_of_day,
    plan.Recolour: recolour,
    plan.Text: text,
    plan.Flip: flip,
    plan.Rotate: rotate,
    plan.Crop: crop,
    plan.Arrange: arrange,
    plan.Enhance: enhance,
}

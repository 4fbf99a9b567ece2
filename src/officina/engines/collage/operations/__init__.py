"""What the engine can do, one module each, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.operations.black_and_white import black_and_white
from officina.engines.collage.operations.blur_background import blur_background
from officina.engines.collage.operations.compose import compose
from officina.engines.collage.operations.duotone import duotone
from officina.engines.collage.operations.remove_background import remove_background
from officina.engines.collage.operations.replace_background import replace_background
from officina.engines.collage.operations.tone import tone
from officina.engines.collage.plan import (
    BlackAndWhite,
    BlurBackground,
    Compose,
    Duotone,
    RemoveBackground,
    ReplaceBackground,
    Tone,
)

Painter = Callable[[Any, Bench], Canvas]

PAINTERS: Mapping[type, Painter] = {
    Compose: compose,
    RemoveBackground: remove_background,
    ReplaceBackground: replace_background,
    BlurBackground: blur_background,
    BlackAndWhite: black_and_white,
    Tone: tone,
    Duotone: duotone,
}

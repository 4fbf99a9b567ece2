"""Options of tiny models, and what a run of one gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

LAYERS = {"text_encoder_out_layers": [1, 2, 3]}


def options(folder: Path, **more: Any) -> dict[str, Any]:
    """The options of a model with a folder's weights."""
    return {
        "weights": str(folder),
        "licence": "Apache-2.0",
        "memory": {"resident": 0.1, "offload": 0.1},
        "steps": 2,
        **more,
    }


def klein_options(folder: Path, **more: Any) -> dict[str, Any]:
    """And with klein's few text layers."""
    return options(folder, call=LAYERS, **more)


@dataclass
class Outcome:
    """What a run gave, and what it said on its way."""

    images: list[Image.Image]
    notes: Mapping[str, Any]
    steps: list[tuple[float, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def messages(self) -> list[str]:
        return [message for _, message in self.steps]


Runner = Callable[..., Outcome]

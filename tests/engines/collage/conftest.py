"""One engine for all tests of it, and the shipped example pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import officina.run
from officina.engines.collage import CollageEngine
from officina.run import Run

EXAMPLE = Path(officina.run.__file__).parent / "models/bytedance/dreamina-4-0/edit/example"


@dataclass(frozen=True)
class Outcome:
    """What a run gave."""

    paths: tuple[Path, ...]
    notes: Mapping[str, Any]
    steps: list[tuple[float, str]] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        with Image.open(self.paths[0]) as opened:
            return opened.size

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        with Image.open(self.paths[0]) as opened:
            return np.asarray(opened)


Runner = Callable[..., Outcome]


@pytest.fixture(scope="session")
def engine() -> CollageEngine:
    return CollageEngine({})


@pytest.fixture(scope="session")
def run(engine: CollageEngine, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Runs a prompt on pictures; small by default."""

    def started(prompt: str, pictures: Sequence[Path], **given: Any) -> Outcome:
        steps: list[tuple[float, str]] = []
        scratch = tmp_path_factory.mktemp("scratch")
        wish = {"prompt": prompt, "width×height": "1024x1024(1:1)", "scale": 0.5, **given}
        files = {"image_urls": tuple(pictures)}
        result = engine.run(Run("job", 1, wish, files, scratch, lambda *s: steps.append(s), lambda _: None))
        assert all(path.parent == scratch for path in result.images)
        return Outcome(result.images, result.notes, steps)

    return started


@pytest.fixture(scope="session")
def portrait() -> Path:
    return EXAMPLE / "portrait.jpg"


@pytest.fixture(scope="session")
def boat() -> Path:
    return EXAMPLE / "boat.jpg"

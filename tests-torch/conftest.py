"""Engines on tiny random pipelines. Collected by `make test-torch` alone, in an environment that has torch."""

from __future__ import annotations

import importlib.util
import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before the libraries are loaded: nothing here may look for a network

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import tiny
from officina.engines.diffusers import DiffusersEngine
from officina.run import Run
from torch_scene import Outcome, Runner, klein_options

HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None
collect_ignore = ["test_qwen_refused.py"] if HAS_TORCHVISION else ["test_qwen_edit.py"]
"""Qwen's picture processor needs torchvision: where it is, Qwen is run; where it is not, its refusal is."""

THREADS = 1


def pytest_report_header() -> str:
    return f"Qwen: {'run' if HAS_TORCHVISION else 'refused, since torchvision is not here'}"


@pytest.fixture(scope="session", autouse=True)
def few_threads() -> None:
    torch.set_num_threads(THREADS)


@pytest.fixture(scope="session")
def klein(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny klein, distilled."""
    return tiny.klein(tmp_path_factory.mktemp("klein"))


@pytest.fixture(scope="session")
def klein_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """And one with guidance."""
    return tiny.klein(tmp_path_factory.mktemp("klein-base"), distilled=False)


@pytest.fixture
def made() -> Iterator[Callable[[dict[str, Any]], DiffusersEngine]]:
    """Makes engines, and closes them at the end."""
    engines: list[DiffusersEngine] = []

    def make(chosen: dict[str, Any]) -> DiffusersEngine:
        engines.append(DiffusersEngine(chosen))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture(scope="session")
def engine(klein: Path) -> Iterator[DiffusersEngine]:
    """An engine with the tiny klein, warm for all tests that need nothing special of it."""
    shared = DiffusersEngine(klein_options(klein))
    yield shared
    shared.close()


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A picture, blue above and orange below."""
    picture = Image.new("RGB", (160, 128), "steelblue")
    picture.paste("darkorange", (0, 64, 160, 128))
    picture.save(tmp_path / "reference.png")
    return tmp_path / "reference.png"


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Runs an engine on an input; small by default."""

    def started(
        engine: DiffusersEngine,
        *pictures: Path,
        at_progress: Callable[[float, str], None] = lambda *_: None,
        **given: Any,
    ) -> Outcome:
        steps: list[tuple[float, str]] = []
        lines: list[str] = []

        def report(fraction: float, message: str) -> None:
            steps.append((fraction, message))
            at_progress(fraction, message)

        scratch = tmp_path_factory.mktemp("scratch")
        wish = {"prompt": "turn the sky red", "width×height": "128x96(4:3)", "seed": 7, **given}
        result = engine.run(Run("job", 1, wish, {"image_urls": pictures}, scratch, report, lines.append))
        assert all(path.parent == scratch for path in result.images)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            images = [Image.open(path).convert("RGB") for path in result.images]
        return Outcome(images, result.notes, steps, lines)

    return started

"""ComfyUI servers, engines and pictures for the tests of the comfyui engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from comfy_double import ComfyUI, comfyui
from comfy_scene import Running, Told, Workflow, prepared
from PIL import Image

from officina.engines.comfyui.engine import ComfyUIEngine


@pytest.fixture
def comfy(tmp_path: Path) -> Iterator[ComfyUI]:
    """A ComfyUI server."""
    with comfyui(tmp_path / "comfy") as server:
        yield server


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    Image.new("RGB", (48, 32), "red").save(path)
    return path


@pytest.fixture
def blue(tmp_path: Path) -> Path:
    path = tmp_path / "blue.png"
    Image.new("RGB", (20, 32), "blue").save(path)
    return path


Engines = Callable[..., ComfyUIEngine]


@pytest.fixture
def engine() -> Iterator[Engines]:
    """Makes engines of a workflow, its bindings and servers."""
    made: list[ComfyUIEngine] = []

    def of(
        workflow: Workflow, bindings: Mapping[str, Any], *servers: ComfyUI, **options: Any
    ) -> ComfyUIEngine:
        urls = [each.url for each in servers]
        options = {"patience_s": 5.0, **options}
        made.append(ComfyUIEngine({"workflow": workflow, "bindings": bindings, "servers": urls, **options}))
        return made[-1]

    yield of
    for each in made:
        each.close()


Starter = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts a run in a thread; a run that a test leaves behind is stopped."""
    begun: list[Running] = []

    def of(engine: ComfyUIEngine, files: Mapping[str, Any] | None = None, **given: Any) -> Running:
        told: Told = prepared(tmp_path / f"scratch-{len(begun)}", files, **given)
        begun.append(Running(engine, told))
        return begun[-1]

    yield of
    for each in begun:
        each.told.stop.set()

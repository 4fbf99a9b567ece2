"""The comfyui engine keeps to what every engine keeps to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from comfy_double import comfyui
from comfy_scene import node

from engine_conformance import EngineConformance, Specimen
from officina.engines.comfyui.engine import ComfyUIEngine


@pytest.fixture(scope="module")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Specimen]:
    workflow = {
        "1": node("EmptyImage", width=16, height=16, batch_size=1, color=0x336699),
        "9": node("SaveImage", images=["1", 0], filename_prefix="made"),
    }
    bindings = {"width": "1.inputs.width"}
    with comfyui(tmp_path_factory.mktemp("comfy")) as server:
        server.bench.gate.set()
        options = {"workflow": workflow, "bindings": bindings, "servers": [server.url]}
        engine = ComfyUIEngine(options)
        yield Specimen(engine, {"width": 16}, {"width": "wide"})
        engine.close()


class TestComfyUI(EngineConformance):
    """With the specimen above."""

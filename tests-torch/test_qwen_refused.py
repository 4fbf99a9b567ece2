"""Qwen-Image-Edit where torchvision is not installed: everything of it is there, and what lacks is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tiny
from officina.errors import RunError
from torch_scene import Runner, options


def test_weights_that_need_torchvision_say_so(
    tmp_path: Path, made: Any, start: Runner, reference: Path
) -> None:
    engine = made(options(tiny.qwen_edit(tmp_path), guidance={"parameter": "true_cfg_scale"}))
    with pytest.raises(RunError, match="need torchvision, which is not installed on this worker") as error:
        start(engine, reference)
    assert (error.value.type, error.value.retry) == ("engine_unavailable", False)

"""Stops, failures, memory, LoRAs, variants: the ways of a run besides the straight one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageChops
from safetensors.torch import save_file

from officina.engines.diffusers import DiffusersEngine, faults
from officina.errors import RunError
from officina.run import Stopped
from torch_scene import Runner, klein_options, options

HERE = Path(__file__).parent
DEADLINE_S = 240
Maker = Callable[[dict[str, Any]], DiffusersEngine]


def same(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is None


def test_a_run_stops_within_a_step_and_the_weights_stay_warm(engine: DiffusersEngine, start: Runner) -> None:
    def stop_at_a_step(_fraction: float, message: str) -> None:
        if message.startswith("step "):
            raise Stopped

    start(engine)
    warm = engine._shelf.keys
    with pytest.raises(Stopped):
        start(engine, num_inference_steps=1000, at_progress=stop_at_a_step)
    assert same(start(engine).images[0], start(engine).images[0])  # and not a minute later
    assert engine._shelf.keys == warm


def test_a_run_that_is_stopped_while_the_weights_load_leaves_them_loading(
    klein: Path, made: Maker, start: Runner
) -> None:
    def stop_at_loading(_fraction: float, message: str) -> None:
        if message.startswith("loading"):
            raise Stopped

    loading = made(klein_options(klein))
    ready = threading.Event()
    loading._device.begin(lambda: ready.wait(DEADLINE_S))
    with pytest.raises(Stopped):
        start(loading, at_progress=stop_at_loading)
    ready.set()
    assert len(start(loading).images) == 1
    assert len(loading._shelf.keys) == 1


def test_loading_is_told_as_progress(klein: Path, made: Maker, start: Runner) -> None:
    loading = made(klein_options(klein))
    told = threading.Event()
    loading._device.begin(lambda: told.wait(DEADLINE_S))
    done = start(
        loading, at_progress=lambda _, message: told.set() if message.startswith("loading") else None
    )
    assert "loading the weights, 0 s" in done.messages


def test_weights_that_are_not_here_are_asked_for_by_a_command_and_never_downloaded(made: Maker) -> None:
    with pytest.raises(RunError, match="`officina models pull studio/painter`") as error:
        made({**options(Path()), "weights": "studio/painter"})
    assert (error.value.type, error.value.retry) == ("engine_unavailable", False)


def test_variants_are_kept_warm_within_the_budget(
    klein: Path, klein_base: Path, made: Maker, start: Runner
) -> None:
    fine = {"weights": str(klein_base), "guidance": {"parameter": "guidance_scale"}}
    roomy = made(klein_options(klein, variants={"fine": fine}, warm_gb=0.2))
    plain = start(roomy).images[0]
    assert not same(plain, start(roomy, variant="fine").images[0])
    assert len(roomy._shelf.keys) == 2
    narrow = made(klein_options(klein, variants={"fine": fine}, warm_gb=0.15))
    start(narrow, variant="fine")
    assert [str(klein_base) in key for key in narrow._shelf.keys] == [True]
    assert same(plain, start(narrow).images[0])
    assert [str(klein) in key for key in narrow._shelf.keys] == [True]


def test_a_lora_changes_the_picture_by_its_strength_and_only_when_asked_for(
    klein: Path, tmp_path: Path, made: Maker, start: Runner
) -> None:
    torch.manual_seed(1)
    layer = "transformer.transformer_blocks.0.attn.to_q"
    weights = {f"{layer}.lora_A.weight": torch.randn(4, 32), f"{layer}.lora_B.weight": torch.randn(32, 4)}
    save_file(weights, tmp_path / "ink.safetensors")
    ink = {"weights": str(tmp_path), "file": "ink.safetensors", "strength": 1.0}
    inked = made(klein_options(klein, loras={"ink": ink}))
    plain, full = start(inked).images[0], start(inked, lora="ink").images[0]
    assert not same(plain, full)
    assert not same(full, start(inked, lora="ink", lora_scale=0.2).images[0])
    assert same(plain, start(inked).images[0])


def test_without_memory_a_run_is_tried_again_with_less_and_then_fails_with_a_sentence(klein: Path) -> None:
    command = [sys.executable, str(HERE / "short_of_memory.py"), str(klein)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    again, failed, after = (line for line in done.stdout.splitlines() if not line.startswith("No GPU"))
    assert again.startswith("There was not enough memory; this is a second try, in a slower way")
    assert failed.startswith("out_of_memory False Rendering 1536x1536 needs more memory")
    assert after == "1 picture, with tiles"


def test_a_device_that_calculates_works_and_one_that_does_not_is_dead() -> None:
    assert faults.works("cpu")
    assert not faults.works("meta")  # a device of torch that holds no numbers
    assert not faults.works("no such device")


def test_a_process_whose_device_is_dead_ends_to_be_replaced() -> None:
    code = "from officina.engines.diffusers.faults import end_if_dead as end; end('{}'); print('goes on')"
    dead, alive = (
        subprocess.run(
            [sys.executable, "-c", code.format(device)], capture_output=True, text=True, check=False
        )
        for device in ("meta", "cpu")
    )
    assert (dead.returncode, dead.stdout) == (69, "")
    assert "The device meta no longer works" in dead.stderr
    assert (alive.returncode, alive.stdout) == (0, "goes on\n")

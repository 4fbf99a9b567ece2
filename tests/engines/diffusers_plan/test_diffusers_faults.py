"""What exceptions of libraries mean, errands that are left behind, and weights that are not all there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from officina.engines.diffusers import weights
from officina.engines.diffusers.errand import Errands, GivenUp, Steps
from officina.engines.diffusers.faults import DeviceFailed, OutOfMemory, translated
from officina.engines.diffusers.recipe import Memory, Recipe
from officina.errors import RunError
from officina.run import Stopped

DEADLINE_S = 30


class OutOfMemoryError(RuntimeError):
    """As torch calls its own."""


class AcceleratorError(RuntimeError):
    """Likewise."""


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), OutOfMemory),
        (MemoryError(), OutOfMemory),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), OutOfMemory),
        (RuntimeError("MPS backend out of memory (MPS allocated: 18 GB)"), OutOfMemory),
        (AcceleratorError("an illegal memory access was encountered"), DeviceFailed),
        (RuntimeError("CUDA error: device-side assert triggered"), DeviceFailed),
        (RuntimeError("HIP error: the operation cannot be performed"), DeviceFailed),
        (RuntimeError("shape mismatch"), None),
        (ValueError("CUDA error, as somebody wrote in a prompt"), None),
    ],
)
def test_exceptions_are_told_apart(error: Exception, meaning: type | None) -> None:
    found = translated(error)
    assert type(found) is meaning or found is meaning


@pytest.fixture
def errands() -> Iterator[Errands]:
    started = Errands("device")
    yield started
    started.close()


def test_an_errand_gives_what_it_makes_and_tells_meanwhile(errands: Errands) -> None:
    told = threading.Event()
    assert errands.run(lambda: told.wait(DEADLINE_S), lambda _: told.set()) is True


def test_a_fault_comes_without_the_frames_that_hold_memory(errands: Errands) -> None:
    def work() -> None:
        raise MemoryError

    with pytest.raises(OutOfMemory) as error:
        errands.run(work, lambda _: None)
    assert error.value.__context__ is None
    assert error.value.__cause__ is None


def test_a_stopped_run_leaves_its_errand_behind_which_ends_at_the_next_step(errands: Errands) -> None:
    steps = Steps(10)
    may_go_on = threading.Event()
    ended: list[str] = []

    def work() -> None:
        try:
            steps(None, 0, None, {})
            may_go_on.wait(DEADLINE_S)
            steps(None, 1, None, {})
        except GivenUp:
            ended.append("given up")
            raise

    def stop(_seconds: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        errands.run(work, stop, steps)
    may_go_on.set()
    assert errands.run(lambda: list(ended), lambda _: None) == ["given up"]
    assert steps.done == 2


def test_a_folder_of_weights_is_held_against_its_own_indexes(tmp_path: Path) -> None:
    assert list(weights.missing(tmp_path)) == ["model_index.json"]
    index = {
        "_class_name": "SomePipeline",
        "is_distilled": True,
        "transformer": ["diffusers", "SomeTransformer"],
        "vae": ["diffusers", "SomeVae"],
        "safety_checker": [None, None],
    }
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    (tmp_path / "transformer").mkdir()
    shards = {"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors", "c": "part-2.safetensors"}}
    (tmp_path / "transformer" / "diffusion.safetensors.index.json").write_text(json.dumps(shards))
    (tmp_path / "transformer" / "part-1.safetensors").touch()
    assert list(weights.missing(tmp_path)) == ["transformer/part-2.safetensors", "vae/"]
    with pytest.raises(RunError, match=r"lacks transformer/part-2\.safetensors, vae/") as error:
        weights.find(Recipe(str(tmp_path), "Apache-2.0", Memory(1, 1), 4))
    assert (error.value.type, error.value.retry) == ("engine_unavailable", False)
    assert str(tmp_path) not in error.value.message

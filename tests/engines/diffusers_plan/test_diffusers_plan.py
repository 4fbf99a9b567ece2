"""Which plan is made for which machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from officina.engines.diffusers.machine import ram_gb
from officina.engines.diffusers.plan import Card, Machine, Plan, budget_gb, choose
from officina.engines.diffusers.recipe import Memory
from officina.errors import RunError

KLEIN = Memory(resident=20, offload=13)
QWEN = Memory(resident=60, offload=44)


def card(free_gb: float, *, total_gb: float | None = None, index: int = 0, bfloat16: bool = True) -> Card:
    return Card(index, "a card", total_gb or free_gb, free_gb, bfloat16)


@pytest.mark.parametrize(
    ("machine", "memory", "plan"),
    [
        (Machine(64, (card(24),)), KLEIN, Plan("cuda:0", "bfloat16")),
        (Machine(64, (card(16),)), KLEIN, Plan("cuda:0", "bfloat16", "model")),
        (Machine(64, (card(20, total_gb=24),)), KLEIN, Plan("cuda:0", "bfloat16")),
        (Machine(128, (card(80),)), QWEN, Plan("cuda:0", "bfloat16")),
        (Machine(128, (card(48),)), QWEN, Plan("cuda:0", "bfloat16", "model")),
        (Machine(16, (card(24),)), KLEIN, Plan("cuda:0", "bfloat16")),
        (Machine(64, (card(8), card(24, index=1))), KLEIN, Plan("cuda:1", "bfloat16")),
        (Machine(64, (card(24),), mps=True), KLEIN, Plan("cuda:0", "bfloat16")),
        (Machine(64, mps=True), KLEIN, Plan("mps", "bfloat16")),
    ],
)
def test_the_fastest_plan_that_fits_is_chosen_without_a_warning(
    machine: Machine, memory: Memory, plan: Plan
) -> None:
    assert choose(machine, memory) == plan


@pytest.mark.parametrize(
    ("machine", "memory", "device", "dtype", "offload", "words"),
    [
        (Machine(64, (card(8),)), KLEIN, "cuda:0", "bfloat16", "layers", "one by one"),
        (Machine(128, (card(24),)), QWEN, "cuda:0", "bfloat16", "layers", "one by one"),
        (Machine(64, (card(24, bfloat16=False),)), KLEIN, "cuda:0", "float16", "none", "may turn out black"),
        (Machine(24, mps=True), KLEIN, "mps", "bfloat16", "none", "swap"),
        (Machine(64), KLEIN, "cpu", "float32", "none", "No GPU was found"),
        (Machine(32), KLEIN, "cpu", "bfloat16", "none", "many minutes"),
    ],
)
def test_a_plan_that_is_poor_says_so(
    machine: Machine, memory: Memory, device: str, dtype: str, offload: str, words: str
) -> None:
    plan = choose(machine, memory)
    assert (plan.device, plan.dtype, plan.offload) == (device, dtype, offload)
    assert words in plan.warning


@pytest.mark.parametrize(
    ("machine", "memory", "words"),
    [
        (Machine(16), KLEIN, r"no GPU here.*needs 20 GB of RAM; the machine has 16 GB"),
        (Machine(16, (card(12),)), KLEIN, r"needs 20 GB on the card.*12 GB free, the machine 16 GB"),
        (Machine(64, (card(1.5, total_gb=24),)), KLEIN, r"only 1\.5 GB free: end what else uses it"),
    ],
)
def test_a_machine_that_cannot_hold_the_model_is_told_why(
    machine: Machine, memory: Memory, words: str
) -> None:
    with pytest.raises(RunError, match=words) as error:
        choose(machine, memory)
    assert (error.value.type, error.value.retry) == ("engine_unavailable", False)


def test_the_options_can_name_device_and_numbers() -> None:
    machine = Machine(64, (card(24),))
    assert choose(machine, KLEIN, "cpu").device == "cpu"
    assert choose(machine, KLEIN, dtype="float32").dtype == "float32"
    assert choose(Machine(64, (card(24, bfloat16=False),)), KLEIN, dtype="float32").warning == ""


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_named_device_that_is_not_there_is_an_error_not_a_fall_back(device: str) -> None:
    with pytest.raises(RunError, match=f"the device {device}, which this machine does not have"):
        choose(Machine(64), KLEIN, device)  # type: ignore[arg-type]


def test_each_lighter_plan_keeps_less_on_the_device_until_there_is_none() -> None:
    assert _ways(Plan("cuda:0", "bfloat16")) == [("model", True), ("layers", True)]
    assert _ways(Plan("cuda:0", "bfloat16", "model")) == [("layers", True)]
    assert _ways(Plan("mps", "bfloat16")) == [("none", True)]
    assert _ways(Plan("cpu", "float32")) == [("none", True)]
    assert _ways(Plan("cpu", "float32", tiles=True)) == []


def test_warm_pipelines_may_take_most_of_where_their_weights_rest() -> None:
    machine = Machine(100, (card(10, total_gb=40, index=1),))
    assert budget_gb(machine, Plan("cuda:1", "bfloat16")) == pytest.approx(36)
    assert budget_gb(machine, Plan("cuda:1", "bfloat16", "model")) == pytest.approx(70)
    assert budget_gb(machine, Plan("cpu", "float32")) == pytest.approx(70)


def _ways(plan: Plan) -> list[tuple[str, bool]]:
    found = []
    while (lighter := plan.lighter) is not None:
        found.append((lighter.offload, lighter.tiles))
        plan = lighter
    return found


@pytest.mark.parametrize(("limit", "expected"), [("max\n", None), ("2000000000\n", 2.0)])
def test_a_container_may_use_less_ram_than_there_is(
    limit: str, expected: float | None, tmp_path: Path
) -> None:
    (tmp_path / "memory.max").write_text(limit)
    installed = ram_gb(tmp_path / "there is none")
    assert ram_gb(tmp_path / "memory.max") == (expected or installed)
    assert installed > 2

"""Where a pipeline runs, in which numbers, and what stays off the device: decided from what the machine has.

A pure function of a machine's description, so that every machine can be tried without having it. Memory is in
GB of 10^9 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from officina.engines.diffusers.recipe import DeviceWish, DtypeWish, Memory
from officina.errors import RunError

Dtype = Literal["bfloat16", "float16", "float32"]
Offload = Literal["none", "model", "layers"]

LAYERS_GB = 3.0
"""What a card needs when only the layer at work is on it: that layer, and the working memory of a run."""
SHARED = 0.75
"""The share of a Mac's memory that its GPU may take."""
WARM_ON_CARD = 0.9
WARM_IN_RAM = 0.7

_NO_GPU = (
    "No GPU was found, so this runs on the CPU: expect many minutes for each picture, and a machine that can "
    "do nothing else meanwhile. It is for trying things out only"
)
_LAYERS = "The card is small for this model, so its layers go to the card one by one: expect it to be slow"
_HALF = "The card has no bfloat16; in float16 some pictures may turn out black"
_TIGHT = "This Mac has little memory for this model: expect it to swap, and close what else is open"


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU with memory of its own, as CUDA or ROCm tells it."""

    index: int
    name: str
    total_gb: float
    free_gb: float
    bfloat16: bool = True


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine has to run pipelines on."""

    ram_gb: float
    cards: tuple[Card, ...] = ()
    mps: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How a pipeline is put on a machine."""

    device: str
    dtype: Dtype
    offload: Offload = "none"
    tiles: bool = False
    """Whether pictures are decoded in tiles: slower, with far less working memory."""
    warning: str = ""
    """What its operator and its callers should know, as a sentence; or empty."""

    @property
    def lighter(self) -> Plan | None:
        """The next plan that needs less memory on the device; None when there is none."""
        if self.device.startswith("cuda") and self.offload != "layers":
            step: Offload = "model" if self.offload == "none" else "layers"
            return replace(self, offload=step, tiles=True)
        return None if self.tiles else replace(self, tiles=True)


def choose(machine: Machine, memory: Memory, device: DeviceWish = "auto", dtype: DtypeWish = "auto") -> Plan:
    """The fastest plan that fits.

    Raises:
        RunError: the machine lacks the device that is asked for, or the memory for any plan.
    """
    if device in ("auto", "cuda") and machine.cards:
        return _on_card(machine, memory, dtype)
    if device in ("auto", "mps") and machine.mps:
        tight = memory.resident > machine.ram_gb * SHARED
        return Plan("mps", _or(dtype, "bfloat16"), tiles=tight, warning=_sentence(_TIGHT if tight else ""))
    if device in ("cuda", "mps"):
        raise _unfit(f"The options ask for the device {device}, which this machine does not have")
    return _on_cpu(machine, memory, dtype)


def budget_gb(machine: Machine, plan: Plan) -> float:
    """How much memory warm pipelines may take together, where the weights of such a plan rest."""
    if plan.device.startswith("cuda") and plan.offload == "none":
        index = int(plan.device.partition(":")[2])
        return WARM_ON_CARD * next(card.total_gb for card in machine.cards if card.index == index)
    return WARM_IN_RAM * machine.ram_gb


def _on_card(machine: Machine, memory: Memory, dtype: DtypeWish) -> Plan:
    card = max(machine.cards, key=lambda each: each.free_gb)
    chosen = _or(dtype, "bfloat16" if card.bfloat16 else "float16")
    half = "" if card.bfloat16 or dtype != "auto" else _HALF
    plan = Plan(f"cuda:{card.index}", chosen, warning=_sentence(half))
    if card.free_gb >= memory.resident:
        return plan
    if memory.resident > machine.ram_gb:
        raise _unfit(
            f"This model needs {memory.resident:g} GB on the card, or as much RAM to offload to; the card "
            f"has {card.free_gb:.0f} GB free, the machine {machine.ram_gb:.0f} GB of RAM"
        )
    if card.free_gb >= memory.offload:
        return replace(plan, offload="model")
    if card.free_gb >= min(LAYERS_GB, memory.offload):
        return replace(plan, offload="layers", tiles=True, warning=_sentence(half, _LAYERS))
    raise _unfit(f"The card has only {card.free_gb:.1f} GB free: end what else uses it")


def _on_cpu(machine: Machine, memory: Memory, dtype: DtypeWish) -> Plan:
    """On the CPU 32 bits are faster, and take twice the memory."""
    roomy = machine.ram_gb >= 2 * memory.resident
    if machine.ram_gb < memory.resident:
        raise _unfit(
            f"There is no GPU here, and on the CPU this model needs {memory.resident:g} GB of RAM; the "
            f"machine has {machine.ram_gb:.0f} GB"
        )
    return Plan("cpu", _or(dtype, "float32" if roomy else "bfloat16"), warning=_sentence(_NO_GPU))


def _or(wish: DtypeWish, otherwise: Dtype) -> Dtype:
    return otherwise if wish == "auto" else wish


def _sentence(*parts: str) -> str:
    return " ".join(f"{part}." for part in parts if part)


def _unfit(why: str) -> RunError:
    return RunError(
        "engine_unavailable", f"{why}. The operator can serve it on another machine.", retry=False
    )

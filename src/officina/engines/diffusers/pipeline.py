"""A pipeline of the diffusers library on its device. Everything here is called in the device's own thread."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from officina.engines.diffusers.errand import Steps
from officina.engines.diffusers.plan import Plan
from officina.engines.diffusers.sizes import Size
from officina.errors import RunError


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA to lay over the weights: its name, its file, and how strongly."""

    name: str
    folder: Path
    file: str
    strength: float


@dataclass(frozen=True, slots=True)
class Order:
    """One picture to make."""

    prompt: str
    negative_prompt: str | None
    references: list[Image.Image]
    size: Size
    seed: int
    steps: Steps
    adapter: Adapter | None = None
    call: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the pipeline's own, its guidance among them."""


class Pipeline:
    """Weights that are loaded, and what they can do."""

    def __init__(self, pipe: Any, plan: Plan) -> None:
        self._pipe = pipe
        self._accepted = inspect.signature(pipe.__call__).parameters
        self._adapters: set[str] = set()
        self.plan = plan

    @classmethod
    def load(cls, folder: Path, plan: Plan) -> Pipeline:
        """Load a complete folder of weights and put it where the plan says.

        Weights are read from safetensors alone: other formats can run code when they are opened.

        Raises:
            RunError: a library that these weights need is missing.
        """
        import torch
        from diffusers import DiffusionPipeline

        _quieten()
        try:
            pipe = DiffusionPipeline.from_pretrained(
                folder, dtype=getattr(torch, plan.dtype), local_files_only=True, use_safetensors=True
            )
        except ImportError as error:
            raise _lacking(error) from error
        pipe.set_progress_bar_config(disable=True)
        _place(pipe, plan)
        return cls(pipe, plan)

    def make(self, order: Order) -> Image.Image:
        """Make one picture.

        Raises:
            GivenUp: nobody waits for it any more; noticed between two steps.
        """
        import torch

        self._lay(order.adapter)
        arguments = {
            "prompt": order.prompt,
            "negative_prompt": order.negative_prompt,
            "image": order.references or None,
            "width": order.size.width,
            "height": order.size.height,
            "num_inference_steps": order.steps.total,
            "generator": torch.Generator("cpu").manual_seed(order.seed),  # the same picture on every device
            "callback_on_step_end": order.steps,
            **order.call,
        }
        known = {name: value for name, value in arguments.items() if name in self._accepted}
        try:
            picture: Image.Image = self._pipe(**known).images[0]
        finally:
            self._pipe.maybe_free_model_hooks()  # a call that was given up leaves its parts on the card
        return picture

    def close(self) -> None:
        """Let go of the weights and of the memory that they took."""
        self._pipe.remove_all_hooks()
        self._pipe = None
        free()

    def _lay(self, adapter: Adapter | None) -> None:
        """Have exactly this LoRA in effect, or none."""
        if adapter is None:
            if self._adapters:
                self._pipe.disable_lora()
            return
        if not hasattr(self._pipe, "load_lora_weights"):
            raise RunError("validation_failed", "These weights take no LoRA.", field="lora")
        name = adapter.name.replace(".", "_")
        if name not in self._adapters:
            self._pipe.load_lora_weights(
                adapter.folder, weight_name=adapter.file, adapter_name=name, local_files_only=True
            )
            self._adapters.add(name)
        self._pipe.enable_lora()
        self._pipe.set_adapters([name], [adapter.strength])


def free() -> None:
    """Give memory that nobody holds any more back to the device."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _quieten() -> None:
    """No bars and no advice: what an engine prints is for the day that it dies."""
    from diffusers.utils import logging
    from transformers.utils import logging as transformers_logging

    for each in (logging, transformers_logging):
        each.disable_progress_bar()
        each.set_verbosity_error()


def _place(pipe: Any, plan: Plan) -> None:
    if plan.tiles and hasattr(getattr(pipe, "vae", None), "enable_tiling"):
        pipe.vae.enable_tiling()
    match plan.offload:
        case "none":
            pipe.to(plan.device)
        case "model":
            pipe.enable_model_cpu_offload(device=plan.device)
        case "layers":
            pipe.enable_sequential_cpu_offload(device=plan.device)


def _lacking(error: ImportError) -> RunError:
    """A component could not be imported; for Qwen's picture processor that is torchvision."""
    named = next((name for name in ("torchvision", "peft") if name in str(error).lower()), "")
    library = named or error.name or "a library"
    return RunError(
        "engine_unavailable",
        f"These weights need {library}, which is not installed on this worker: the operator installs the "
        "build of it that fits the torch that is there.",
        retry=False,
    )

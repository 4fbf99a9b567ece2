"""What a model's options say: which weights, under which licence, what they need, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from officina.errors import RunError

MEGAPIXEL = 1024 * 1024

DeviceWish = Literal["auto", "cuda", "mps", "cpu"]
DtypeWish = Literal["auto", "bfloat16", "float16", "float32"]


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a pipeline needs, in GB of 10^9 bytes, working memory of a run at full size included.

    `resident` with everything on the device, `offload` with only the part that is at work there.
    """

    resident: float
    offload: float


class Guidance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the input's `scale`, 0 to 1, becomes the pipeline's guidance: evenly from `low` to `high`."""

    parameter: str
    low: float = 1.0
    high: float = 7.0

    def value(self, scale: float) -> float:
        """The guidance for a scale from 0 to 1."""
        return self.low + (self.high - self.low) * scale


class References(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many pictures the pipeline takes beside a prompt, and how large: each, and all together."""

    most: int = 10
    each_pixels: int = MEGAPIXEL
    total_pixels: int = 4 * MEGAPIXEL


class Lora(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A small set of weights on top of the others, which a caller asks for by its name."""

    weights: str
    file: str
    revision: str = ""
    strength: float = 1.0


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a model that this engine serves."""

    weights: str
    """`owner/name` on the hub, or a folder: a path that begins with `/`, `./`, `../` or `~`."""
    licence: str
    memory: Memory
    steps: int
    revision: str = ""
    licence_url: str = ""
    download_gb: float = 0.0
    guidance: Guidance | None = None
    """Absent where the pipeline has no guidance to set: then the input's `scale` is told to be ignored."""
    scale: float = 0.5
    """The scale of an input that names none."""
    negative_prompt: str | None = None
    """What stands for a negative prompt that the input does not give; None: nothing is passed."""
    call: dict[str, Any] = {}
    """Further arguments of the pipeline's call, as they are."""
    max_pixels: int = MEGAPIXEL
    multiple: int = 16
    references: References = References()
    pictures: int = 4
    """Most pictures of one run."""
    loras: dict[str, Lora] = {}
    variants: dict[str, dict[str, Any]] = {}
    """Options that replace those above when the input's `variant` names them."""
    device: DeviceWish = "auto"
    dtype: DtypeWish = "auto"
    warm_gb: float | None = None
    """How much memory warm pipelines may take together, in GB; None: by the machine."""

    def variant(self, name: str) -> Recipe:
        """The recipe with a variant's options in the place of its own; the plain one for an empty name.

        Raises:
            RunError: there is no such variant, or its options do not fit.
        """
        if not name:
            return self
        if name not in self.variants:
            known = ", ".join(sorted(self.variants)) or "none"
            raise RunError(
                "validation_failed", f"This model has no variant {name!r}; it has: {known}.", field="variant"
            )
        own = msgspec.to_builtins(self)
        return read({**own, "variants": {}, **self.variants[name]})


def read(options: Mapping[str, Any]) -> Recipe:
    """Read the options of a model.

    Raises:
        RunError: something that a pipeline cannot be served without is missing, or does not fit.
    """
    try:
        recipe = msgspec.convert(dict(options), Recipe)
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from None
    if recipe.steps < 1 or recipe.multiple < 1 or recipe.pictures < 1:
        raise _wrong("steps, multiple and pictures must be at least 1")
    if recipe.max_pixels < recipe.multiple**2:
        raise _wrong(f"max_pixels is less than one tile of {recipe.multiple} × {recipe.multiple}")
    return recipe


def _wrong(why: str) -> RunError:
    return RunError(
        "engine_unavailable",
        f"The options of this model do not fit the engine diffusers: {why}. The operator mends them in "
        "model.toml or in the settings.",
        retry=False,
    )

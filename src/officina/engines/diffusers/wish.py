"""What an input asks for, in the words of this engine; and what of it cannot be done, told as sentences."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from officina.engines.diffusers.recipe import Recipe
from officina.engines.diffusers.sizes import Size
from officina.errors import RunError

SEEDS = 2**32
"""Seeds are below this."""
KNOWN = frozenset(
    {"prompt", "negative_prompt", "width×height", "size", "width", "height", "scale", "seed", "num_images"}
    | {"force_single", "num_inference_steps", "lora", "lora_scale", "variant"}
)
"""The input fields that are read, beside those of files."""

_SIZE = re.compile(r"(\d{2,5})\s*[x×]\s*(\d{2,5})(?!\d)")


@dataclass(frozen=True, slots=True)
class Wish:
    """One input, read."""

    prompt: str
    negative_prompt: str | None
    size: Size | None
    guidance: float | None
    seed: int
    count: int
    steps: int
    lora: str
    lora_strength: float
    ignored: tuple[str, ...]

    def seed_of(self, number: int) -> int:
        """The seed of the picture with that number, from 0: each can be made again by itself."""
        return (self.seed + number) % SEEDS


def variant(given: Mapping[str, Any]) -> str:
    """The variant of the model that an input names; empty when it names none."""
    return str(given.get("variant") or "")


def read(given: Mapping[str, Any], recipe: Recipe, files: Collection[str] = ()) -> Wish:
    """Read an input, by the recipe of the variant that it names.

    Raises:
        RunError: something in it cannot be understood.
    """
    count, too_many = _count(given, recipe)
    ignored = [*_unguided(given, recipe), *too_many]
    ignored += [
        f"{name}: this engine has no use for it" for name in sorted(given.keys() - KNOWN - set(files))
    ]
    lora = str(given.get("lora") or "")
    return Wish(
        prompt=str(given.get("prompt", "")),
        negative_prompt=_negative(given, recipe),
        size=_size(given),
        guidance=_guidance(given, recipe),
        seed=_seed(given),
        count=count,
        steps=max(_whole(given, "num_inference_steps", recipe.steps), 1),
        lora=lora,
        lora_strength=_lora_strength(given, recipe, lora),
        ignored=tuple(ignored),
    )


def _size(given: Mapping[str, Any]) -> Size | None:
    for name in ("width×height", "size"):
        if given.get(name):
            match = _SIZE.match(str(given[name]))
            if match is None:
                raise _invalid(name, f"{name} is not a size like “1024x1024”")
            return Size(int(match[1]), int(match[2]))
    width, height = _whole(given, "width", 0), _whole(given, "height", 0)
    if not width and not height:
        return None
    if width < 1 or height < 1:
        raise _invalid("width", "width and height must be given both, each above 0")
    return Size(width, height)


def _guidance(given: Mapping[str, Any], recipe: Recipe) -> float | None:
    if recipe.guidance is None:
        return None
    scale = given.get("scale")
    return recipe.guidance.value(recipe.scale if scale is None else min(max(float(scale), 0.0), 1.0))


def _unguided(given: Mapping[str, Any], recipe: Recipe) -> list[str]:
    if recipe.guidance is None and given.get("scale") is not None:
        return ["scale: these weights have no guidance to set, so it changes nothing"]
    return []


def _negative(given: Mapping[str, Any], recipe: Recipe) -> str | None:
    text = str(given.get("negative_prompt") or "")
    return text or recipe.negative_prompt


def _seed(given: Mapping[str, Any]) -> int:
    """The seed that is given; a random one for none, null and everything below 0."""
    seed = _whole(given, "seed", -1)
    return seed % SEEDS if seed >= 0 else secrets.randbelow(SEEDS)


def _count(given: Mapping[str, Any], recipe: Recipe) -> tuple[int, list[str]]:
    wanted = 1 if given.get("force_single") else max(_whole(given, "num_images", 1), 1)
    if wanted <= recipe.pictures:
        return wanted, []
    return recipe.pictures, [f"num_images: {recipe.pictures} were made, the most of one run here"]


def _lora_strength(given: Mapping[str, Any], recipe: Recipe, lora: str) -> float:
    if not lora:
        return 0.0
    if lora not in recipe.loras:
        known = ", ".join(sorted(recipe.loras)) or "none"
        raise _invalid("lora", f"There is no LoRA {lora!r} for this model; it has: {known}")
    strength = given.get("lora_scale")
    return recipe.loras[lora].strength if strength is None else float(strength)


def _whole(given: Mapping[str, Any], name: str, otherwise: int) -> int:
    value = given.get(name)
    return otherwise if value is None else int(value)


def _invalid(field: str, sentence: str) -> RunError:
    return RunError("validation_failed", f"{sentence}.", field=field)

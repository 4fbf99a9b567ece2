"""What the engine knows of things: which detector kinds they are, and how large they are in the world."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Shape = Literal["object", "vessel", "seat", "surface", "place"]
"""How a thing bears a subject: barely, inside its rim, on its seat, on its top, or as ground all around."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One kind of thing, the same in every language."""

    name: str
    kinds: tuple[str, ...] = ()
    """The detector's kinds that show it; none when only saliency can find it."""
    akin: tuple[str, ...] = ()
    """Kinds that the detector often takes it for; believed where none of its own is seen."""
    height_m: float = 0.3
    width_m: float = 0.3
    shape: Shape = "object"
    alive: bool = False
    plural: bool = False
    """Whether the word means all of them that a picture shows."""
    water: bool = False
    """Whether it stands in water, so that what is in it has a mirror image."""


@cache
def things() -> dict[str, Thing]:
    """Every thing by its name."""
    text = (Path(__file__).parent / "things.toml").read_text(encoding="utf-8")
    return {name: _thing(name, entry) for name, entry in tomllib.loads(text).items()}


def thing(name: str) -> Thing:
    """The thing of that name; what has no entry is a small object."""
    return things().get(name) or Thing(name)


def _thing(name: str, entry: dict[str, object]) -> Thing:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Thing(name, **values)  # type: ignore[arg-type]

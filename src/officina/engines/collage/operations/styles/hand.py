"""How a style is to be painted this time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hand:
    """One painter's hand."""

    strength: float = 1.0
    """How heavy the strokes are, about 1."""
    seed: int = 1
    """Another hand, other strokes."""
    bordered: bool = True
    """Whether paper may show: not where the picture has transparency."""

"""The words between reading and painting: a prompt becomes a Plan, an ordered list of typed operations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Relation = Literal["on", "in", "beside", "front", "into"]
"""Where a subject goes: on or in a thing, beside it, in front of it, or just into the scene."""
Side = Literal["left", "center", "right"]
Pose = Literal["sitting", "standing"]
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Mention:
    """A thing the prompt speaks of: the caller's word, what it is, and its picture if that is named."""

    word: str = ""
    thing: str = ""
    """A key of `things.THINGS`, or empty when only a picture was named."""
    picture: int | None = None
    """Counted from 1, as callers do."""


@dataclass(frozen=True, slots=True)
class Compose:
    """Place subjects into the scene of another picture."""

    subjects: tuple[Mention, ...]
    relation: Relation
    target: Mention
    side: Side | None = None
    pose: Pose | None = None


@dataclass(frozen=True, slots=True)
class RemoveBackground:
    """Keep the subject alone, on transparency."""

    picture: int | None = None


@dataclass(frozen=True, slots=True)
class ReplaceBackground:
    """Put the subject before a plain colour, or before another picture when `colour` is None."""

    colour: Colour | None = None
    colour_name: str = ""
    scene: Mention = field(default_factory=Mention)
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class BlurBackground:
    """Soften all but the subject."""

    picture: int | None = None


@dataclass(frozen=True, slots=True)
class BlackAndWhite:
    """Take the colours out."""

    picture: int | None = None


Operation = Compose | RemoveBackground | ReplaceBackground | BlurBackground | BlackAndWhite


@dataclass(frozen=True, slots=True)
class Plan:
    """What a prompt asks for, in its own order."""

    operations: tuple[Operation, ...]
    ignored: tuple[str, ...] = ()
    """Words that were read and change nothing."""
    copies: int = 1


class NotUnderstood(Exception):
    """A prompt that cannot be turned into a plan: what was read, what was not, and why if that is known."""

    def __init__(self, not_understood: tuple[str, ...], understood: tuple[str, ...] = (), reason: str = ""):
        super().__init__(", ".join(not_understood))
        self.not_understood = not_understood
        self.understood = understood
        self.reason = reason

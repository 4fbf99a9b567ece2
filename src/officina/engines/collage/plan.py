"""The words between reading and painting: a prompt becomes a Plan, an ordered list of typed operations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Relation = Literal["on", "in", "beside", "front", "behind", "above", "into"]
"""Where a subject goes: on or in a thing, beside, before, behind or above it, or just into the scene.

`beside` with a `Side` is left or right of it.
"""
Side = Literal["left", "center", "right"]
Place = Literal["top", "bottom", "center", "top_left", "top_right", "bottom_left", "bottom_right"]
ToneKind = Literal[
    "sepia",
    "brighter",
    "darker",
    "warmer",
    "cooler",
    "more_contrast",
    "less_contrast",
    "vivid",
    "muted",
    "faded_film",
    "vignette",
]
StyleKind = Literal["pencil", "charcoal", "watercolor", "oil", "comic", "pixel_art"]
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
    count: int | None = None
    """How many of them, if the prompt says so: "two dogs"."""


@dataclass(frozen=True, slots=True)
class Compose:
    """Place subjects into the scene of another picture; each subject comes from a picture of its own.

    With a `target` that names neither a thing nor a picture, the subjects are placed next to each other into
    the scene of whichever picture has one.
    """

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
    """Put the subject before a plain colour, a gradient from top to bottom, or another picture.

    Another picture, `scene`, when `colour` is None; a gradient when `colour_below` is given too.
    """

    colour: Colour | None = None
    colour_name: str = ""
    colour_below: Colour | None = None
    colour_below_name: str = ""
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


@dataclass(frozen=True, slots=True)
class Sticker:
    """Cut the subject out and draw an outline around it, on transparency."""

    outline: Colour = (255, 255, 255)
    outline_name: str = "white"
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Tone:
    """Change light and colour over the whole picture."""

    kind: ToneKind
    strong: bool = False
    """The prompt asked for much of it."""
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Duotone:
    """Paint the tones between two colours, from the dark one to the light one."""

    dark: Colour
    light: Colour
    names: tuple[str, str] = ("", "")
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Stylise:
    """Make the picture look made by hand."""

    kind: StyleKind
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Weather:
    """Let it be foggy, rain or snow."""

    kind: Literal["fog", "rain", "snow"]
    strong: bool = False
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """Change the light to that of another hour."""

    kind: Literal["sunset", "golden_hour", "night"]
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Recolour:
    """Give one object another colour."""

    target: Mention
    colour: Colour
    colour_name: str = ""
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Write a quoted text onto the picture."""

    text: str
    place: Place = "bottom"
    colour: Colour | None = None
    colour_name: str = ""
    size: Literal["small", "normal", "large"] = "normal"
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """Mirror left and right, or turn upside down."""

    axis: Literal["horizontal", "vertical"] = "horizontal"
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turn by degrees, clockwise; a quarter turn has no corners to fill."""

    degrees: float
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Crop:
    """Keep a part: of a ratio (width, height), or around a thing; `tight` comes close to it (zooming in)."""

    ratio: tuple[int, int] | None = None
    target: Mention = field(default_factory=Mention)
    tight: bool = False
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Arrange:
    """Show all pictures in one: side by side, above each other, or in a grid.

    `before_after` puts the first picture as it came beside what the operations before this one made of it.
    """

    layout: Literal["row", "column", "grid", "before_after"] = "grid"


@dataclass(frozen=True, slots=True)
class Enhance:
    """Make the picture sharper, cleaner or larger."""

    kind: Literal["sharpen", "denoise", "upscale"]
    picture: int | None = None


Operation = (
    Compose
    | RemoveBackground
    | ReplaceBackground
    | BlurBackground
    | BlackAndWhite
    | Sticker
    | Tone
    | Duotone
    | Stylise
    | Weather
    | TimeOfDay
    | Recolour
    | Text
    | Flip
    | Rotate
    | Crop
    | Arrange
    | Enhance
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a prompt asks for, in its own order."""

    operations: tuple[Operation, ...]
    """None when variations are all that is asked for: those are the picture in other moods."""
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

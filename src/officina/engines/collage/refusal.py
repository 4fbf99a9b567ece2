"""What the engine says when it will not do something: why, and the nearest thing that it can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from officina.engines.collage.plan import NotUnderstood
from officina.errors import RunError

CAN_DO = (
    "The collage engine can place subjects of some pictures into the scene of another; remove, replace or "
    "blur a background; cut out a sticker; change light, colours, weather and time of day; draw in six "
    "styles; recolour one object; write a quoted text; crop, turn, mirror and arrange pictures; sharpen, "
    "denoise and upscale."
)
_LONGEST_QUOTE = 120


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is refused, and what comes nearest to it."""

    why: str
    instead: str = ""


REASONS: Mapping[str, Reason] = {
    "colouring": Reason(
        "it cannot give a black and white picture its colours back",
        "It can tone a picture: “sepia”, “duotone in blue and orange”.",
    ),
    "restoring": Reason(
        "it cannot restore or retouch a picture",
        "It can “sharpen”, “denoise” or “upscale” it as a whole.",
    ),
    "text": Reason(
        "it cannot read, change or remove text that a picture shows",
        "It can write a new one: “write 'SALE' at the top in red”.",
    ),
    "quote": Reason(
        "it writes only what stands between quotation marks",
        "For example: “write 'SALE' at the top in red”.",
    ),
    "text_place": Reason(
        "a text can go to the top, the bottom, the middle or a corner of the picture, in one colour",
        "For example: “write 'SALE' in the top right corner in red”.",
    ),
    "clothes": Reason(
        "it cannot change what somebody wears",
        "It can place somebody into another scene: “put the woman of picture 1 on the beach of picture 2”.",
    ),
    "people": Reason(
        "it cannot change a face, an expression, an age or a body",
        "It can change light and colours of the whole picture, or what is behind a person.",
    ),
    "poses": Reason(
        "it cannot change a pose or a movement, nor let subjects touch",
        "It can place subjects as they are, sitting or standing: “the girl sits on the boat”.",
    ),
    "style": Reason(
        "it knows six styles: pencil, charcoal, watercolor, oil, comic and pixel art",
        "For example: “turn it into a watercolor”.",
    ),
    "view": Reason(
        "it cannot change the view or show what the picture does not",
        "It can crop, and “zoom in on the dog”.",
    ),
    "season": Reason(
        "it cannot change the season, the sky or make it day",
        "It can do fog, rain, falling snow, sunset, golden hour and night: “let it snow”.",
    ),
    "removal": Reason(
        "it cannot remove a thing and invent what was behind it",
        "It can remove the whole background, or blur it.",
    ),
    "swapping": Reason(
        "it cannot swap one thing for another or turn it into another",
        "It can place a subject into another picture: “put the dog of picture 1 on the beach of picture 2”.",
    ),
    "adding": Reason(
        "it cannot add what no picture shows",
        "Send a picture of it and say where it goes: “put the cat of picture 2 on the sofa of picture 1”.",
    ),
    "local": Reason(
        "it works on whole pictures, and of a part it can change the colour of one object, or the background",
        "For example: “make it darker”, “make the car blue”, “blur the background”.",
    ),
    "duotone": Reason("a duotone takes two colours", "For example: “duotone in blue and orange”."),
    "angle": Reason(
        "it turns whole pictures, and must be told how far", "For example: “rotate it 90 degrees clockwise”."
    ),
    "conflict": Reason("that contradicts the rest of the prompt", "Leave out one of the two."),
    "nothing": Reason(
        "that asks for nothing that it can do",
        "Say what is to be done: “remove the background”, “make it warmer”.",
    ),
    "language": Reason("it understands English, Italian, Spanish, French and German only"),
}


class CannotDo(Exception):
    """An operation was understood, but these pictures do not allow it. The text ends a sentence."""


def not_understood(cause: NotUnderstood) -> RunError:
    """The caller's error for a prompt that makes no plan."""
    return RunError(
        "not_understood",
        sentence(cause),
        understood=list(cause.understood),
        not_understood=list(cause.not_understood),
    )


def sentence(cause: NotUnderstood) -> str:
    """What was not understood and why, what was, and what can be done instead."""
    quoted = _quoted(cause.not_understood) or "an empty prompt"
    reason = REASONS.get(cause.reason)
    parts = [f"Refused because of {quoted}: {reason.why}." if reason else f"Not understood: {quoted}."]
    if cause.understood:
        parts.append(f"Understood, but not done alone: {_quoted(cause.understood)}.")
    if reason and reason.instead:
        parts.append(reason.instead)
    return " ".join((*parts, CAN_DO))


def cannot_do(cause: CannotDo, understood: list[str], prompt: str) -> RunError:
    """The caller's error for a plan that these pictures do not allow."""
    return RunError(
        "not_understood",
        f"Not possible with these pictures: {cause}. {CAN_DO}",
        understood=understood,
        not_understood=[prompt.strip()],
    )


def _quoted(parts: tuple[str, ...]) -> str:
    return ", ".join(f"“{_shortened(words)}”" for words in parts if words)


def _shortened(words: str) -> str:
    return words if len(words) <= _LONGEST_QUOTE else words[: _LONGEST_QUOTE - 1] + "…"

"""What the engine says when it will not do something: why, and what it can do."""

from __future__ import annotations

from collections.abc import Mapping

from officina.engines.collage.plan import NotUnderstood
from officina.errors import RunError

CAN_DO = (
    "The collage engine can place a subject of one picture into the scene of another, remove, replace or "
    "blur a background, and make a picture black and white."
)
_LONGEST_QUOTE = 120

REASONS: Mapping[str, str] = {
    "colouring": "it cannot colour or recolour a picture",
    "restoring": "it cannot restore, sharpen or enlarge details of a picture",
    "text": "it cannot write, change or remove text",
    "clothes": "it cannot change what somebody wears",
    "people": "it cannot change a face, an expression, an age or a body",
    "poses": "it cannot change a pose or a movement",
    "style": "it cannot paint in a style",
    "view": "it cannot change the view or show what the picture does not",
    "weather": "it cannot change the time of day, the season or the weather",
    "removal": "it cannot remove a thing and invent what was behind it",
    "swapping": "it cannot swap one thing for another",
    "conflict": "that contradicts the rest of the prompt",
}


class CannotDo(Exception):
    """An operation was understood, but these pictures do not allow it. The text ends a sentence."""


def not_understood(cause: NotUnderstood) -> RunError:
    """The caller's error for a prompt that makes no plan."""
    quoted = ", ".join(f"“{_shortened(words)}”" for words in cause.not_understood)
    reason = REASONS.get(cause.reason)
    start = f"Refused because of {quoted}: {reason}." if reason else f"Not understood: {quoted}."
    return RunError(
        "not_understood",
        f"{start} {CAN_DO}",
        understood=list(cause.understood),
        not_understood=list(cause.not_understood),
    )


def cannot_do(cause: CannotDo, understood: list[str], prompt: str) -> RunError:
    """The caller's error for a plan that these pictures do not allow."""
    return RunError(
        "not_understood",
        f"Not possible with these pictures: {cause}. {CAN_DO}",
        understood=understood,
        not_understood=[prompt.strip()],
    )


def _shortened(words: str) -> str:
    return words if len(words) <= _LONGEST_QUOTE else words[: _LONGEST_QUOTE - 1] + "…"

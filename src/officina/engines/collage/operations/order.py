"""In which order the operations of a plan are painted, so that none spoils another."""

from __future__ import annotations

from collections.abc import Sequence

from officina.engines.collage.plan import (
    Arrange,
    BlackAndWhite,
    Compose,
    Crop,
    Duotone,
    Flip,
    Operation,
    Rotate,
    Stylise,
    Text,
    TimeOfDay,
    Tone,
    Weather,
)

_MOVES = (Crop, Flip, Rotate)
_EFFECTS = (Tone, Duotone, BlackAndWhite, Stylise, Weather, TimeOfDay)


def in_painting_order(operations: Sequence[Operation]) -> list[Operation]:
    """The prompt's order, with two exceptions; nothing ever passes an arrangement of pictures.

    What moves pixels comes before effects over the whole picture: those are painted at the asked size, and
    would be cropped or turned with it. Text comes last, or a later effect would blur or mirror it.
    """
    ordered: list[Operation] = []
    for operation in operations:
        place = len(ordered)
        while place > 0 and _goes_before(operation, ordered[place - 1]):
            place -= 1
        ordered.insert(place, operation)
    return ordered


def _goes_before(later: Operation, earlier: Operation) -> bool:
    if isinstance(earlier, Text):
        return not isinstance(later, Text | Arrange | Compose)
    return isinstance(later, _MOVES) and isinstance(earlier, _EFFECTS)

"""What variations of a picture are when nothing else is asked for: the same picture in other moods."""

from __future__ import annotations

from officina.engines.collage.plan import BlackAndWhite, Operation, Tone

_MOODS: tuple[tuple[Operation, ...], ...] = (
    (Tone("warmer"), Tone("vivid")),
    (Tone("cooler"), Tone("more_contrast")),
    (Tone("faded_film"),),
    (BlackAndWhite(), Tone("more_contrast")),
    (Tone("sepia"), Tone("vignette")),
    (Tone("brighter"), Tone("muted")),
    (Tone("darker"), Tone("vignette")),
)


def mood(variant: int) -> tuple[Operation, ...]:
    """The operations of that variation, counted from 0; after seven they begin anew."""
    return _MOODS[variant % len(_MOODS)]

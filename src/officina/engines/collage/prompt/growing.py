"""A noun phrase that grows word by word."""

from __future__ import annotations

from dataclasses import dataclass, replace

from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.language import Lexeme

ADJECTIVES = frozenset(
    {
        "adjective",
        "colour",
        "look",
        "quality",
        "size",
        "state",
        "unchanged",
        "axis",
        "turn",
        "place",
        "layout",
        "manner",
    }
)
_NOVEL = {"novel": ("x",)}
"""The sense of a noun that the vocabulary lacks: which thing it is, the pictures must tell."""


@dataclass
class Growing:
    """A noun phrase that grows."""

    governed: bool
    """Whether an article or a preposition announced a noun."""
    head: Lexeme | None = None
    determiner: str = ""
    count: int | None = None
    ordinal: int | None = None
    picture: int | None = None

    def __post_init__(self) -> None:
        self.before: list[Lexeme] = []
        self.after: list[Lexeme] = []
        self.unknown: list[Lexeme] = []
        self.degree: list[str] = []

    def complete(self) -> bool:
        """Find the head of a phrase without a noun: an unknown word behind "the" or "my", or an adjective."""
        if self.unknown and self.determiner in ("definite", "possessive"):
            self.head = replace(self.unknown.pop(), senses=_NOVEL)
        elif self.before and not self.unknown and any(map(_means, self.before)):
            self._head_from_adjectives()
        return self.head is not None

    def _head_from_adjectives(self) -> None:
        """The last of the adjectives is the head, or the colour that it describes: "noir mat"."""
        tints = [at for at, part in enumerate(self.before) if part.has("colour")]
        telling = [at for at, part in enumerate(self.before) if _means(part)]
        at = tints[-1] if tints and self.before[-1].has("adjective") else telling[-1]
        self.head, self.after = self.before[at], self.before[at + 1 :]
        self.before = self.before[:at]

    def chunk(self) -> Chunk:
        head = self.head
        assert head is not None  # noqa: S101 (the phrase is complete)
        parts = (*self.before, head, *self.after)
        return Chunk(
            kind="np",
            start=min(part.start for part in parts),
            end=max(part.end for part in parts),
            lexeme=head,
            before=tuple(self.before),
            after=tuple(self.after),
            unknown=tuple(self.unknown),
            degree=tuple(self.degree),
            determiner=self.determiner,
            count=self.count,
            picture=self.picture,
        )


def _means(lexeme: Lexeme) -> bool:
    """Whether a word is more than an adverb of manner."""
    return any(lexeme.has(category) for category in ADJECTIVES if category != "manner")

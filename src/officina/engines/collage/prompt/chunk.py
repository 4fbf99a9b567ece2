"""A part of a clause: a verb, a noun phrase with its preposition and all that describes it, a mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from officina.engines.collage.prompt.language import Lexeme

Kind = Literal[
    "verb", "be", "pose", "not", "mark", "conj", "np", "quote", "ratio", "context", "guard", "unknown"
]

_STRONG = frozenset(".!?;\n")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a clause. A noun phrase has a head and what describes it; what it is `of` hangs below it."""

    kind: Kind
    start: int
    end: int
    """Tokens, the end excluded."""
    lexeme: Lexeme
    """The head of a noun phrase, or the word itself."""
    prep: tuple[str, ...] = ()
    before: tuple[Lexeme, ...] = ()
    after: tuple[Lexeme, ...] = ()
    unknown: tuple[Lexeme, ...] = ()
    """Words without meaning here, between an article and its noun."""
    degree: tuple[str, ...] = ()
    determiner: str = ""
    count: int | None = None
    picture: int | None = None
    of: Chunk | None = None
    ratio: tuple[int, int] = (0, 0)

    def has(self, category: str, *values: str) -> bool:
        return self.lexeme.has(category, *values)

    def value(self, category: str) -> str:
        return self.lexeme.value(category)

    @property
    def described(self) -> tuple[Lexeme, ...]:
        return self.before + self.after

    @property
    def strong_mark(self) -> bool:
        return self.kind == "mark" and self.lexeme.mark in _STRONG

    @property
    def boundary(self) -> bool:
        return self.kind in ("mark", "conj")


def plain_chunk(kind: Kind, lexeme: Lexeme) -> Chunk:
    return Chunk(kind, lexeme.start, lexeme.end, lexeme)

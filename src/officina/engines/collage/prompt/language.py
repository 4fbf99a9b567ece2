"""One language's vocabulary, read from its data file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from officina.engines.collage.prompt.grammar import Grammar, Pattern, Token, read_pattern, tokens

FOLDER = Path(__file__).parent / "vocabulary"


@dataclass(frozen=True, slots=True)
class Language:
    """The phrases of one language, ready to match."""

    code: str
    grammar: Grammar
    rules: Mapping[str, tuple[Pattern, ...]]
    """Patterns by what they ask for: an operation's name, or filler, harmless, copies."""
    guards: Mapping[str, tuple[Pattern, ...]]
    """Patterns of what must be refused, by the reason."""
    spelling: Mapping[tuple[str, ...], tuple[str, ...]]

    def words(self, prompt: str) -> tuple[Token, ...]:
        """The prompt's words in the spelling of the patterns, each with its place in the prompt."""
        found = _unhyphened(tokens(prompt.replace("’", "'").replace("‘", "'")))
        kept: list[Token] = []
        at = 0
        while at < len(found):
            at = self._respelled(found, at, kept)
        return tuple(kept)

    def _respelled(self, found: tuple[Token, ...], at: int, kept: list[Token]) -> int:
        for length in (4, 3, 2, 1):
            chunk = found[at : at + length]
            spelled = self.spelling.get(tuple(token.text for token in chunk))
            if len(chunk) == length and spelled:
                kept.extend(Token(word, chunk[0].start, chunk[-1].end) for word in spelled)
                return at + length
        kept.append(found[at])
        return at + 1


@cache
def language(code: str) -> Language:
    """The language of that code; there is one file per language."""
    data = tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
    patterns = {name: read_pattern(text) for name, text in data["patterns"].items()}
    tables = {name: _table(entries) for name, entries in data["tables"].items()}
    return Language(
        code=data["language"],
        grammar=Grammar(patterns, tables),
        rules=_patterns(data["rules"]),
        guards=_patterns(data["guards"]),
        spelling={_key(word): _key(spelled) for word, spelled in data["spelling"].items()},
    )


def _unhyphened(found: tuple[Token, ...]) -> tuple[Token, ...]:
    """Without the hyphens inside words: 'black-and-white' is three words."""
    around = zip((None, *found), found, (*found[1:], None), strict=False)
    return tuple(
        token
        for before, token, after in around
        if not (
            token.text == "-" and before and after and before.end == token.start and token.end == after.start
        )
    )


def _patterns(groups: Mapping[str, Iterable[str]]) -> dict[str, tuple[Pattern, ...]]:
    return {name: tuple(read_pattern(text) for text in texts) for name, texts in groups.items()}


def _table(entries: Mapping[str, Iterable[str]]) -> dict[tuple[str, ...], Any]:
    return {_key(word): value for value, words in entries.items() for word in words}


def _key(text: str) -> tuple[str, ...]:
    return tuple(token.text for token in tokens(text))

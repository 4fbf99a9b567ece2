"""A small phrase grammar: patterns kept as data are matched against words and give a tree.

    put [the] (cat|dog)      words, an optional part, a choice
    {adjective}* {thing}     a named part, any number of times

A named part is another pattern, or a table of words with a value each. Scripts without spaces work the same:
each of their characters is a word here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"#[0-9a-f]{6}\b|#[0-9a-f]{3}\b|[぀-ヿ㐀-鿿豈-﫿]|\d+|[^\W\d_]+|[^\w\s]", re.IGNORECASE)
HEX = "hex"
"""A named part that every language has: a colour written as #rgb or #rrggbb."""
_CLOSERS = {"(": ")", "[": "]"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the prompt, folded for comparing, and where it stands."""

    text: str
    start: int
    end: int


def tokens(text: str) -> tuple[Token, ...]:
    """The words and marks of a text."""
    return tuple(Token(fold(m.group()), m.start(), m.end()) for m in _WORD.finditer(text))


def fold(word: str) -> str:
    """One spelling for upper and lower case and for wide and narrow letters."""
    return unicodedata.normalize("NFKC", word).casefold()


@dataclass(frozen=True, slots=True)
class Tree:
    """What a named part matched."""

    name: str
    words: tuple[str, ...]
    value: Any = None
    parts: tuple[Tree, ...] = ()

    def all(self, name: str) -> Iterator[Tree]:
        """Every part of that name, in the order of the words, not looking inside those found."""
        for part in self.parts:
            if part.name == name:
                yield part
            else:
                yield from part.all(name)

    def first(self, name: str) -> Tree | None:
        return next(self.all(name), None)

    def value_of(self, name: str) -> Any:
        found = self.first(name)
        return found.value if found else None


@dataclass(frozen=True, slots=True)
class _Word:
    text: str


@dataclass(frozen=True, slots=True)
class _Name:
    name: str


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Many:
    part: _Node
    most: int


_Node = _Word | _Name | _Sequence | _Choice | _Many
Pattern = _Node
Match = tuple[int, tuple[Tree, ...]]
"""Where a match ends, and the named parts in it."""


class _Reader:
    """Turns the text of a pattern into nodes."""

    def __init__(self, text: str):
        self.text = text
        self.parts = re.findall(r"\{\w+\}|[()\[\]|*]|[^\s()\[\]|*{}]+", text)
        self.at = 0

    def whole(self) -> _Node:
        node = self._choice()
        if self.at != len(self.parts):
            raise ValueError(f"the pattern {self.text!r} is not well formed")
        return node

    def _choice(self) -> _Node:
        options = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            options.append(self._sequence())
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while (part := self._peek()) is not None and part not in ("|", ")", "]"):
            parts.extend(self._item(part))
        return _Sequence(tuple(parts))

    def _item(self, part: str) -> list[_Node]:
        self.at += 1
        if part in _CLOSERS:
            inner = self._choice()
            if self._peek() != _CLOSERS[part]:
                raise ValueError(f"the pattern {self.text!r} lacks a {_CLOSERS[part]!r}")
            self.at += 1
            return [self._repeated(_Many(inner, 1) if part == "[" else inner)]
        if part.startswith("{"):
            return [self._repeated(_Name(part[1:-1]))]
        return [_Word(token.text) for token in tokens(part)]

    def _repeated(self, node: _Node) -> _Node:
        if self._peek() != "*":
            return node
        self.at += 1
        return _Many(node, 6)

    def _peek(self) -> str | None:
        return self.parts[self.at] if self.at < len(self.parts) else None


def read_pattern(text: str) -> Pattern:
    """The nodes of a pattern; ValueError when it is malformed."""
    return _Reader(text).whole()


@dataclass(frozen=True, slots=True)
class Grammar:
    """Named patterns, and tables of words with a value each."""

    patterns: Mapping[str, Pattern]
    tables: Mapping[str, Mapping[tuple[str, ...], Any]]


class Text:
    """Words, and matching patterns of a grammar against them."""

    def __init__(self, grammar: Grammar, words: tuple[str, ...]):
        self.words = words
        self._grammar = grammar
        self._known: dict[tuple[str, int], tuple[Match, ...]] = {}

    def match(self, node: Pattern, at: int) -> Iterator[Match]:
        """Every way to match from a word on, the longest repetition first."""
        match node:
            case _Word(text):
                if at < len(self.words) and self.words[at] == text:
                    yield at + 1, ()
            case _Name(name):
                yield from self._named(name, at)
            case _Sequence(parts):
                yield from self._sequence(parts, at)
            case _Choice(options):
                for option in options:
                    yield from self.match(option, at)
            case _Many(part, most):
                yield from self._many(part, at, most)

    def _named(self, name: str, at: int) -> tuple[Match, ...]:
        """The matches of a named part, found once per place: prompts that repeat themselves stay cheap."""
        if (name, at) not in self._known:
            self._known[name, at] = tuple(self._listed(name, at) or self._nested(name, at))
        return self._known[name, at]

    def _listed(self, name: str, at: int) -> list[Match]:
        if name == HEX:
            given = self.words[at : at + 1]
            return (
                [(at + 1, (Tree(name, given, given[0]),))]
                if given and given[0].startswith("#") and len(given[0]) > 1
                else []
            )
        found: list[Match] = []
        table = self._grammar.tables.get(name, {})
        for length in range(max(map(len, table), default=0), 0, -1):
            chunk = self.words[at : at + length]
            if len(chunk) == length and chunk in table:
                found.append((at + length, (Tree(name, chunk, table[chunk]),)))
        return found

    def _nested(self, name: str, at: int) -> Iterator[Match]:
        pattern = self._grammar.patterns.get(name)
        ends: set[int] = set()
        for end, parts in self.match(pattern, at) if pattern else ():
            if end not in ends:
                ends.add(end)
                yield end, (Tree(name, self.words[at:end], None, parts),)

    def _sequence(self, parts: tuple[_Node, ...], at: int) -> Iterator[Match]:
        if not parts:
            yield at, ()
            return
        for middle, first in self.match(parts[0], at):
            for end, rest in self._sequence(parts[1:], middle):
                yield end, first + rest

    def _many(self, part: _Node, at: int, most: int) -> Iterator[Match]:
        if most:
            for middle, first in self.match(part, at):
                if middle > at:
                    for end, rest in self._many(part, middle, most - 1):
                        yield end, first + rest
        yield at, ()

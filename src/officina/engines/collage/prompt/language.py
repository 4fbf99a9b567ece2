"""One language's vocabulary, read from its data file, and the words of a prompt looked up in it."""

from __future__ import annotations

import gc
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from officina.engines.collage.prompt.forms import (
    POSSESSIVE,
    Phrase,
    Senses,
    Traits,
    add,
    add_polite,
    compound_heads,
    conjugate,
    forms,
    key,
    lengths,
    mark_adverbials,
    tails,
    traits_of,
)
from officina.engines.collage.prompt.words import Token, tokens

FOLDER = Path(__file__).parent / "vocabulary"
GAP = "…"
"""Between the two parts of a phrase that others may part: "cut … out"."""
_LEAST_HEAD = 4
"""So many letters have the words that end a compound,"""
_LEAST_BEFORE_HEAD = 3
"""and so many stand before them."""
_REACH = 14
"""So many words may stand in such a gap."""
_ENDS = frozenset(".,;:!?\n")
_DRAWN_OUT = re.compile(r"(.)\1{2,}")
_TWO_DOTS = re.compile(r"(?<![aeq])([aou])e")
_SECTIONS = ("language", "name", "traits", "spelling", "inflection")
_LEAST_STEM = 2
_VERBAL = frozenset({"verb", "do"})


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One or more words of a prompt that the vocabulary knows as one; without senses, an unknown word."""

    senses: Senses
    start: int
    end: int
    """Tokens, the end excluded."""
    quoted: str | None = None
    hex: str = ""
    digits: int | None = None
    mark: str = ""
    joined: bool = False

    def has(self, category: str, *values: str) -> bool:
        found = self.senses.get(category)
        return found is not None and (not values or any(value in found for value in values))

    def value(self, category: str) -> str:
        """The first value in that category, or nothing."""
        return self.senses.get(category, ("",))[0]

    def any_of(self, categories: frozenset[str]) -> bool:
        return not categories.isdisjoint(self.senses)

    @property
    def known(self) -> bool:
        return bool(self.senses) or self.quoted is not None or bool(self.hex or self.mark)


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language."""

    code: str
    name: str
    traits: Traits
    phrases: Mapping[Phrase, Senses]
    parted: Mapping[Phrase, tuple[tuple[Phrase, Senses], ...]]
    """Phrases with a gap, by their first part."""
    parting: frozenset[str]
    """The words that such a phrase begins with."""
    spelling: Mapping[Phrase, Phrase]
    lengths: Mapping[str, int]
    """How long the longest phrase is that begins with a word."""
    words: frozenset[str]
    """Every word of the phrases."""
    heads: Mapping[str, Senses]
    """What a word is that ends like this."""

    def tokens(self, prompt: str) -> tuple[Token, ...]:
        """The prompt's words in the spelling of the vocabulary, each with its place in the prompt."""
        kept: list[Token] = []
        for token in tokens(prompt, elided=self.traits.elision):
            word = self._known_spelling(token.text)
            parts = self.spelling.get((word,)) or _contracted(token, self.traits.contracted)
            if parts is None:
                kept.append(token if word == token.text else replace(token, text=word))
                continue
            kept.extend(Token(part, token.start, token.end, token.quoted, token.joined) for part in parts)
        return tuple(kept)

    def _known_spelling(self, word: str) -> str:
        """A word with a letter drawn out, "loook", or with two letters for an umlaut, as it is known here."""
        if word in self.words or not word.isalpha():
            return word
        tried = (
            [_DRAWN_OUT.sub(r"\1\1", word), _DRAWN_OUT.sub(r"\1", word)] if _DRAWN_OUT.search(word) else []
        )
        tried += [_TWO_DOTS.sub(r"\1", word)] if self.traits.umlauts else []
        return next((each for each in tried if each in self.words), word)

    def lexemes(self, found: Sequence[Token]) -> tuple[Lexeme, ...]:
        """The longest known phrases, from left to right."""
        taken: dict[int, int] = {}
        kept: list[Lexeme] = []
        at = 0
        while at < len(found):
            if at in taken:
                at = taken[at]
                continue
            lexeme = self._single(found, at) or self._gapped(found, at, taken) or self._longest(found, at)
            kept.append(lexeme)
            at = lexeme.end
        return tuple(_whole_compounds(kept, found))

    def _single(self, found: Sequence[Token], at: int) -> Lexeme | None:
        token = found[at]
        if token.quoted is not None:
            return Lexeme({}, at, at + 1, quoted=token.quoted)
        if token.text.startswith("#") and len(token.text) > 1:
            return Lexeme({"colour": (token.text,)}, at, at + 1, hex=token.text)
        if token.text == POSSESSIVE:
            return Lexeme({"possessive": ("x",)}, at, at + 1)
        return None

    def _longest(self, found: Sequence[Token], at: int) -> Lexeme:
        for length in range(min(self.lengths.get(found[at].text, 0), len(found) - at), 0, -1):
            senses = self.phrases.get(tuple(token.text for token in found[at : at + length]))
            ratio = senses is not None and (
                ("ordinal" in senses and _ends_ratio(found, at, length)) or _begins_ratio(found, at, length)
            )
            if senses is not None and not ratio:
                return Lexeme(senses, at, at + length, joined=found[at].joined)
        text = found[at].text
        if text.isdecimal():
            return Lexeme({"number": (text,)}, at, at + 1, digits=int(text[:9]))
        mark = "" if text[:1].isalnum() else text
        senses = self._with_pronoun(text) or self._headed(text)
        return Lexeme(senses, at, at + 1, mark=mark, joined=found[at].joined)

    def _with_pronoun(self, text: str) -> Senses:
        """A verb with a pronoun written onto it: mettila, metterla."""
        for clitic, pronoun in self.traits.clitics.items():
            stem = text.removesuffix(clitic)
            if len(stem) == len(text) or len(stem) < _LEAST_STEM:
                continue
            senses = self.phrases.get((stem,)) or self.phrases.get((f"{stem}e",), {})
            own = {name: values for name, values in senses.items() if name in _VERBAL}
            if own:
                return {**own, "clitic": (pronoun,)}
        return {}

    def _headed(self, text: str) -> Senses:
        """What a compound is, by its last part."""
        if not self.heads:
            return {}
        ends = (text[start:] for start in range(_LEAST_BEFORE_HEAD, len(text) - _LEAST_HEAD + 1))
        return next((self.heads[end] for end in ends if end in self.heads), {})

    def _gapped(self, found: Sequence[Token], at: int, taken: dict[int, int]) -> Lexeme | None:
        """A verb whose second part stands at the end of its clause."""
        if found[at].text not in self.parting:
            return None
        for length in (3, 2, 1):
            head = tuple(token.text for token in found[at : at + length])
            for tail, senses in self.parted.get(head, ()):
                end = self._tail(found, at + length, tail)
                if end is not None and not any(place in taken for place in range(end - len(tail), end)):
                    taken[end - len(tail)] = end
                    return Lexeme(senses, at, at + length)
        return None

    def _tail(self, found: Sequence[Token], at: int, tail: Phrase) -> int | None:
        """Where the second part ends, if it closes the clause."""
        for place in range(at, min(at + _REACH, len(found))):
            if found[place].text in ".!?;\n" and found[place].text:
                return None
            if any(tail == other for other, _ in self.parted.get((found[place].text,), ())):
                return None  # that of a later verb
            end = place + len(tail)
            if tuple(token.text for token in found[place:end]) != tail:
                continue
            if (found[place - 1].text, *tail) in self.phrases:  # upside down
                continue
            if end == len(found) or found[end].text in _ENDS:
                return end
            senses = self._longest(found, end).senses
            if any(name in senses for name in ("conj", "prep", "filler", "degree", "manner")):
                return end
        return None


def _contracted(token: Token, last: str) -> Phrase | None:
    """The dog's: two words."""
    return (token.text[:-2], last) if token.text.endswith(POSSESSIVE) else None


def _begins_ratio(found: Sequence[Token], at: int, length: int) -> bool:
    """Whether "2 x" or "x 2" is a part of "2 x 2"."""
    end = at + length
    ahead = found[at].text.isdecimal() and end < len(found) and found[end].text.isdecimal()
    behind = at > 0 and found[at - 1].text.isdecimal() and found[end - 1].text.isdecimal()
    return length > 1 and (ahead or behind)


def _ends_ratio(found: Sequence[Token], at: int, length: int) -> bool:
    """Whether "1." is no "first", but the end of "1:1." or of a sentence."""
    dotted = found[at + length - 1].text == "."
    return dotted and (at + length == len(found) or (at > 0 and found[at - 1].text in ":/×"))


def _whole_compounds(kept: list[Lexeme], found: Sequence[Token]) -> Iterator[Lexeme]:
    """Words joined by hyphens of which one is unknown are one unknown word: "foggy-eyed" is not fog."""
    at = 0
    while at < len(kept):
        end = at + 1
        while end < len(kept) and found[kept[end].start].joined:
            end += 1
        if end - at > 1 and not all(lexeme.known for lexeme in kept[at:end]):
            yield Lexeme({}, kept[at].start, kept[end - 1].end)
        else:
            yield from kept[at:end]
        at = end


@cache
def languages() -> tuple[Language, ...]:
    """Every language that has a file."""
    with _nothing_collected():
        return tuple(language(file.stem) for file in sorted(FOLDER.glob("*.toml")))


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """All of the many small objects are kept: to look for garbage among them takes half as long again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@cache
def language(code: str) -> Language:
    """The language of that code; there is one file for each."""
    data = vocabulary(code)
    return _language(data)


def vocabulary(code: str) -> dict[str, Any]:
    """The data file of a language."""
    return tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))


def categories(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Sequence[str]]]]:
    """The tables of a data file: a category, and its words by their value."""
    return ((name, table) for name, table in data.items() if name not in _SECTIONS)


def _language(data: Mapping[str, Any]) -> Language:
    traits = traits_of(data.get("traits", {}))
    spelling = {
        key(word, traits, {}): key(spelled, traits, {}) for word, spelled in data.get("spelling", {}).items()
    }
    phrases: dict[Phrase, dict[str, tuple[str, ...]]] = {}
    parted: dict[Phrase, list[tuple[Phrase, Senses]]] = {}
    rules = data.get("inflection", {})
    for category, table in categories(data):
        for value, words in table.items():
            for text in words:
                if GAP in text:
                    head, _, tail = text.partition(GAP)
                    parted.setdefault(key(head, traits, spelling), []).append(
                        (key(tail, traits, spelling), {category: (value,)})
                    )
                    continue
                for phrase in forms(key(text, traits, spelling), rules.get(category, ()), traits.head_first):
                    add(phrases, phrase, category, value)
    for particle in traits.particles:
        add(phrases, key(particle, traits, spelling), "particle", "x")
    for article in traits.genitives:
        add(phrases, key(article, traits, spelling), "genitive", "x")
    add_polite(phrases, parted, traits)
    conjugate(phrases, rules.get("conjugation", ()), traits.head_first)
    mark_adverbials(phrases)
    return Language(
        code=data["language"],
        name=data["name"],
        traits=traits,
        phrases=phrases,
        parted={head: tuple(tails) for head, tails in parted.items()},
        parting=frozenset(head[0] for head in parted),
        spelling=spelling,
        lengths=lengths(phrases),
        words=frozenset(word for phrase in (*phrases, *spelling, *tails(parted)) for word in phrase),
        heads=compound_heads(phrases, traits, rules),
    )

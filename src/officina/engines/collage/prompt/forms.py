"""How the words of a vocabulary are written: their forms, and the phrases that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from officina.engines.collage.prompt.words import fold, tokens

POSSESSIVE = "'s"
_HEADS_ARE = ("thing", "colour", "garment", "part")
_VERBAL = frozenset({"verb", "do"})

Senses = Mapping[str, tuple[str, ...]]
"""What a word can be: category and values, as in the data file."""
Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Traits:
    """How a language builds its phrases."""

    elision: bool = False
    """Articles lose their vowel: l'image."""
    compounds: bool = False
    """A noun may stand before another and describe it: garden chair."""
    head_first: bool = False
    """In a phrase the first word is the one that changes: tables de jardin."""
    shared_negation: bool = False
    """"Do not A and B" may deny both."""
    clitics: Mapping[str, str] = field(default_factory=dict)
    """Pronouns that are written onto a verb: mettila."""
    personal: tuple[str, ...] = ()
    """Words before a person that is an object: pon a la mujer."""
    contracted: str = POSSESSIVE
    """What an 's at the end of a word is: the dog's, mach's."""
    heads: tuple[str, ...] = ()
    """Words that say what a longer word is when they end it: Zwetschgenkuchen, schilfgrün."""
    particles: tuple[str, ...] = ()
    """Parts of verbs that end a clause without the rest of the verb: Rauschen raus."""
    genitives: tuple[str, ...] = ()
    """Articles that say whose it is, behind a noun: das Foto meiner Oma."""
    polite: str = ""
    """A pronoun behind verbs that only addresses the reader: machen Sie."""
    participle: str = ""
    """The pattern of participles, which end clauses of the past: hat es quer gespeichert."""
    past: tuple[str, ...] = ()
    """What verbs of the past end with: unknown words may be such."""
    present: tuple[str, ...] = ()
    """What verbs of the present end with that tell of somebody else."""
    umlauts: bool = False
    """Ae, oe and ue may stand for letters with two dots."""


def traits_of(given: Mapping[str, Any]) -> Traits:
    """How the language builds its phrases; lists are tuples."""
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
    return Traits(**values)


def add(phrases: dict[Phrase, dict[str, tuple[str, ...]]], phrase: Phrase, category: str, value: str) -> None:
    """Give a phrase one more sense."""
    senses = phrases.setdefault(phrase, {})
    if value not in senses.get(category, ()):
        senses[category] = (*senses.get(category, ()), value)


def conjugate(
    phrases: dict[Phrase, dict[str, tuple[str, ...]]], rules: Sequence[Sequence[str]], head_first: bool
) -> None:
    """Other forms of the verbs, where the language has no such word yet: ruota, ruoti, ruotate."""
    if not rules:
        return
    for phrase, senses in tuple(phrases.items()):
        own = {name: values for name, values in senses.items() if name in _VERBAL}
        if not own:
            continue
        for form in tuple(forms(phrase, rules, head_first))[1:]:
            if phrases.get(form, own).keys() <= _VERBAL:
                for name, values in own.items():
                    for value in values:
                        add(phrases, form, name, value)


def add_polite(
    phrases: dict[Phrase, dict[str, tuple[str, ...]]],
    parted: dict[Phrase, list[tuple[Phrase, Senses]]],
    traits: Traits,
) -> None:
    """Verbs with the pronoun that addresses the reader: "machen Sie"."""
    if not traits.polite:
        return
    ending = "en"
    for (word, *rest), senses in tuple(phrases.items()):
        if not rest and word.endswith(ending) and ("verb" in senses or "do" in senses):
            phrases[word, traits.polite] = {name: senses[name] for name in ("verb", "do") if name in senses}
    for (word, *rest), tails in tuple(parted.items()):
        if not rest and word.endswith(ending):
            parted[word, traits.polite] = tails


def tails(parted: Mapping[Phrase, Sequence[tuple[Phrase, Senses]]]) -> Iterator[Phrase]:
    """Both parts of the phrases with a gap."""
    for head, tails in parted.items():
        yield head
        yield from (tail for tail, _ in tails)


def lengths(phrases: Iterable[Phrase]) -> dict[str, int]:
    """How long the longest phrase is that begins with each word."""
    found: dict[str, int] = {}
    for phrase in phrases:
        found[phrase[0]] = max(len(phrase), found.get(phrase[0], 0))
    return found


def compound_heads(
    phrases: Mapping[Phrase, Senses], traits: Traits, rules: Mapping[str, Iterable[Sequence[str]]]
) -> dict[str, Senses]:
    """The words that end compounds, in all their forms, with what they make of them."""
    found: dict[str, Senses] = {}
    for head in traits.heads:
        word = key(head, traits, {})
        category = next(name for name in _HEADS_ARE if name in phrases[word])
        senses = {category: phrases[word][category]}
        found.update((form, senses) for (form,) in forms(word, rules.get(category, ()), traits.head_first))
    return found


def mark_adverbials(phrases: dict[Phrase, dict[str, tuple[str, ...]]]) -> None:
    """Looks that begin with a preposition, like "al tramonto", describe no noun before them.

    Such looks and places have no article either.
    """
    for phrase, senses in phrases.items():
        if (
            len(phrase) > 1
            and "prep" in phrases.get(phrase[:1], {})
            and ("look" in senses or "place" in senses)
        ):
            senses["phrasal"] = ("x",)
            if "look" in senses:
                senses["adverbial"] = ("with",)


def forms(phrase: Phrase, rules: Iterable[Sequence[str]], head_first: bool) -> Iterator[Phrase]:
    """The phrase, and its forms by the first rule whose ending fits: ["y", "ies"] gives cherries."""
    yield phrase
    at = 0 if head_first else len(phrase) - 1
    word = phrase[at] if phrase else ""
    for ending, *others in rules:
        if word.endswith(ending):
            stem = word[: len(word) - len(ending)]
            for other in others:
                yield (*phrase[:at], stem + other, *phrase[at + 1 :])
            return


def key(text: str, traits: Traits, spelling: Mapping[Phrase, Phrase]) -> Phrase:
    """A phrase of a data file as the words of a prompt are compared with it."""
    # Nearly all words are plain, and splitting those is all there is to do: it halves the start of a process.
    if text.replace(" ", "").isalpha():
        words = text.casefold().split()
        found = tuple(words if text.isascii() else map(fold, words))
    else:
        found = tuple(token.text for token in tokens(text, elided=traits.elision))
    return tuple(part for word in found for part in spelling.get((word,), (word,)))

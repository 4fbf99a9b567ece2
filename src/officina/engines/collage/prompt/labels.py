"""What people write short, among the words: arrows, labels, the number of a picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from officina.engines.collage.prompt.language import Lexeme
from officina.engines.collage.prompt.shorthand import ARROW

REASON = "…"
"""The mark that stands for "because" and "so that": a clause begins there."""
_LONGEST_BRACKET = 5
_TELLING = frozenset({"reason", "label", "prep", "fact"})
"""Words that may be more than what they mean."""
_LOOSE = frozenset({"degree", "relative", "conj", "filler"})
"""What a word for a reason may be as well: "so dark"."""
_BEARING = frozenset({"verb", "be", "do", "pronoun"})
_SAID_OF_TEXT = ("colour", "format")
_NUMBERING = frozenset({"number", "ordinal", "det", "prep"})


def written_out(lexemes: Sequence[Lexeme]) -> tuple[Lexeme, ...]:
    """The words with arrows as verbs, labels left out, and "(picture 2)" as "of picture 2"."""
    return tuple(_written(lexemes))


def _written(lexemes: Sequence[Lexeme]) -> Iterator[Lexeme]:
    at = 0
    while at < len(lexemes):
        lexeme = lexemes[at]
        if not lexeme.mark and not lexeme.any_of(_TELLING) and not lexeme.has("noun", *_SAID_OF_TEXT):
            yield lexeme
            at += 1
            continue
        bracket = _bracket(lexemes, at)
        if lexeme.mark == ARROW:
            yield from _arrow(lexeme)
        elif lexeme.mark == "|" or _separates(lexemes, at):
            yield replace(lexeme, mark=",")
        elif (lexeme.mark in ("=", ":") or lexeme.has("fact", "having")) and _names_picture(lexemes, at):
            yield Lexeme({"be": ("plain",)}, lexeme.start, lexeme.end)
        elif (percent := _percentage(lexemes, at)) is not None:
            yield from percent
            at += 1 + (at + 2 < len(lexemes) and _is_percent(lexemes[at + 2]))
        elif bracket:
            yield from bracket
            at = next(n for n in range(at, len(lexemes)) if lexemes[n].mark == ")")
        elif is_reason(lexemes, at):
            yield replace(lexeme, mark=REASON)
        elif (end := _label(lexemes, at)) > at:
            yield Lexeme({}, lexeme.start, lexemes[end - 1].end, mark=",")
            at = end - 1
        else:
            yield lexeme
        at += 1


def is_reason(lexemes: Sequence[Lexeme], at: int) -> bool:
    """Whether a clause of its own begins with this word; "so dark" is none."""
    word = lexemes[at]
    if not word.has("reason") or at + 1 >= len(lexemes):
        return False
    after = lexemes[at + 1]
    if word.has("prep", "as"):
        told = after.has("pronoun") and at + 2 < len(lexemes) and lexemes[at + 2].has("fact")
        return told or after.has("fact", "self")  # "as we changed our minds"
    if word.has("prep"):
        return word.has("prep", "like") and _is_clause(lexemes, at + 1)
    return (
        word.has("reason", "goal", "like")
        or (not word.any_of(_LOOSE) and not after.mark)
        or any(after.has(kind) for kind in ("det", "pronoun", "fact"))
        or not after.known
    )


def _separates(lexemes: Sequence[Lexeme], at: int) -> bool:
    """ "title: 'Fair'; colour: red": what goes on about a text."""
    if lexemes[at].mark not in (";", "\n") or not any(each.quoted for each in lexemes):
        return False
    return at + 1 < len(lexemes) and _label(lexemes, at + 1) > at + 1


def _is_clause(lexemes: Sequence[Lexeme], at: int) -> bool:
    """ "Like it belongs there", "as if he knew": a subject and what it does, but not "look like it is"."""
    before = lexemes[at - 2] if at > 1 else lexemes[at]
    if before.any_of(_BEARING) or at + 1 >= len(lexemes):
        return False
    subject, verb = lexemes[at], lexemes[at + 1]
    if subject.has("fact", "present"):  # "like there is no tomorrow"
        return True
    if verb.has("noun", "picture"):  # "like the photos she used to keep"
        return False
    if subject.has("pronoun"):
        return verb.has("fact") or verb.has("pose") or not verb.known
    ahead = itertools.takewhile(lambda word: not word.mark, lexemes[at + 1 : at + 4])
    return (subject.has("det") or subject.has("thing", "person")) and any(word.has("fact") for word in ahead)


def _arrow(lexeme: Lexeme) -> Iterator[Lexeme]:
    """ "Background → white", "cup → table": it becomes that, or goes there."""
    yield Lexeme({"verb": ("change", "put")}, lexeme.start, lexeme.end)
    yield Lexeme({"prep": ("to", "in_on")}, lexeme.start, lexeme.end)


def _percentage(lexemes: Sequence[Lexeme], at: int) -> list[Lexeme] | None:
    """ "+20% contrast" is more of it; how much more is not told by numbers, so "by 20%" says nothing."""
    lexeme, after = lexemes[at], lexemes[at + 1] if at + 1 < len(lexemes) else lexemes[at]
    if after is lexeme or after.digits is None:
        return None
    if lexeme.mark in ("+", "-", "−") and (at == 0 or lexemes[at - 1].digits is None):
        return [Lexeme({"verb": ("up" if lexeme.mark == "+" else "down",)}, lexeme.start, after.end)]
    ends = at + 2 < len(lexemes) and _is_percent(lexemes[at + 2])
    return [] if lexeme.has("prep", "by", "of") and ends else None


def _is_percent(lexeme: Lexeme) -> bool:
    return lexeme.mark == "%"


def _names_picture(lexemes: Sequence[Lexeme], at: int) -> bool:
    """Picture 1: the girl; picture 2 = the scene; subject: picture 1."""
    if at > 1 and lexemes[at - 1].digits is not None and lexemes[at - 2].has("noun", "picture"):
        return True
    role = at and (
        lexemes[at - 1].has("thing", "subject", "scene") or lexemes[at - 1].has("noun", "background")
    )
    role = role or (at and lexemes[at].mark == "=" and lexemes[at - 1].has("thing"))
    ahead = lexemes[at + 1 : at + 3]
    return bool(role) and any(part.has("noun", "picture") or part.has("ordinal") for part in ahead)


def _bracket(lexemes: Sequence[Lexeme], at: int) -> list[Lexeme]:
    """ "The dog (2nd pic)" is the dog of that picture; "the dog (2)", too."""
    if lexemes[at].mark != "(" or not at:
        return []
    end = next((n for n in range(at, min(at + _LONGEST_BRACKET, len(lexemes))) if lexemes[n].mark == ")"), at)
    inside = lexemes[at + 1 : end]
    if not any(part.digits is not None or part.has("ordinal") for part in inside):
        return []
    if not all(part.has("noun", "picture") or part.any_of(_NUMBERING) for part in inside):
        return []
    of = Lexeme({"prep": ("from",)}, lexemes[at].start, lexemes[at].end)
    if any(part.has("noun", "picture") for part in inside):
        return [of, *inside]
    if not lexemes[at - 1].has("thing") or len(inside) > 1:
        return []
    return [of, Lexeme({"noun": ("picture",)}, inside[0].start, inside[0].end), *inside]


def _label(lexemes: Sequence[Lexeme], at: int) -> int:
    """Where a label ends: "op:", "step 2 –", "output ="."""
    if not (at == 0 or lexemes[at - 1].mark):
        return at
    end = at + 1
    if lexemes[at].has("noun", *_SAID_OF_TEXT) and end + 1 < len(lexemes):
        said = lexemes[end + 1].has("colour") or lexemes[end + 1].has("size")
        return end + 1 if said and lexemes[end].mark in (":", "=") else at
    if not lexemes[at].has("label"):
        return at
    if end < len(lexemes) and lexemes[end].digits is not None:
        return end + (end + 1 < len(lexemes) and bool(lexemes[end + 1].mark))
    return end + 1 if end < len(lexemes) and lexemes[end].mark in (":", "=") else at

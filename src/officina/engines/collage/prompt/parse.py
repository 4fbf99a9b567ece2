"""A prompt becomes a plan, or a reason why not: every word must belong to a phrase that is understood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from officina.engines.collage.plan import NotUnderstood, Operation, Plan
from officina.engines.collage.prompt.grammar import Text, Token, Tree
from officina.engines.collage.prompt.language import Language
from officina.engines.collage.prompt.reading import READERS, describe, ignored_words, number

MARKS = frozenset(".,;:!?-–—\"'“”()…")
_QUIET = ("filler",)
MOST_WORDS = 400


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A run of words that one rule covers."""

    rule: str
    start: int
    end: int
    tree: Tree


@dataclass
class _Chart:
    """Which rules match where, found once per place."""

    language: Language
    text: Text
    known: dict[int, tuple[_Phrase, ...]] = field(default_factory=dict)
    dead_ends: set[int] = field(default_factory=set)

    @property
    def words(self) -> tuple[str, ...]:
        return self.text.words

    def at(self, start: int) -> tuple[_Phrase, ...]:
        """Every phrase that starts here, the longest first; operations before filler of the same length."""
        if start not in self.known:
            found = {(p.rule, p.end): p for p in reversed(tuple(self._matches(start)))}
            order = sorted(found.values(), key=lambda p: (-p.end, p.rule in _QUIET, p.rule == "harmless"))
            self.known[start] = tuple(order)
        return self.known[start]

    def cover(self, start: int) -> list[_Phrase] | None:
        """Phrases that cover all words from here to the end, if there are such."""
        while start < len(self.words) and self.words[start] in MARKS:
            start += 1
        if start >= len(self.words):
            return []
        if start in self.dead_ends:
            return None
        for phrase in self.at(start):
            rest = self.cover(phrase.end)
            if rest is not None:
                return [phrase, *rest]
        self.dead_ends.add(start)
        return None

    def _matches(self, start: int) -> Iterator[_Phrase]:
        for rule, patterns in self.language.rules.items():
            for pattern in patterns:
                for end, parts in self.text.match(pattern, start):
                    if end > start:
                        yield _Phrase(rule, start, end, Tree(rule, self.words[start:end], None, parts))


def parse(prompt: str, language: Language) -> Plan:
    """The plan of a prompt; NotUnderstood with the words that stood in the way."""
    found = language.words(prompt)
    text = Text(language.grammar, tuple(token.text for token in found[:MOST_WORDS]))
    chart = _Chart(language, text)
    phrases = chart.cover(0)
    _guard(chart, phrases, _Quoter(prompt, found))
    if phrases is None or len(found) > MOST_WORDS:
        raise _stuck(chart, _Quoter(prompt, found))
    return _plan(phrases, _Quoter(prompt, found))


@dataclass(frozen=True, slots=True)
class _Quoter:
    """Quotes the caller's own words."""

    prompt: str
    found: tuple[Token, ...]

    def __call__(self, start: int, end: int) -> str:
        return self.prompt[self.found[start].start : self.found[end - 1].end]


def _guard(chart: _Chart, phrases: list[_Phrase] | None, quote: _Quoter) -> None:
    """Refuse what this engine must never pretend to do, unless the prompt asks not to do it."""
    harmless: set[int] = set()
    for phrase in phrases if phrases is not None else _harmless(chart):
        if phrase.rule == "harmless":
            harmless.update(range(phrase.start, phrase.end))
    for reason, patterns in chart.language.guards.items():
        for start in range(len(chart.words)):
            for pattern in patterns:
                for end, _ in chart.text.match(pattern, start):
                    if end > start and not harmless.issuperset(range(start, end)):
                        raise NotUnderstood((quote(start, end),), reason=reason)


def _harmless(chart: _Chart) -> Iterator[_Phrase]:
    for start in range(len(chart.words)):
        yield from (phrase for phrase in chart.at(start) if phrase.rule == "harmless")


def _stuck(chart: _Chart, quote: _Quoter) -> NotUnderstood:
    """What the longest phrases cover, and the runs of words that nothing covers."""
    understood: list[str] = []
    missed: list[str] = []
    at, gap = 0, None
    while at < len(chart.words):
        phrase = next(iter(chart.at(at)), None)
        inside = gap is not None and phrase is not None and phrase.rule not in READERS
        if chart.words[at] not in MARKS and (phrase is None or inside):
            gap = at if gap is None else gap
            at += 1
            continue
        if gap is not None:
            missed.append(quote(gap, at))
            gap = None
        if phrase and phrase.rule in READERS:
            understood.append(quote(phrase.start, phrase.end))
        at = phrase.end if phrase else at + 1
    if gap is not None:
        missed.append(quote(gap, len(chart.words)))
    if len(quote.found) > MOST_WORDS:
        missed.append(quote(MOST_WORDS, len(quote.found))[:200])
    return NotUnderstood(tuple(missed) or (quote.prompt.strip(),), tuple(understood))


def _plan(phrases: list[_Phrase], quote: _Quoter) -> Plan:
    operations: list[Operation] = []
    ignored: list[str] = []
    copies = 1
    for phrase in phrases:
        if phrase.rule in READERS:
            operations.append(_read(phrase, quote))
            ignored.extend(ignored_words(phrase.tree))
        elif phrase.rule == "copies":
            copies = number(phrase.tree, "number") or 1
        elif phrase.rule == "harmless":
            _agree(phrase, phrases, quote)
            ignored.append(quote(phrase.start, phrase.end))
    if not operations:
        raise NotUnderstood((quote.prompt.strip(),))
    return Plan(tuple(dict.fromkeys(operations)), tuple(dict.fromkeys(ignored)), copies)


def _read(phrase: _Phrase, quote: _Quoter) -> Operation:
    operation = READERS[phrase.rule](phrase.tree)
    if operation is None:
        raise NotUnderstood((quote(phrase.start, phrase.end),))
    return operation


def _agree(phrase: _Phrase, phrases: list[_Phrase], quote: _Quoter) -> None:
    """'Keep the background' and 'remove the background' cannot both be granted."""
    kept = {part.value for part in phrase.tree.all("part")}
    if phrase.tree.first("colour_part"):
        kept.add("colours")
    for other in phrases:
        if other.rule in READERS and describe(other.rule).changes in kept:
            raise NotUnderstood(
                (quote(phrase.start, phrase.end),), (quote(other.start, other.end),), "conflict"
            )

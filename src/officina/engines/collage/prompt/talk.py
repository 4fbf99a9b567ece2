"""Talk: clauses that tell something and ask for nothing, like "I run a bakery" or "my scanner cut it off"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from officina.engines.collage.prompt.language import Lexeme
from officina.engines.collage.things import thing

_MOST_WORDS = 40
_SUBJECT_WORDS = 7
_ASKING = frozenset({"guard", "wanting", "wrong", "not"})
"""What makes a statement a request, or may: a wish, something that is wrong, something denied."""
_OF_SOMEBODY = frozenset({"part", "garment"})
_GENERAL = frozenset({"noun", "attribute", "pronoun"})
_FACT = frozenset({"fact"})
_TOLD = _GENERAL | {"fact", "det"}
_ORDERS = frozenset({"verb", "do"})
_NO_ORDER = frozenset({"fact", "noun", "thing", "attribute", "adjective", "prep", "part"})
"""What a word that may be an order is more likely in a statement."""
_SHOWN = frozenset({"thing", "part", "garment", "guard", "attribute"})
"""What a picture shows: "I don't like the sofa" may be a wish, "I don't care" is none."""
_WISHED = frozenset({"colour", "look", "pose"})
_MEANT = frozenset({"verb", "do", "look", "colour", "layout", "axis", "quality"})
_NAMED = frozenset({"det", "place", "ordinal", "number", "possessive"})
"""What tells which picture is meant."""
_SAID = frozenset({"guard", "not", "look", "colour", "layout", "thing", "pose", "do", "part", "garment"})
"""What "whatever you like" does not tell of."""
_AIMED = frozenset({"colour", "layout", "axis", "pose", "place"})
_PASSABLE = ("season", "poses", "view", "local")
"""Reasons for refusal that mean nothing where something past is told: "the ceremony was at noon"."""
_ASKS_ANYHOW = _OF_SOMEBODY | {"guard", "wanting", "wish", "look", "colour", "layout", "axis", "turn"}
_EXPLAINED = frozenset({"fact", "filler", "degree"})
_MADE = ("text", "letters", "background", "sticker", "outline", "duotone", "gradient", "blur", "copies")
_SPOKEN_OF = frozenset({"attribute", "colour", "look"})
_PARTING = frozenset({"conj", "reason"})
_STRONG = ".!?;\n"


@dataclass(frozen=True)
class Talk:
    """The statements of a prompt, found where they are looked for."""

    lexemes: tuple[Lexeme, ...]
    names: frozenset[int]
    """Tokens with a capital that are no known words."""
    past: frozenset[int]
    """Tokens that are no known words and end like a past."""
    present: frozenset[int]
    """Tokens of verbs and unknown words that end like a present of somebody else's."""
    participles: frozenset[int]
    """Tokens that may be participles."""

    def ends(self, token: int) -> list[int]:
        """The tokens at which talk ends that begins with this one, the nearest first."""
        at = self._places.get(token)
        if at is None:
            return []
        begin = self._beginning(at)
        for end in self._stops(begin):
            if self._states(begin, end):
                return list(self._onwards(end))
        return []

    def speaks(self, token: int) -> bool:
        """Whether the speaker begins a statement here without a mark before it: "too dark I can't see"."""
        at = self._places.get(token)
        if at and self._is_explained(at):
            return True
        if not at or not self.lexemes[at].has("fact", "self"):
            return False
        if any(self.lexemes[at - 1].has(kind) for kind in ("relative", "prep", "det")):
            return False
        end = next(self._stops(at), at)
        return not any(word.any_of(_MEANT) and not word.has("fact") for word in self.lexemes[at:end])

    @cached_property
    def _places(self) -> dict[int, int]:
        return {lexeme.start: at for at, lexeme in enumerate(self.lexemes)}

    def _reasoned(self, begin: int) -> bool:
        before = self.lexemes[begin - 1] if begin > 0 else None
        return before is not None and before.has("reason") and not before.has("reason", "goal", "like")

    def _aims_at(self, begin: int, words: Sequence[Lexeme]) -> bool:
        """Whether a reason tells of what the picture would have to show: "so that it is red"."""
        purpose = not self._tells_cause(begin) and any(word.any_of(_AIMED) for word in words)
        if purpose or self._of_oneself(begin, words):
            return purpose
        return any(word.has("guard") for word in words) or any(map(_brings, words, words[1:]))

    def _of_oneself(self, begin: int, words: Sequence[Lexeme]) -> bool:
        """ "Because we were running late", but not "as if I were running"."""
        return (
            bool(words) and words[0].has("fact", "self") and not self.lexemes[begin - 1].has("prep", "like")
        )

    def _beginning(self, at: int) -> int:
        """Words that were left out as fillers belong to the clause as well."""
        if self.lexemes[at].has("fact", "self"):
            return at
        while at and not (self.lexemes[at - 1].mark or self.lexemes[at - 1].any_of(_PARTING)):
            at -= 1
        return at

    def _stops(self, begin: int) -> Iterator[int]:
        """Where a clause may end: at a mark, at a conjunction, before a question to the reader."""
        for end in range(begin + 1, min(len(self.lexemes), begin + _MOST_WORDS) + 1):
            if end == len(self.lexemes) or self._parts(end):
                yield end
                if end == len(self.lexemes) or self.lexemes[end].mark:
                    return

    def _parts(self, at: int) -> bool:
        lexeme = self.lexemes[at]
        return bool(lexeme.mark) or lexeme.has("conj") or lexeme.has("ask")

    def _states(self, begin: int, end: int) -> bool:
        """Whether these words are a statement, or a name beside thanks."""
        words = self.lexemes[begin:end]
        aims = self._aims_at(begin, words)
        if self._is_courtesy(begin, words) or (self._explains(begin, words) and not aims):
            return True
        if (begin and self.lexemes[begin - 1].has("reason", "goal", "like")) or self._asked(end, words):
            return False
        told = [word for word in words if not word.has("filler") or word.any_of(_TOLD)]
        reasoned = self._reasoned(begin)
        if told and told[0].has("fact", "free"):
            return not any(word.any_of(_SAID) and not word.any_of(_GENERAL) for word in told[1:])
        if reasoned and aims:
            return False
        verb = self._finite(told, reasoned)
        return verb > 0 and self._asks_nothing(told, verb, reasoned)

    def _asked(self, end: int, words: Sequence[Lexeme]) -> bool:
        """Whether the words are a question, or a wish."""
        questioned = end < len(self.lexemes) and self.lexemes[end].mark == "?"
        return questioned or any(word.has("wish") for word in words)

    def explained(self, token: int) -> bool:
        """Whether a cause begins here: "because the cat is on the chair"."""
        begin = self._places.get(token, 0)
        begin -= begin > 1 and not self._reasoned(begin)
        compared = begin > 0 and self.lexemes[begin - 1].has("prep", "like")
        return self._reasoned(begin) and (compared or self._tells_cause(begin))

    def _tells_cause(self, begin: int) -> bool:
        """Whether a cause or a likeness is told, "because the tablecloth is distracting", and no purpose."""
        return self.lexemes[begin - 1].has("reason", "why", "like")

    def _is_explained(self, at: int) -> bool:
        """Whether a clause begins here of which the word before says that it tells why, or what for."""
        before = self.lexemes[at - 1] if at else None
        return before is not None and before.has("reason", "why", "goal", "like")

    def _explains(self, begin: int, words: Sequence[Lexeme]) -> bool:
        """ "So that it looks real", "as if it had always been there": nothing is asked for.

        What is shown must be known to be only seen: "so that the van stands out", not "so the man waves".
        """
        if not words or not self._is_explained(begin):
            return False
        why = self.lexemes[begin - 1]
        goal = not why.has("reason", "why")
        shown = [n for n, word in enumerate(words) if word.has("thing") and not word.any_of(_GENERAL)]
        somebody = bool(shown) or any(
            word.has("pronoun", "person") or word.has("noun", "light") for word in words
        )
        around = goal and any(thing(words[n].value("thing")).shape == "place" for n in shown)
        seen = any(word.has("fact", "seeing") for word in words)
        return (
            not around  # "take it away so that the sea is seen"
            and not any(_may_ask(word) for word in words if goal or not word.has("seems"))
            and (not goal or all(_is_known_of(words[:n]) for n in shown))
            and (seen or not (why.has("reason", "like") or (goal and somebody)))
        )

    def _is_courtesy(self, begin: int, words: Sequence[Lexeme]) -> bool:
        """ "Hi Tom", "Cheers, your old friend Tom"."""
        near = (*self.lexemes[max(begin - 3, 0) : begin], *words)
        named = [word for word in words if word.start in self.names]
        plain = all(
            word in named
            or any(word.has(kind) for kind in ("courtesy", "filler", "thing", "adjective", "det"))
            for word in words
        )
        alone = all(word.has("courtesy") or word.has("filler") for word in words)
        return alone or (plain and bool(named) and any(word.has("courtesy") for word in near))

    def _finite(self, words: Sequence[Lexeme], reasoned: bool) -> int:
        """Behind how many words the predicate of a clause begins; 0 if there is none."""
        if words and words[0].any_of(_FACT) and words[0].has("fact", "self", "free"):
            return 1
        for at, word in enumerate(words[: _SUBJECT_WORDS + 1]):
            if at and (self._is_finite(word, words[0]) or (reasoned and _ends_subject(word))):
                if word.has("place") and not (words[at - 1].has("thing") or words[at - 1].has("pronoun")):
                    continue  # "the old one on the left"
                sure = _is_general(words[:at], word) or (reasoned and at == 1)
                return at if sure or self._is_subject(words[:at]) else 0
        return 0

    def _is_finite(self, word: Lexeme, first: Lexeme) -> bool:
        return word.has("be", "plain") or word.has("fact") or self._tells(word, first)

    def _tells(self, word: Lexeme, first: Lexeme) -> bool:
        """Whether a word looks like a finite verb: after "my" and its kind also in the present."""
        return word.start in self.past or (word.start in self.present and first.has("det", "possessive"))

    def _is_subject(self, words: Sequence[Lexeme]) -> bool:
        first = words[0]
        if first.has("det") or first.has("pronoun"):
            return not any(word.has("conj") for word in words)
        if all(word.has("colour") or word.has("possessive") for word in words):
            return True  # "yellow's sold out"
        if len(words) == 1 and (first.any_of(_SPOKEN_OF) or first.has("noun", "aspect", "light", "picture")):
            return True
        named = any(word.start in self.names for word in words)
        return named and all(word.start in self.names or word.has("thing") for word in words)

    def _asks_nothing(self, words: Sequence[Lexeme], at: int, reasoned: bool) -> bool:
        """Whether no word of a statement makes it a wish."""
        verb = words[at] if at < len(words) else words[at - 1]
        mine = words[0].has("fact", "self")  # "so we can print it on a T-shirt"
        alone = mine and any(word.has("fact", "alone") for word in words)
        past = self._is_past(words, at, verb)
        lettered = any(word.has("noun", "text", "letters") for word in words[:at])  # "the sign says OPEN"
        if lettered or _is_bodily(words, mine) or self._is_wished(words, at, verb, reasoned):
            return False
        if not (past or alone) and _orders(words, at, verb):
            return False
        if mine:
            return True
        states = verb.has("be", "plain") or verb.has("fact", "having")
        if _of_somebody(words[:at], words[at:]) and states and not past:
            return _is_idle(words, at)
        if reasoned or past:
            return True
        told = words[at:] if _is_general(words[:at], verb) else words
        return not any(word.any_of(_WISHED) and not word.has("seems") for word in told)

    def _is_past(self, words: Sequence[Lexeme], at: int, verb: Lexeme) -> bool:
        perfect = verb.has("fact", "having") and words[-1].start in self.participles
        return (
            verb.has("fact", "past") or self._tells(verb, words[0]) or perfect or _has_never(words, at, verb)
        )

    def _is_wished(self, words: Sequence[Lexeme], at: int, verb: Lexeme, reasoned: bool) -> bool:
        """Whether a word in it wants, denies or complains, and means the picture by that."""
        mine = words[0].has("fact", "self")
        alone = mine and any(word.has("fact", "alone") for word in words)
        purpose = at + 1 < len(words) and words[at + 1].has("prep", "for") and verb.has("be", "plain")
        unseen = reasoned and not any(map(_is_shown, words))  # "so it doesn't look like mush"
        blind = unseen or (mine and not any(map(_is_shown, words[1:]))) or _has_never(words, at, verb)
        asking = (
            word
            for n, word in enumerate(words)
            if word.any_of(_ASKING)
            and not (n == 0 and (mine or reasoned))  # "è storta": of the picture; "so nobody knows"
            and not (alone and word.has("wanting"))
            and not (blind and word.has("not") and not word.has("wanting"))
        )
        past = purpose or self._is_past(words, at, verb)
        return any(not self._is_passable(word, past) for word in asking)

    def _is_passable(self, word: Lexeme, past: bool) -> bool:
        """ "It was sunny", "the scanner turned it sideways": what is past asks for nothing."""
        wrong = word.has("wrong") or word.value("guard") in _PASSABLE
        return past and wrong and not word.has("wanting") and not word.has("not")

    def _onwards(self, end: int) -> Iterator[int]:
        """The clause, and what goes on telling behind it: "… and forgot it", "…, at a market"."""
        yield self._token(end)
        while end < len(self.lexemes) and self.lexemes[end].mark not in tuple(_STRONG):
            stop = next(self._stops(end), None)
            told = self.lexemes[end + 1 : stop]
            if stop is None or not (self._tells_on(told) or _is_apposed(told)):
                return
            end = stop
            yield self._token(end)

    def _tells_on(self, words: Sequence[Lexeme]) -> bool:
        if not words or any(word.any_of(_ASKING | _OF_SOMEBODY | _MEANT) for word in words):
            return False
        first = words[0]
        return first.start in self.past or any(first.has(kind) for kind in ("fact", "prep", "relative"))

    def _token(self, end: int) -> int:
        return self.lexemes[end].start if end < len(self.lexemes) else self.lexemes[-1].end


def _has_never(words: Sequence[Lexeme], at: int, verb: Lexeme) -> bool:
    """ "My sofa has never met Max"."""
    return verb.has("fact", "having") and words[min(at + 1, len(words) - 1)].has("not", "not")


def _is_bodily(words: Sequence[Lexeme], mine: bool) -> bool:
    """Whether it tells of a body, or of what somebody else wears."""
    parts = _OF_SOMEBODY - {"garment"} if mine else _OF_SOMEBODY
    return any(word.any_of(parts) and not word.any_of(_GENERAL) for word in words)


def _orders(words: Sequence[Lexeme], at: int, verb: Lexeme) -> bool:
    """Whether a word behind the predicate may be an order."""
    rest = words[at + 1 :] if words[at - 1].has("fact", "self") else words[at:]
    rest = words[at + 2 :] if verb.has("fact", "able") or verb.has("not") else rest
    return any(word.any_of(_ORDERS) and not word.any_of(_NO_ORDER) for word in rest)


def _is_idle(words: Sequence[Lexeme], at: int) -> bool:
    """What may be said of somebody shown: whose it is, or only how it seems where it is one's own."""
    rest = words[at + 1 :]
    idle = all(word.has("degree") or (word.has("seems") and not word.has("look")) for word in rest)
    return bool(rest) and (rest[0].has("det", "possessive") or (words[0].has("det", "possessive") and idle))


def _is_shown(word: Lexeme) -> bool:
    return word.any_of(_SHOWN) or word.has("noun", "background", "text", "picture", "light", "colour", "all")


def _of_somebody(subject: Sequence[Lexeme], rest: Sequence[Lexeme]) -> bool:
    """A thing or a person that a picture may show, of which a wish may be told; "the sky is dull" is none."""
    shown = [word for word in subject if word.has("thing") and not word.any_of(_GENERAL)]
    around = all(thing(word.value("thing")).shape == "place" for word in shown)
    if shown and around and not any(word.has("thing") or word.has("pose") for word in rest):
        return False
    return bool(shown) or any(word.has("pronoun", "person") for word in subject)


def _may_ask(word: Lexeme) -> bool:
    """Whether a word makes a reason a wish as well: "so the sky is blue"."""
    if word.quoted is not None or word.hex or word.has("noun", *_MADE):
        return True
    if word.any_of(_EXPLAINED):
        return word.any_of(_OF_SOMEBODY | {"guard", "wish"})
    return word.any_of(_ASKS_ANYHOW) or (word.any_of(_ORDERS) and not word.any_of(_NO_ORDER))


def _is_known_of(before: Sequence[Lexeme]) -> bool:
    """Whether a thing is one that is there, by the words before it: "the van", not "a van"."""
    told = [word for word in before if not word.has("adjective") or word.has("det")]
    return bool(told) and told[-1].has("det", "definite", "possessive")


def _is_apposed(words: Sequence[Lexeme]) -> bool:
    """ "This is Rex, our dog": who somebody is."""
    return (
        len(words) > 1
        and words[0].has("det", "possessive")
        and words[-1].has("thing")
        and all(word.has("adjective") for word in words[1:-1])
    )


def _ends_subject(word: Lexeme) -> bool:
    """What a predicate begins with that is told as a reason: "it doesn't fit", "they look like twins"."""
    return word.has("not") or word.has("prep", "like")


def _is_general(subject: Sequence[Lexeme], verb: Lexeme) -> bool:
    """ "Twilight shots sell": what is told of all pictures of a kind asks nothing of this one."""
    tells = verb.has("fact", "present") or verb.has("be", "plain")
    named = any(word.any_of(_NAMED) for word in subject)
    return tells and len(subject) > 1 and subject[-1].has("noun", "picture") and not named


def _brings(word: Lexeme, after: Lexeme) -> bool:
    """ "So there is a moon": a thing that nobody spoke of before."""
    return word.has("det", "indefinite") and (after.has("thing") or after.any_of(_WISHED))

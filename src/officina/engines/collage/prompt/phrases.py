"""Noun phrases: article, number, adjectives, noun, adjectives, and what it is all of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from officina.engines.collage.prompt.chunk import Chunk, plain_chunk
from officina.engines.collage.prompt.growing import ADJECTIVES, Growing
from officina.engines.collage.prompt.language import Language, Lexeme

NOUNS = frozenset(
    {
        "thing",
        "noun",
        "look",
        "attribute",
        "part",
        "garment",
        "place",
        "layout",
        "quality",
        "pronoun",
        "novel",
    }
)
_APART = frozenset({"axis", "turn", "place", "layout"})
"""Words that describe nothing from behind: "flip the photo horizontally"."""
_BEFORE_NOUNS = frozenset({"det", "ordinal", "adjective", "size", "degree", "colour", "possessive"})
_OTHERWISE = NOUNS | ADJECTIVES | {"be", "prep", "pose"}
_CONTENT = NOUNS | ADJECTIVES
_ENDS = _APART | {"prep", "conj", "det"}
_MOST_UNKNOWN = 2
_MOST_PICTURES = 16
_LONGEST = 12
_DEEPEST = 3
"""So many phrases may hang below each other."""


@dataclass
class Phrases:
    """The noun phrases of a prompt, found where they are looked for."""

    lexemes: tuple[Lexeme, ...]
    language: Language

    def at(self, at: int) -> Lexeme:
        return self.lexemes[at] if 0 <= at < len(self.lexemes) else Lexeme({}, 0, 0, mark=".")

    def ratio_start(self, at: int) -> int | None:
        """Where a ratio begins, behind a preposition and an article that mean nothing."""
        for start in range(at, at + 3):
            if self._is_ratio(start):
                return start
            if not any(self.at(start).has(category) for category in ("prep", "det")):
                return None
        return None

    def ratio(self, at: int) -> Chunk:
        """The ratio that stands here."""
        first, second = self.at(at), self.at(at + 2)
        whole = Lexeme({}, first.start, second.end)
        return replace(plain_chunk("ratio", whole), ratio=(first.digits or 1, second.digits or 1))

    def _is_ratio(self, at: int) -> bool:
        """Two numbers with a colon or a cross between them."""
        first, mark, second = self.at(at), self.at(at + 1), self.at(at + 2)
        if not first.digits or not second.digits:
            return False
        spelled = (
            mark.has("ratio") and not self.at(at - 1).has("noun", "picture") and not self._counts_on(at + 2)
        )
        return spelled or mark.mark in (":", "/", "×")

    def is_verb(self, at: int) -> bool:
        """Whether the word is meant as a verb; many are nouns as well."""
        lexeme = self.at(at)
        if not (lexeme.has("verb") or lexeme.has("do")):
            return False
        other = lexeme.any_of(_OTHERWISE)
        if other and self.at(at + 1).mark == ":":
            return False  # a label: "color: red"
        return not other or lexeme.has("clitic") or self._verb_here(at)

    def _verb_here(self, at: int) -> bool:
        """Whether a word that can be both stands where verbs do."""
        before = self.at(at - 1)
        if self.at(at).has("particle") and self.at(at).has("noun"):  # "rot färben", but "Farben kühler"
            return before.has("colour") and self._clause_ends(at + 1)
        if before.any_of(_BEFORE_NOUNS) and not before.has("degree", "only"):
            return False
        if before.has("number") or before.has("prep"):
            return before.has("prep", "to") and not self.at(at).has("prep")
        return self._clause_starts(at) or (self.at(at).has("particle") and self._clause_ends(at + 1))

    def _clause_ends(self, at: int) -> bool:
        after = self.at(at)
        return bool(after.mark) or any(after.has(category) for category in ("conj", "filler", "prep"))

    def _clause_starts(self, at: int) -> bool:
        """Whether a clause begins here: nothing but fillers between it and a mark or a conjunction."""
        while at > 0:
            before = self.at(at - 1)
            if before.mark or before.has("conj") or before.has("not"):
                return True
            lone = before.has("degree", "only")  # "just crop it"
            if not lone and not any(before.has(category) for category in ("filler", "manner")):
                return False
            at -= 1
        return True

    def noun_phrase(self, at: int, governed: bool) -> tuple[Chunk, int] | None:
        """Article, number, adjectives, noun, adjectives; every part but one may be missing."""
        made = Growing(governed)
        for _ in range(_LONGEST):
            step = self._grown(at, made)
            at = at if step is None else step
            if step is None or made.head is not None:
                break
        if made.head is None and not made.complete():
            return None
        numbered = self._numbered(at, made)
        chunk_end = self.at(numbered - 1).end if numbered > at else 0
        at = self._described(numbered, made)
        chunk = made.chunk()
        return replace(chunk, end=max(chunk.end, chunk_end)), at

    def _grown(self, at: int, made: Growing) -> int | None:
        """Take one more word into the phrase; None when it belongs to none."""
        lexeme = self.at(at)
        if lexeme.quoted is not None or self.is_verb(at) or (lexeme.has("filler") and self._told_to(at)):
            return None
        if lexeme.has("det") and made.determiner and made.unknown:
            return None  # another phrase: "für den Gemeindebrief ein Foto"
        taken = self._announced(at, made) or self._named(at, made)
        return at + 1 if taken else None

    def _told_to(self, at: int) -> bool:
        """ "Show me the cat" speaks to the reader, "put me on the beach" of whom the picture shows."""
        before, after = self.at(at - 1), self.at(at + 1)
        shown = (
            before.has("verb", "put", "move", "isolate", "cut")
            or before.has("prep", "behind")
            or (before.mark and after.has("prep"))
        )
        return self.at(at).has("pronoun") and not shown

    def _announced(self, at: int, made: Growing) -> bool:
        """An article, a degree, a number: what stands before the adjectives."""
        lexeme = self.at(at)
        if lexeme.has("det") and self.at(at + 1).has("phrasal"):  # "él a la izquierda"
            return False
        counted = self._content(at + 1) or self.at(at + 1).has("number")
        alone = lexeme.has("noun", "all") and not counted
        if lexeme.has("det") and not made.before and not alone and not self._pronoun_here(at):
            made.determiner = lexeme.value("det")
            made.governed = True
        elif lexeme.has("degree") and (self._content(at + 1) or not lexeme.has("look")):
            made.degree.extend(lexeme.senses["degree"])
        elif lexeme.has("ordinal") and not made.before and self._orders(at, made):
            made.ordinal = int(lexeme.value("ordinal"))
        elif lexeme.has("number") and self._content(at + 1):
            made.count = int(lexeme.value("number")[:4])
            made.governed = True
        elif lexeme.has("number") and self._counts_pictures(at, made):
            made.head = replace(lexeme, senses={"noun": ("all",)})
        else:
            return False
        return True

    def _counts_pictures(self, at: int, made: Growing) -> bool:
        """ "These two", "all four": nothing else is there to be counted."""
        small = 1 < int(self.at(at).value("number")[:4]) <= _MOST_PICTURES
        alone = not made.before and not made.unknown and not self._content(at + 1)
        return small and made.determiner in ("definite", "all") and alone

    def _orders(self, at: int, made: Growing) -> bool:
        """Whether "second" tells which picture; "the second" alone is a picture, too."""
        after = self.at(at + 1)
        if after.has("noun") or after.has("ordinal"):
            return True
        announced = made.governed and not self.language.traits.compounds  # "della seconda" has no article
        if (made.determiner == "definite" or announced) and not self._content(at + 1):
            made.head = replace(self.at(at), senses={"noun": ("picture",)})
            return True
        return False

    def _named(self, at: int, made: Growing) -> bool:
        """An adjective, the noun itself, or an unknown word between them."""
        lexeme = self.at(at)
        if lexeme.has("place") and any(part.has("colour") for part in made.before):
            return False  # "in red at the top"
        noun = lexeme.any_of(NOUNS)
        adjective = lexeme.any_of(ADJECTIVES)
        if noun and not (adjective and self._goes_on(at)) and not self._compounded(at, made):
            made.head = lexeme
        elif noun or adjective:
            made.before.append(lexeme)
        elif not lexeme.known and made.governed and len(made.unknown) < _MOST_UNKNOWN:
            made.unknown.append(lexeme)
        else:
            return False
        return True

    def _pronoun_here(self, at: int) -> bool:
        """ "Her" is an article before a noun and a pronoun elsewhere."""
        after = self.at(at + 1)
        if any(self.at(place).has("unchanged") for place in (at + 1, at + 2)):
            return self.at(at).has("pronoun")  # "keep her exactly as she is"
        counted = after.has("ordinal") or after.has("number")
        return self.at(at).has("pronoun") and not counted and not self._content(at + 1)

    def _content(self, at: int) -> bool:
        lexeme = self.at(at)
        if self.is_verb(at) or lexeme.has("conj"):
            return False
        return lexeme.any_of(_CONTENT)

    def _goes_on(self, at: int) -> bool:
        """Whether a word that can describe does so: a noun follows."""
        for place in range(at + 1, at + 5):
            lexeme = self.at(place)
            if self.is_verb(place) or lexeme.has("conj") or lexeme.has("prep"):
                return False
            if lexeme.has("pronoun") and not lexeme.has("noun"):
                return False
            if lexeme.any_of(NOUNS):
                return True
            if not lexeme.any_of(ADJECTIVES):
                return False
        return False

    def _compounded(self, at: int, made: Growing) -> bool:
        """Whether the noun describes the next one: garden chair; "night club sign", with its unknown word."""
        if not self.language.traits.compounds or self.at(at).has("pronoun"):
            return False
        after = self.at(at + 1)
        if self.is_verb(at + 1) or any(after.has(category) for category in ("conj", "prep", "be")):
            return False
        numbered = self.at(at).has("noun", "picture") and after.has("number")
        if numbered or after.has("noun", "on_it", "in_it"):
            return False
        pure = after.any_of(NOUNS) and not after.any_of(ADJECTIVES)
        if pure and not after.has("pronoun"):
            return not (self.at(at).has("noun", "picture") and after.has("noun", "number_sign"))
        return not after.known and not after.mark and made.governed and self._pure_noun(at + 2)

    def _pure_noun(self, at: int) -> bool:
        lexeme = self.at(at)
        return lexeme.any_of(NOUNS) and not self.is_verb(at)

    def _numbered(self, at: int, made: Growing) -> int:
        """The number behind a picture: image 2, picture no. 2."""
        head = made.head
        if head is not None and made.ordinal and head.has("noun", "one"):
            head = made.head = replace(head, senses={"noun": ("picture",)})
        if head is None or not head.has("noun", "picture"):
            return at
        if made.ordinal:
            made.picture = made.ordinal
            return at
        place = at
        while self.at(place).mark in ("#", "№") or self.at(place).has("noun", "number_sign"):
            place += 1
        number = self.at(place)
        is_ratio = self._is_ratio(place)
        if number.has("number") and not is_ratio and not self._counts_on(place):
            made.picture = int(number.value("number")[:4])
            return place + 1
        return at

    def _counts_on(self, at: int) -> bool:
        """ "Turn the picture 90 degrees" numbers no picture."""
        return self.at(at + 1).has("noun", "degrees") or self.at(at + 1).mark in ("°", "%")

    def _described(self, at: int, made: Growing) -> int:
        """Adjectives behind the noun, and words of degree among them."""
        while True:
            lexeme = self.at(at)
            ahead = self.at(at + 1)
            if self.is_verb(at) or lexeme.any_of(_ENDS):
                return at
            if lexeme.has("adverbial") and made.head is not None and _stands_apart(made.head):
                return at
            if lexeme.has("degree") and ahead.any_of(ADJECTIVES):
                made.degree.extend(lexeme.senses["degree"])
            elif lexeme.any_of(ADJECTIVES) and not self._starts_phrase(at):
                made.after.append(lexeme)
            else:
                return at
            at += 1

    def _starts_phrase(self, at: int) -> bool:
        """Whether a describing word belongs to a noun that follows."""
        if not self.language.traits.compounds:
            return False
        return self._goes_on(at)

    def _owned(self, owner: Chunk, at: int, depth: int) -> tuple[Chunk, int]:
        """The dog's ball is the ball of the dog."""
        found = self.noun_phrase(at + 1, governed=True)
        if found is None:
            return owner, at
        owned = replace(found[0], prep=owner.prep, start=owner.start, of=replace(owner, prep=()))
        return self.with_of(owned, found[1], depth + 1)

    def with_of(self, chunk: Chunk, at: int, depth: int = 0) -> tuple[Chunk, int]:
        """What the phrase is of; an English 's turns it round."""
        if depth > _DEEPEST:
            return chunk, at
        if self.at(at).has("possessive"):
            return self._owned(chunk, at, depth)
        place = at
        prep: tuple[str, ...] = ()
        while self.at(place).has("prep") and place - at < 2:
            prep = prep or self.at(place).senses["prep"]
            place += 1
        if self.at(at).has("genitive") and self._content(at + 1):
            prep = ("of",)
        if "of" not in prep and "from" not in prep:
            return chunk, at
        found = self.noun_phrase(place, governed=True)
        if found is None:
            return chunk, at
        inner = replace(found[0], prep=prep, start=self.at(at).start)
        if self.at(at).has("genitive") and inner.after:  # "das Foto meiner Oma heller": it is the picture
            head = next(n for n in range(at, found[1]) if self.at(n).start == inner.lexeme.start)
            inner = replace(inner, after=(), degree=(), end=inner.lexeme.end)
            found = inner, head + 1
        inner, end = self.with_of(inner, found[1], depth + 1)
        if not _belongs(chunk, inner, prep):
            return chunk, at
        return replace(chunk, of=inner, end=inner.end), end


def _stands_apart(head: Lexeme) -> bool:
    """Whether "at sunset" behind it is said of the whole picture."""
    return head.has("thing") or head.has("noun", "copies")


def _belongs(chunk: Chunk, inner: Chunk, prep: tuple[str, ...]) -> bool:
    """Whether a phrase hangs below the one before it: "gradient from blue to white" does not."""
    if inner.picture is not None:
        return True
    if inner.has("noun", "degrees") or (
        chunk.has("thing") and inner.has("colour") and not inner.has("thing")
    ):
        return False
    if "of" not in prep:
        return inner.has("noun", "picture", "background") and not inner.described
    return not chunk.has("noun", "gradient") or inner.has("colour")

"""Words become chunks, from left to right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from officina.engines.collage.prompt.chunk import Chunk, Kind, plain_chunk
from officina.engines.collage.prompt.language import Language, Lexeme
from officina.engines.collage.prompt.phrases import NOUNS, Phrases

_DROPPED = ("filler", "relative", "reason", "courtesy", "ask", "wish")
_LEADING: tuple[Kind, ...] = ("context", "not", "conj")
_SMALL: tuple[Kind, ...] = ("pose", "be", "guard")


def chunked(lexemes: Sequence[Lexeme], language: Language) -> tuple[tuple[Chunk, ...], tuple[Lexeme, ...]]:
    """The chunks of a prompt, in order, and the adverbs that were left out because they change nothing."""
    chunker = _Chunker(Phrases(tuple(lexemes), language))
    return tuple(chunker.all()), tuple(chunker.adverbs)


@dataclass
class _Chunker:
    """Goes over the words once."""

    phrases: Phrases
    last: Chunk | None = None
    adverbs: list[Lexeme] = field(default_factory=list)

    def all(self) -> Iterator[Chunk]:
        at = 0
        while at < len(self.phrases.lexemes):
            made, at = self._next(at)
            for chunk in made:
                self.last = chunk
                yield chunk

    def _next(self, at: int) -> tuple[list[Chunk], int]:
        lexeme = self.phrases.at(at)
        if lexeme.quoted is not None:
            led = self.phrases.at(at - 1).senses.get("prep", ())
            return [replace(plain_chunk("quote", lexeme), prep=led)], at + 1
        if (start := self.phrases.ratio_start(at)) is not None:
            return [self.phrases.ratio(start)], start + 3
        if self.phrases.is_verb(at):
            return self._verb(at)
        if lexeme.has("prep", "without"):
            return [plain_chunk("not", lexeme)], at + 1
        return self._other(at)

    def _other(self, at: int) -> tuple[list[Chunk], int]:
        lexeme = self.phrases.at(at)
        for kind in _LEADING:
            if lexeme.has(kind):
                return [plain_chunk(kind, lexeme)], at + 1
        if lexeme.mark and (not lexeme.senses or lexeme.has("reason")):
            return [plain_chunk("mark", lexeme)], at + 1
        phrase = self._phrase(at)
        return ([phrase[0]], phrase[1]) if phrase is not None else self._small(at)

    def _small(self, at: int) -> tuple[list[Chunk], int]:
        """What is no noun phrase: a pose, a copula, a filler, or a word that nobody knows."""
        lexeme = self.phrases.at(at)
        if lexeme.has("filler") and lexeme.has("guard") and self.phrases.at(at + 1).mark:
            return [], at + 1  # "halt" at the end says nothing, and is "hält" elsewhere
        for kind in _SMALL:
            if lexeme.has(kind) and not self._of_daytime(at):
                return [plain_chunk(kind, lexeme)], at + 1
        if lexeme.has("det", "definite") and self.phrases.is_verb(at + 1) and not lexeme.has("relative"):
            return [plain_chunk("np", Lexeme({"pronoun": ("it",)}, lexeme.start, lexeme.end))], at + 1
        if lexeme.has("prep") and (self.phrases.is_verb(at + 1) or self._led(at) or self._of_daytime(at)):
            return [], at + 1
        if any(lexeme.has(category) for category in (*_DROPPED, "manner", "degree")):
            self.adverbs += [lexeme] if lexeme.has("manner") else []
            return [], at + 1
        return [replace(plain_chunk("unknown", lexeme), prep=lexeme.senses.get("prep", ()))], at + 1

    def _of_daytime(self, at: int) -> bool:
        """ "From day to night", "instead of day": the preposition before what the picture shows."""
        return self.phrases.at(at).has("prep", "from", "instead") and self.phrases.at(at + 1).has("daytime")

    def _led(self, at: int) -> bool:
        """ "A poster with 'SALE' on it": the preposition before a quoted text."""
        return self.phrases.at(at).has("prep", "with") and self.phrases.at(at + 1).quoted is not None

    def _verb(self, at: int) -> tuple[list[Chunk], int]:
        """A verb, and the pronoun that is written onto it or joined to it."""
        lexeme = self.phrases.at(at)
        made = [plain_chunk("verb", lexeme)]
        pronoun = lexeme.value("clitic")
        after = self.phrases.at(at + 1)
        if pronoun:
            it = Lexeme({"pronoun": (pronoun,)}, lexeme.start, lexeme.end)
            made.append(plain_chunk("np", it))
        elif after.joined and after.has("joined"):
            it = Lexeme({"pronoun": after.senses["joined"]}, after.start, after.end)
            return [*made, plain_chunk("np", it)], at + 2
        return made, at + 1

    def _phrase(self, at: int) -> tuple[Chunk, int] | None:
        """A noun phrase, with the preposition before it."""
        prep: tuple[str, ...] = ()
        begin = at
        while self.phrases.at(at).has("prep") and not self._is_noun_here(at):
            prep = prep or self.phrases.at(at).senses["prep"]
            at += 1
            if at - begin > 2:
                return None
        found = self.phrases.noun_phrase(at, bool(prep))
        if found is None:
            return None
        chunk, end = found
        chunk = replace(chunk, prep=self._preposition(begin, prep, chunk), start=self.phrases.at(begin).start)
        return self.phrases.with_of(chunk, end)

    def _is_noun_here(self, at: int) -> bool:
        before = self.phrases.at(at - 1)
        return before.has("det") and self.phrases.at(at).any_of(NOUNS)

    def _preposition(self, at: int, prep: tuple[str, ...], chunk: Chunk) -> tuple[str, ...]:
        """Prepositions that mean nothing: of a partitive, and before a person that is an object."""
        if not prep:
            return chunk.lexeme.senses.get("adverbial", ())
        begins = self.last is None or self.last.kind in ("verb", "mark", "conj", "not", "be", "context")
        if not begins:
            return prep
        words = self.phrases.language.traits.personal
        if "of" in prep and self.phrases.language.traits.elision:
            return ()
        spelled = self.phrases.at(at).value("personal")
        alive = chunk.has("thing") or chunk.has("pronoun")
        return () if words and spelled and alive else prep

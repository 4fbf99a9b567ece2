"""A prompt becomes a plan, or a reason why not: every word must belong to something that is understood."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from officina.engines.collage.plan import Arrange, Mention, NotUnderstood, Operation, Plan, Sticker
from officina.engines.collage.prompt import reasons, settle
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.chunks import chunked
from officina.engines.collage.prompt.clause import (
    Copies,
    Meaning,
    Only,
    Outlined,
    Role,
    Shows,
    Taken,
    Wish,
    colours,
    is_noun,
    is_place,
    is_thing,
    is_whole,
    mention,
)
from officina.engines.collage.prompt.labels import written_out
from officina.engines.collage.prompt.language import Language, Lexeme, languages
from officina.engines.collage.prompt.pieces import OPERATIONS, After, Piece, Pieces, state
from officina.engines.collage.prompt.talk import Talk
from officina.engines.collage.prompt.whereabouts import RELATIONS
from officina.engines.collage.prompt.words import Token
from officina.engines.collage.things import thing

MOST_WORDS = 260
"""Words and marks of a prompt; a contract's longest prompt of real sentences has two thirds of that."""
_LEAST_COPIES = 2
"""Variations that are all that is asked for: the same picture in other moods."""
_TELLING_WORDS = 40
"""Of a longer prompt, as many are looked at to quote it in its refusal."""


def read(prompt: str, code: str | None = None) -> Plan:
    """The plan of a prompt in whichever language it is written; NotUnderstood with what stood in the way."""
    known = [each for each in languages() if code in (None, each.code)]
    readings = sorted((Reading(prompt, each) for each in known), key=lambda reading: -reading.share)
    best = readings[0]
    errors: list[NotUnderstood] = []
    for reading in readings:
        if reading.share < best.share or (errors and not best.share):
            break
        try:
            return reading.plan()
        except NotUnderstood as cause:
            errors.append(cause)
    if best.foreign:
        raise NotUnderstood(errors[0].not_understood, (), "language")
    raise errors[0]


def parse(prompt: str, language: Language) -> Plan:
    """The plan of a prompt in that language."""
    return Reading(prompt, language).plan()


@dataclass
class Reading:
    """One prompt, read in one language."""

    prompt: str
    language: Language
    known: dict[tuple[int, After], list[Piece] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tokens: tuple[Token, ...] = self.language.tokens(self.prompt)
        endless = len(self.tokens) > MOST_WORDS
        lexemes = self.language.lexemes(self.tokens[: _TELLING_WORDS if endless else MOST_WORDS])
        self.lexemes = written_out(lexemes)
        self.adverbs: tuple[Lexeme, ...] = ()
        self.chunks: tuple[Chunk, ...] = ()
        self.pieces = Pieces((), self.language.traits, self.quote, self._talk())

    @cached_property
    def share(self) -> float:
        """How much of the prompt is in this language, by letters."""
        sizes = [
            (sum(len(t.text) for t in self.tokens[x.start : x.end]), x.known)
            for x in self.lexemes
            if not x.mark and x.quoted is None and x.digits is None
        ]
        return sum(size for size, known in sizes if known) / max(sum(size for size, _ in sizes), 1)

    @property
    def foreign(self) -> bool:
        """Whether most words are unknown, so that it is probably in another language."""
        words = [x for x in self.lexemes if not x.mark and x.quoted is None]
        return sum(word.known for word in words) < reasons.FOREIGN * len(words)

    def plan(self) -> Plan:
        """All of it, or NotUnderstood."""
        chunks, self.adverbs = chunked(tuple(self._with_names()), self.language)
        self.chunks = tuple(_with_backgrounds(tuple(_behind_somebody(tuple(_unpacked(chunks))))))
        self.pieces = Pieces(self.chunks, self.language.traits, self.quote, self._talk())
        pieces = self._cover(0, "boundary") if len(self.tokens) <= MOST_WORDS else None
        if pieces is None:
            raise reasons.stuck(self.chunks, self._longest_pieces(), self.quote, self.prompt)
        return self._planned(pieces)

    def _with_names(self) -> Iterator[Lexeme]:
        """ "My dog Rex": a name behind a thing says nothing of it, where capitals mean names."""
        nouns = self.language.traits.umlauts or self.prompt.isupper()  # German nouns have capitals, too
        before: Lexeme | None = None
        for each in self.lexemes:
            named = before is not None and before.has("thing") and self._capital(each.start)
            if named and before and not each.known and self._may_be_called(before, nouns):
                yield Lexeme({"manner": ("x",)}, each.start, each.end)
            elif not nouns and not each.known and self._is_placed(each):
                yield Lexeme({"novel": ("x",)}, each.start, each.end)
            else:
                yield each
            before = each

    def _may_be_called(self, before: Lexeme, nouns: bool) -> bool:
        """Whether a word with a capital behind this one is a name; where nouns have one, of who lives."""
        if nouns:
            return thing(before.value("thing")).alive and self._capital(before.start)
        return not self._capital(before.start)

    def _is_placed(self, name: Lexeme) -> bool:
        """ "Max next to the sofa", "put Max on it": a name where someone is placed, whoever that is."""
        if not self._capital(name.start):
            return False
        first = last = self.lexemes.index(name)
        while first > 1 and self._joins_names(first - 1):
            first -= 2
        while last + 2 < len(self.lexemes) and self._joins_names(last + 1):
            last += 2
        before = self.lexemes[first - 1] if first else None
        begins = before is None or before.mark in tuple(",;:.!?\n…") or before.has("verb", "put", "move")
        return begins and last + 1 < len(self.lexemes) and self.lexemes[last + 1].has("prep", *RELATIONS)

    def _joins_names(self, at: int) -> bool:
        """ "Bella and Max"."""
        joint, names = self.lexemes[at], (self.lexemes[at - 1], self.lexemes[at + 1])
        joins = joint.has("conj", "and") or joint.mark == ","
        return joins and all(not each.known and self._capital(each.start) for each in names)

    def _capital(self, token: int) -> bool:
        return self.prompt[self.tokens[token].start].isupper()

    def _talk(self) -> Talk:
        """Where statements stand; names and pasts are told by how unknown words are written."""
        unknown = [each.start for each in self.lexemes if not each.known]
        pasts = self.language.traits.past
        return Talk(
            self.lexemes,
            frozenset(at for at in unknown if self.prompt[self.tokens[at].start].isupper()),
            frozenset(at for at in unknown if pasts and self.tokens[at].text.endswith(pasts)),
            frozenset(self._presents()),
            frozenset(self._participles()),
        )

    def _participles(self) -> Iterator[int]:
        pattern = self.language.traits.participle
        yield from (
            at.start for at in self.lexemes if pattern and re.fullmatch(pattern, self.tokens[at.start].text)
        )

    def _presents(self) -> Iterator[int]:
        """The words that may be a verb of the present, by how they end."""
        ends = self.language.traits.present
        for each in self.lexemes:
            verbal = not each.known or each.senses.keys() == {"verb"}
            if ends and verbal and self.tokens[each.start].text.endswith(ends):
                yield each.start

    @property
    def work(self) -> int:
        """How many frames were tried so far."""
        return self.pieces.steps

    def quote(self, part: Lexeme | Chunk) -> str:
        """The caller's own words."""
        return self.prompt[self.tokens[part.start].start : self.tokens[part.end - 1].end]

    def _planned(self, pieces: list[Piece]) -> Plan:
        meanings = [(meaning, piece) for piece in pieces for meaning in piece.meanings]
        operations = self._referred(meanings)
        for meaning, piece in meanings:
            if isinstance(meaning, Only) and not settle.is_only(operations, meaning.thing):
                raise NotUnderstood((self._quoted(piece),), (), "local")
            if isinstance(meaning, Outlined):
                operations = settle.outlined(operations, meaning)
                if not any(isinstance(each, Sticker) for each in operations):
                    raise NotUnderstood((self._quoted(piece),))
        self._check_only(meanings, operations)
        roles: dict[str, int] = {m.kind: m.picture for m, _ in meanings if isinstance(m, Role)}
        operations = settle.with_roles(operations, roles)
        for meaning, piece in meanings:
            if isinstance(meaning, Wish):
                self._agree(meaning, piece, pieces)
        for meaning, piece in meanings:
            if isinstance(meaning, Arrange) and meaning not in operations[:1] and self._points_back(piece):
                raise NotUnderstood((self._quoted(piece),))
        copies = next((m.number for m, _ in meanings if isinstance(m, Copies)), 1)
        if not operations and copies < _LEAST_COPIES:
            raise reasons.nothing(self.prompt)
        operations = settle.spoken_of(operations, list(self._spoken_of(pieces)))
        shown = {m.thing: m.picture for m, _ in meanings if isinstance(m, Shows)}
        idle = [*self.adverbs, *(part for piece in pieces for part in piece.ignored)]
        ignored = [self.quote(part) for part in sorted(idle, key=lambda part: part.start)]
        ignored += [
            self._quoted(p) for p in pieces if p.passed_over or any(isinstance(m, Wish) for m in p.meanings)
        ]
        return Plan(settle.settled(operations, shown), tuple(dict.fromkeys(ignored)), max(copies, 1))

    def _spoken_of(self, pieces: Sequence[Piece]) -> Iterator[Mention]:
        """What is talked of before anything is asked for: "this is my dog Rex. Put him on the sofa"."""
        for piece in pieces:
            if not piece.passed_over and not any(isinstance(m, Shows) for m in piece.meanings):
                return
            for chunk in self.chunks[piece.start : piece.end]:
                if chunk.kind == "np" and is_thing(chunk) and not is_place(chunk):
                    yield mention(chunk, self.quote)

    def _check_only(self, meanings: Sequence[tuple[Meaning, Piece]], operations: Sequence[Operation]) -> None:
        """One picture may be named apart, for work that is done on one: not "in a row: 3, 1, 2"."""
        named = [(m.picture, piece) for m, piece in meanings if isinstance(m, Role) and m.kind == "only"]
        several = len({picture for picture, _ in named}) > 1
        if named and (several or not all(hasattr(each, "picture") for each in operations)):
            raise NotUnderstood(tuple(self._quoted(piece) for _, piece in named))

    def _points_back(self, piece: Piece) -> bool:
        """ "Make both black and white and put them side by side": "them" are not the pictures that came."""
        inside = self.chunks[piece.start : piece.end]
        return any(c.has("pronoun", "it") for c in inside) and not any(map(is_noun("picture", "all"), inside))

    def _referred(self, meanings: Sequence[tuple[Meaning, Piece]]) -> list[Operation]:
        """The operations; "take the man of picture 1 and put him there" puts that man."""
        found: list[Operation] = []
        taken: tuple[Taken, Piece] | None = None
        for meaning, piece in meanings:
            if isinstance(meaning, Taken):
                taken = meaning, piece
            elif isinstance(meaning, OPERATIONS):
                told = settle.referred(meaning, taken[0].subjects) if taken else None
                found.append(told or meaning)
                taken = None if told else taken
        if taken:
            raise NotUnderstood((self._quoted(taken[1]),))
        return found

    def _quoted(self, piece: Piece) -> str:
        inside = self.chunks[piece.start : piece.end]
        return self.prompt[self.tokens[inside[0].start].start : self.tokens[inside[-1].end - 1].end]

    def _agree(self, wish: Wish, piece: Piece, pieces: list[Piece]) -> None:
        """'Keep the background' and 'remove the background' cannot both be granted."""
        for other in pieces:
            for meaning in other.meanings:
                if isinstance(meaning, OPERATIONS) and settle.contradicts(wish, meaning):
                    raise NotUnderstood((self._quoted(piece),), (self._quoted(other),), "conflict")

    def _cover(self, at: int, after: After) -> list[Piece] | None:
        """Pieces for all chunks from here to the end, if there are such."""
        while at < len(self.chunks) and self.chunks[at].boundary:
            at, after = at + 1, "boundary"
        if at >= len(self.chunks):
            return []
        key = (at, after)
        if key not in self.known:
            self.known[key] = None
            self.known[key] = self._covered(at, after)
        return self.known[key]

    def _covered(self, at: int, after: After) -> list[Piece] | None:
        for piece in self.pieces.starting(at, after):
            rest = self._cover(piece.end, state(piece))
            if rest is not None:
                return [piece, *rest]
        return None

    def _longest_pieces(self) -> list[tuple[int, int]]:
        """For a prompt that is stuck: the runs that would be understood alone."""
        found: list[tuple[int, int]] = []
        at, after = 0, "boundary"
        while at < len(self.chunks):
            if self.chunks[at].boundary:
                at, after = at + 1, "boundary"
                continue
            piece = next(self.pieces.starting(at, after), None)  # type: ignore[arg-type]
            end = piece.end if piece else at + 1
            if piece is not None and (
                end >= len(self.chunks) or self.chunks[end].boundary or after != "boundary"
            ):
                found.append((at, end))
                after = state(piece)
            else:
                end, after = at + 1, "closed"
            at = end
        return found


def _unpacked(chunks: Sequence[Chunk]) -> Iterator[Chunk]:
    """ "Three variations of the girl on the boat" are three copies, and the girl on the boat."""
    for chunk, after in zip(chunks, (*chunks[1:], None), strict=False):
        inner = chunk.of
        if (
            chunk.kind == "np"
            and chunk.has("noun", "copies")
            and after is not None
            and not after.boundary
            and chunk.count
            and inner
            and not is_whole(inner)
        ):
            yield replace(chunk, of=None, end=inner.start)
            yield Chunk(
                "mark", inner.start, inner.start + 1, Lexeme({}, inner.start, inner.start + 1, mark=",")
            )
            yield replace(inner, prep=())
        else:
            yield chunk


def _with_backgrounds(chunks: Sequence[Chunk]) -> Iterator[Chunk]:
    """ "Remove the background and add a red one", "… and replace it": what stands for it is told so.

    It does behind a clause about nothing but the background, and after verbs that put something in its place.
    """
    ground: Chunk | None = None
    spoken: Chunk | None = None
    told: Chunk | None = None  # the verb that it was spoken of with
    verb: Chunk | None = None
    for chunk in chunks:
        if chunk.kind == "verb":
            verb = chunk
            if chunk.has("verb", "remove_background"):
                ground = replace(chunk, kind="np", lexeme=replace(chunk.lexeme, senses=_GROUND))
        if chunk.kind == "np" and spoken is not None and chunk.has("noun", "in_its_place"):
            named = Lexeme(spoken.lexeme.senses, chunk.lexeme.start, chunk.lexeme.end)
            yield replace(chunk, lexeme=named, prep=("in_place",))
            continue
        if chunk.kind == "np" and ground is not None and verb is not None and _stands_in(chunk, verb):
            named = Lexeme(ground.lexeme.senses, chunk.lexeme.start, chunk.lexeme.end)
            tint = (chunk.lexeme,) if chunk.has("colour") else ()
            yield replace(chunk, lexeme=named, after=(*tint, *chunk.after))
            continue
        if chunk.kind == "np" and told is not None and verb is not told and _blurs(chunk, verb, spoken):
            yield replace(chunk, lexeme=replace(chunk.lexeme, senses=_GROUND))
            continue
        if chunk.kind == "np":
            ground = chunk if chunk.has("noun", "background") and not chunk.prep else None
            told = verb if ground else told
            spoken = ground or (spoken if chunk.prep or verb is not told else None)
        yield chunk


_GROUND = {"noun": ("background",)}


def _blurs(chunk: Chunk, verb: Chunk | None, spoken: Chunk | None) -> bool:
    """ "Don't remove the background, only soften it"."""
    blurs = verb is not None and verb.has("verb", "blur") and spoken is not None
    return blurs and chunk.has("pronoun", "it") and not chunk.prep


def _behind_somebody(chunks: Sequence[Chunk]) -> Iterator[Chunk]:
    """ "The office behind me" is the background."""
    passed = False
    for chunk, after in zip(chunks, (*chunks[1:], None), strict=False):
        if passed:
            passed = False
            continue
        certain = chunk.kind == "np" and chunk.determiner == "definite" and not chunk.prep
        if certain and is_place(chunk) and after is not None and _is_behind(after):
            passed = True
            yield replace(chunk, end=after.end, lexeme=replace(chunk.lexeme, senses=_GROUND), of=None)
        else:
            yield chunk


def _is_behind(chunk: Chunk) -> bool:
    return chunk.kind == "np" and "behind" in chunk.prep and chunk.has("pronoun") and not chunk.of


def _stands_in(chunk: Chunk, verb: Chunk) -> bool:
    """Whether a phrase means the background that was spoken of before it."""
    red_one = chunk.has("colour") and chunk.determiner == "indefinite" and not chunk.described  # "uno rosso"
    if red_one:
        return verb.has("verb", "add", "put", "use") and not chunk.prep
    if chunk.has("noun", "one"):
        return verb.has("verb", "add", "put", "use") and not chunk.prep and bool(colours(chunk.described))
    return chunk.has("pronoun", "it") and verb.has("verb", "replace") and not chunk.prep

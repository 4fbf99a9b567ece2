"""Runs of chunks that mean something together: an operation, a wish, or what may be passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from officina.engines.collage.plan import (
    Compose,
    Crop,
    Enhance,
    Operation,
    RemoveBackground,
    ReplaceBackground,
)
from officina.engines.collage.prompt import (
    arranging,
    backgrounds,
    cutting,
    lettering,
    looks,
    placing,
    settle,
    shapes,
    wishes,
)
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import Clause, Copies, Meaning, Wish, picture_of
from officina.engines.collage.prompt.forms import Traits
from officina.engines.collage.prompt.headings import counts_pictures, heads, nested, says
from officina.engines.collage.prompt.language import Lexeme
from officina.engines.collage.prompt.talk import Talk

Frame = Callable[[Clause], Sequence[Meaning] | None]
FRAMES: Mapping[Frame, bool] = {
    wishes.keep: True,
    wishes.ignore: True,
    wishes.only: False,
    wishes.quality: True,
    wishes.both_roles: True,
    cutting.sticker: True,
    cutting.remove_background: True,
    cutting.outlined: False,
    backgrounds.blur_background: False,
    backgrounds.gradient: True,
    backgrounds.replace_background: True,
    looks.do: False,
    looks.attribute: True,
    shapes.duotone: True,
    looks.look: True,
    lettering.text: True,
    shapes.crop: True,
    shapes.zoom: False,
    shapes.flip: False,
    shapes.rotate: False,
    wishes.roles: True,
    wishes.shows: False,
    arranging.arrange: True,
    placing.compose: True,
    shapes.recolour: True,
    shapes.copies: True,
    placing.taken: True,
}
"""Every way to understand a run of chunks, and whether the run may be a list, with commas and conjunctions.

The first that leaves nothing over counts.
"""

OPERATIONS = get_args(Operation)
_LONGEST_RUN = 14
_NAMED = 4
"""So many chunks may stand before the verb of what is to be kept, with unknown words among them."""
MOST_STEPS = 400
"""After so many frames a prompt is given up: no sensible one of the corpus takes more than 300."""
After = Literal["boundary", "scene", "closed"]
"""What went before: a mark or a conjunction; a scene, which light and weather may follow; anything else."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of chunks with what it means."""

    start: int
    end: int
    meanings: tuple[Meaning, ...] = ()
    ignored: tuple[Lexeme, ...] = ()
    passed_over: bool = False
    talk: bool = False
    """A statement: anything may begin behind it."""


@dataclass
class Pieces:
    """Every piece that could begin at a chunk."""

    chunks: tuple[Chunk, ...]
    traits: Traits
    quote: Callable[[Lexeme | Chunk], str]
    talk: Talk
    steps: int = 0
    """How many frames were tried: the work that a prompt takes."""

    def starting(self, at: int, after: After) -> Iterator[Piece]:
        """Everything that could begin here, the longest first."""
        chunk = self.chunks[at]
        if self.steps > MOST_STEPS:
            return
        if chunk.kind == "context" and after == "boundary" and not (at and self.chunks[at - 1].has("reason")):
            yield from self._context(at)
        caused = at > 0 and self.chunks[at - 1].kind == "mark" and self.talk.explained(chunk.start)
        if caused:
            yield from self._talked(at, after)
        yield from self._denied(at)
        for end in range(self._furthest(at), at, -1):
            if not self.chunks[end - 1].boundary and self._may_follow(at, end, after):
                yield from self._understood(at, end, after)
        yield from self._purpose(at)
        if after == "boundary":
            yield from self._header(at)
        if not caused:
            yield from self._talked(at, after)

    def _talked(self, at: int, after: After) -> Iterator[Piece]:
        """ "I run a bakery": a statement that asks for nothing."""
        start = self.chunks[at].start
        if after != "boundary" and not self.talk.speaks(start):
            return
        self.steps += 1
        yield from self._complaint(at)
        for token in self.talk.ends(start):
            end = next(
                (n for n in range(at, len(self.chunks)) if self.chunks[n].start >= token), len(self.chunks)
            )
            if end > at and self.chunks[end - 1].end <= token:
                yield Piece(at, end, passed_over=True, talk=True)

    def _complaint(self, at: int) -> Iterator[Piece]:
        """ "The noise is awful at ISO 6400": that asks for less of it."""
        noise, be, wrong = (*self.chunks[at : at + 3], None, None, None)[:3]
        if noise is None or be is None or wrong is None or be.kind != "be" or not wrong.has("wrong"):
            return
        end = at + 3
        while end < len(self.chunks) and not self.chunks[end].boundary:
            end += 1
        plain = noise.has("attribute", "noise") and not noise.prep and not noise.of
        if plain and not any(c.kind in ("guard", "verb", "not") for c in self.chunks[at:end]):
            yield Piece(at, end, (Enhance("denoise"),), talk=True)

    def _furthest(self, at: int) -> int:
        """A run ends at a full stop, before a second verb, and after so many chunks."""
        end, verbs = at, 0
        harmless = any(
            c.kind == "verb" and c.has("verb", "keep", "ignore") for c in self.chunks[at : at + _NAMED]
        )
        stops = ("not", "context") if harmless else ("not", "context", "unknown")
        while end < min(len(self.chunks), at + _LONGEST_RUN):
            chunk = self.chunks[end]
            verbs += chunk.kind == "verb"
            reasoned = chunk.kind == "mark" and chunk.has("reason")
            if chunk.strong_mark or reasoned or chunk.kind in stops or verbs > 1:
                return end
            end += 1
        return end

    def _may_follow(self, at: int, end: int, after: After) -> bool:
        """Without a mark between them, only light, weather and wishes follow a scene, and verbs anything."""
        first = self.chunks[at]
        if after == "boundary" or first.kind == "verb":
            return True
        if after == "closed":
            return bool(first.prep) or any(chunk.kind == "verb" for chunk in self.chunks[at:end])
        return bool(first.prep) or first.kind in ("pose", "be")

    def _understood(self, at: int, end: int, after: After) -> Iterator[Piece]:
        run = tuple(chunk for chunk in self.chunks[at:end] if not chunk.boundary)
        clause = Clause(run, self.quote)
        verbless = not clause.verbs and not clause.dos
        listed = any(_lists(chunk) for chunk in self.chunks[at:end])
        for frame, takes_lists in FRAMES.items():
            if listed and not takes_lists:
                continue
            self.steps += 1
            clause.reset()
            meanings = frame(clause)
            if not meanings:
                continue
            if after == "closed" and verbless and not all(isinstance(m, Wish) for m in meanings):
                continue
            if (
                after == "scene"
                and verbless
                and not all(isinstance(m, (Wish, Crop, *settle.LOOKS)) for m in meanings)
                and not (run[0].kind == "quote" and run[0].prep)
            ):
                continue
            yield Piece(at, end, tuple(meanings), tuple(_ignored(run, meanings)))
            return

    def _denied(self, at: int) -> Iterator[Piece]:
        """A clause with a "not" in it, up to its end, and the list that goes on behind it."""
        end = at
        while end < min(len(self.chunks), at + _LONGEST_RUN) and not self.chunks[end].boundary:
            end += 1
        inside = self.chunks[at:end]
        if not any(chunk.kind == "not" for chunk in inside):
            return
        first = next(n for n, chunk in enumerate(inside) if chunk.kind == "not")
        verbal = any(chunk.kind == "verb" for chunk in inside)
        if first and (not verbal or self._splits(inside, first)):
            return
        end = self._listed(end)
        parts = [c for c in self.chunks[at:end] if c.kind != "not" and not c.boundary]
        if not parts or not wishes.denied(parts) or self._carries_on(end):
            return
        if not verbal and wishes.no_background(parts):
            yield Piece(at, end, (RemoveBackground(picture_of(parts[0])),))
        elif verbal or all(map(wishes.absent, parts)) or self._elsewhere(inside[first], parts):
            yield Piece(at, end, (wishes.forbidden(parts, self._denied_operations(parts)),))

    def _elsewhere(self, denial: Chunk, parts: Sequence[Chunk]) -> bool:
        """ "Not beside it", "not the wall"; "without the wall" would have to take it away."""
        return denial.lexeme.has("not", "not") and all(map(wishes.elsewhere, parts))

    def _splits(self, inside: Sequence[Chunk], first: int) -> bool:
        """ "Remove it without changing the face": what stands before "without" is a clause of its own."""
        return inside[first].lexeme.has("prep", "without") or inside[first].lexeme.has("not", "none")

    def _denied_operations(self, parts: Sequence[Chunk]) -> tuple[Operation, ...]:
        clause = Clause(tuple(parts), self.quote)
        for frame in FRAMES:
            self.steps += 1
            clause.reset()
            found = [m for m in frame(clause) or () if isinstance(m, OPERATIONS)]
            if found:
                return tuple(found)
        return ()

    def _listed(self, end: int) -> int:
        """The end of a list of parts: "don't change the face, the hair or the dress"."""
        while end < len(self.chunks) and self.chunks[end].boundary and not self.chunks[end].strong_mark:
            place = end
            while (
                place < len(self.chunks)
                and self.chunks[place].boundary
                and not self.chunks[place].strong_mark
            ):
                if self.chunks[place].lexeme.has("conj", "but", "then"):
                    return end
                place += 1
            stop = place
            while stop < len(self.chunks) and not self.chunks[stop].boundary:
                stop += 1
            if stop == place or not all(map(wishes.listed, self.chunks[place:stop])):
                return end
            end = stop
        return end

    def _carries_on(self, end: int) -> bool:
        """ "Do not A and B": whether B is denied as well cannot be told."""
        if not self.traits.shared_negation or end + 1 >= len(self.chunks):
            return False
        return (
            self.chunks[end].lexeme.has("conj", "and")
            and self.chunks[end + 1].kind == "verb"
            and not self.chunks[end + 1].has("verb", "keep")
        )

    def _context(self, at: int) -> Iterator[Piece]:
        """ "This is a photo of my dog": passed over up to the next mark."""
        end = at + 1
        while end < len(self.chunks) and self.chunks[end].kind != "mark":
            if self.chunks[end].kind not in ("np", "unknown", "pose", "be", "conj", "context"):
                return
            if self.chunks[end].kind == "conj":
                yield Piece(at, end, passed_over=True)
            end += 1
        yield Piece(at, end, passed_over=True)

    def _purpose(self, at: int) -> Iterator[Piece]:
        """ "For my website", "for the summer sale", "like the photos of my mother": that changes nothing."""
        first = self.chunks[at]
        compared = "like" in first.prep and first.has("noun", "picture", "one") and not first.described
        if "for" not in first.prep and not compared:
            return
        end = at
        while end < len(self.chunks) and not self.chunks[end].boundary:
            chunk = self.chunks[end]
            wish = chunk.kind in ("be", "verb") or (chunk.kind == "np" and not chunk.prep)
            if not compared and wish and end > at:  # "für die Chronik möchte ich es heller"
                yield Piece(at, end, passed_over=True, talk=True)
                return
            if not compared and not _aims(chunk):
                return
            if (
                chunk.has("look")
                or chunk.has("colour")
                or picture_of(chunk)
                or chunk.kind in ("not", "quote")
            ):
                return
            end += 1
        yield Piece(at, end, passed_over=True)

    def _header(self, at: int) -> Iterator[Piece]:
        """ "Product shot:", "Phone wallpaper (9:16)": what the picture is to be used as."""
        end = at
        if counts_pictures(self.chunks[at]):
            yield from self._inventory(at)
            return
        while end < len(self.chunks) and not self.chunks[end].boundary:
            if not heads(self.chunks[end]):
                return
            end += 1
        if end + 1 >= len(self.chunks) or self.chunks[end].kind != "mark":
            return
        titled = self.chunks[end].lexeme.mark == ":"
        picture = self.chunks[end - 1].has("noun", "picture") and self.chunks[end].lexeme.mark in "(,.-–—\n"
        if titled or (picture and at + 1 == end):
            yield Piece(at, end, passed_over=True, talk=True)

    def _inventory(self, at: int) -> Iterator[Piece]:
        """ "Four photos of the same car, …": what there is, told before what is wanted."""
        end = at + 1
        while end < len(self.chunks) and not self.chunks[end].boundary:
            if self.chunks[end].kind not in ("np", "unknown") or any(map(says, nested(self.chunks[end]))):
                return
            end += 1
        if end + 1 < len(self.chunks) and self.chunks[end].kind == "mark":
            yield Piece(at, end, passed_over=True, talk=True)


_AIMS = ("season", "style", "view", "local")


def _aims(chunk: Chunk) -> bool:
    """What something may be for: things, names, and the summer of a summer sale."""
    return chunk.kind in ("np", "unknown") or (chunk.kind == "guard" and chunk.value("guard") in _AIMS)


def _lists(chunk: Chunk) -> bool:
    return chunk.kind == "conj" or (chunk.kind == "mark" and chunk.lexeme.mark == ",")


def state(piece: Piece) -> After:
    if piece.talk:
        return "boundary"
    scenes = (Compose, ReplaceBackground, Copies, *settle.LOOKS)
    return "scene" if piece.meanings and all(isinstance(m, scenes) for m in piece.meanings) else "closed"


def _ignored(run: Sequence[Chunk], meanings: Sequence[Meaning]) -> Iterator[Lexeme]:
    """Describing words that changed nothing."""
    if all(isinstance(meaning, Wish) for meaning in meanings):
        return
    placed = any(isinstance(meaning, Compose) for meaning in meanings)
    for chunk in run:
        if placed and chunk.has("size") and not chunk.has("thing"):
            yield chunk.lexeme  # "the balloon over the valley, small"
        for inner in nested(chunk):
            parts = sorted((*inner.described, *inner.unknown), key=lambda part: part.start)
            yield from (p for p in parts if _is_ignored(p, inner, meanings))


def _is_ignored(part: Lexeme, chunk: Chunk, meanings: Sequence[Meaning]) -> bool:
    if any(part.has(category) for category in ("adjective", "quality", "manner")) or not part.known:
        return not part.has("look") or chunk.has("thing")
    return part.has("colour") and chunk.has("thing") and any(isinstance(m, Compose) for m in meanings)

"""Why a prompt is refused: which words were not understood, and what is known about wishes like these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from officina.engines.collage.plan import NotUnderstood
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import is_place, is_thing, is_whole, picture_of
from officina.engines.collage.prompt.language import Lexeme
from officina.engines.collage.prompt.whereabouts import WORN
from officina.engines.collage.things import thing

FOREIGN = 0.5
"""A prompt of whose words a smaller share is known is in another language."""
Quote = Callable[[Lexeme | Chunk], str]


def stuck(
    chunks: Sequence[Chunk], good: Sequence[tuple[int, int]], quote: Quote, prompt: str
) -> NotUnderstood:
    """What would be understood alone, and the runs between."""
    covered = {at for start, end in good for at in range(start, end)}
    missed: list[tuple[int, int]] = []
    for at, chunk in enumerate(chunks):
        if at in covered or (chunk.boundary and not _between(at, covered, len(chunks))):
            continue
        if missed and missed[-1][1] == at:
            missed[-1] = (missed[-1][0], at + 1)
        elif not chunk.boundary:
            missed.append((at, at + 1))
    runs = [_run(chunks[start:end], quote) for start, end in missed]
    understood = [_run(chunks[start:end], quote) for start, end in good]
    reason, words = _reason([chunks[start:end] for start, end in missed] or [chunks], quote)
    return NotUnderstood(words or tuple(runs) or (prompt.strip(),), tuple(understood), reason)


def nothing(prompt: str) -> NotUnderstood:
    """All was read, and nothing in it asks for an operation."""
    return NotUnderstood((prompt.strip(),), (), "nothing" if prompt.strip() else "")


def _between(at: int, covered: set[int], count: int) -> bool:
    """Whether a mark or conjunction stands inside what was not understood."""
    return 0 < at < count - 1 and at - 1 not in covered and at + 1 not in covered


def _run(chunks: Sequence[Chunk], quote: Quote) -> str:
    """The words of a run, without the mark at its end."""
    kept = chunks[:-1] if chunks[-1].boundary and len(chunks) > 1 else chunks
    return quote(Lexeme({}, min(c.start for c in kept), max(c.end for c in kept)))


def _reason(runs: Sequence[Sequence[Chunk]], quote: Quote) -> tuple[str, tuple[str, ...]]:
    """The first reason that the words themselves give, then the one that the verb and its object give."""
    for run in runs:
        for lexeme in _lexemes(run):
            if lexeme.has("guard"):
                return lexeme.value("guard"), (quote(lexeme),)
    for run in runs:
        found = _by_verb(run)
        if found:
            return found, (_run(run, quote),)
    return "", ()


def _lexemes(run: Sequence[Chunk]) -> Iterator[Lexeme]:
    for chunk in run:
        yield from (chunk.lexeme, *chunk.described)
        if chunk.of is not None:
            yield from _lexemes((chunk.of,))


@dataclass(frozen=True, slots=True)
class _Wish:
    """A run that was not understood, as far as it can be told what it is about."""

    verbs: frozenset[str]
    phrases: tuple[Chunk, ...]
    quoted: bool
    alone: bool
    others: bool
    """Whether other words stand in it, which may mean anything."""
    unknown: bool
    """Whether a word is in it that nobody knows."""
    without: bool

    @property
    def things(self) -> tuple[Chunk, ...]:
        return tuple(
            c for c in self.phrases if (is_thing(c) or c.has("pronoun", "person")) and not c.has("look")
        )

    def names(self, category: str, *values: str) -> bool:
        return any(chunk.has(category, *values) for chunk in self.phrases)

    def described(self, category: str) -> bool:
        return any(p.has(category) for c in self.phrases for p in (c.lexeme, *c.described))


def _by_verb(run: Sequence[Chunk]) -> str:
    """What the verb and its objects tell: the first rule that fits."""
    heads = [chunk for chunk in run if chunk.kind == "verb"]
    verbs = {value for chunk in heads for value in chunk.lexeme.senses.get("verb", ())}
    verbs |= {"do"} if any(chunk.has("do") for chunk in heads) else set()
    phrases = tuple(chunk for chunk in run if chunk.kind == "np")
    wish = _Wish(
        frozenset(verbs),
        phrases,
        any(chunk.kind == "quote" for chunk in run),
        len(run) == len(heads),
        any(chunk.kind in ("unknown", "guard", "quote", "ratio") for chunk in run),
        any(chunk.kind == "unknown" for chunk in run),
        any(chunk.kind == "not" and chunk.has("prep", "without") for chunk in run),
    )
    return next((reason for reason, fits in _RULES if fits(wish)), "")


def _of_bodies(wish: _Wish) -> bool:
    named = (*wish.phrases, *(c.of for c in wish.phrases if c.of is not None))
    return any(c.has("part") and not c.has("noun") and not c.has("attribute") for c in named)


def _of_text(wish: _Wish) -> bool:
    about = wish.quoted or wish.names("noun", "text", "letters")
    return about and bool(wish.verbs & {"remove", "change", "replace", "turn"})


def _of_new_text(wish: _Wish) -> bool:
    return wish.names("noun", "text", "letters") or "write" in wish.verbs


def _of_another(wish: _Wish) -> bool:
    """Something instead of something else."""
    return any("instead" in chunk.prep for chunk in wish.phrases)


def _is_worn(wish: _Wish) -> bool:
    kinds = [chunk.value("thing") for chunk in wish.things]
    somebody = any(thing(kind).alive for kind in kinds) or wish.names("pronoun", "person")
    return somebody and any(kind in WORN for kind in kinds)


def _of_a_part(wish: _Wish) -> bool:
    """A look, a turn or a colour for something that is not the whole picture."""
    looks = wish.names("look") or wish.names("attribute") or wish.described("look")
    turned = wish.verbs & {"do", "flip", "crop", "zoom", "blur"} or wish.verbs & {
        "rotate",
        "turn",
    } == {"rotate"}
    partial = bool(wish.things) or wish.names("noun", "rest", "background") or wish.names("place")
    coloured = wish.described("colour") and wish.verbs & {"make", "change", "turn", "paint"}
    return bool(wish.verbs) and ((bool(looks or turned) and partial) or bool(coloured))


def _of_a_new_background(wish: _Wish) -> bool:
    """A beach behind it that no picture is said to show."""
    return wish.names("noun", "background") and any(is_place(chunk) for chunk in wish.things)


def _of_a_style(wish: _Wish) -> bool:
    """In the style of somebody; with the light or the colours of another picture."""
    return any(c.has("noun", "effect") and ("in" in c.prep or c.of is not None) for c in wish.phrases) or any(
        (c.has("noun", "light", "aspect", "colour") or c.has("attribute")) and picture_of(c.of)
        for c in wish.phrases
    )


def _is_all(chunk: Chunk) -> bool:
    return is_whole(chunk) and not chunk.prep and picture_of(chunk) is None


def _of_all(wish: _Wish) -> bool:
    """Improve it: something for the whole picture, whatever it is."""
    return bool(wish.verbs) and all(_is_all(c) for c in wish.phrases) and not wish.others


_RULES: Sequence[tuple[str, Callable[[_Wish], bool]]] = (
    ("clothes", lambda wish: wish.names("garment")),
    ("people", _of_bodies),
    ("text", _of_text),
    ("text_place", lambda wish: wish.quoted),
    ("quote", _of_new_text),
    ("swapping", _of_another),
    ("removal", lambda wish: "remove" in wish.verbs and not wish.alone),
    ("clothes", _is_worn),
    ("swapping", lambda wish: "replace" in wish.verbs and bool(wish.things)),
    ("duotone", lambda wish: wish.names("noun", "duotone")),
    ("local", _of_a_part),
    ("angle", lambda wish: wish.verbs & {"rotate", "turn"} == {"rotate"} and not wish.things),
    ("style", _of_a_style),
    ("swapping", lambda wish: bool(wish.verbs & {"turn", "change"}) and bool(wish.things)),
    (
        "adding",
        lambda wish: bool(wish.verbs & {"add", "put", "show"}) and (bool(wish.things) or wish.unknown),
    ),
    ("style", lambda wish: any("like" in c.prep and picture_of(c) for c in wish.phrases)),
    ("removal", lambda wish: wish.without and bool(wish.things)),
    ("removal", lambda wish: "move" in wish.verbs and bool(wish.things)),
    ("adding", _of_a_new_background),
    ("nothing", _of_all),
)
"""Reasons by what a refused wish is about, the most telling first."""

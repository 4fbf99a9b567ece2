"""A run of chunks that must be understood together: a frame takes what it needs, and nothing may be left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from officina.engines.collage.plan import Colour, Mention, Operation
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.language import Lexeme
from officina.engines.collage.things import thing

_IDLE = ("adjective", "quality", "manner", "size")
"""Words that only describe."""
_INSIDE = {"in", "on", "in_on"}
_WITHIN = {"of", "in", "to", "on", "from", "for", "in_on", "into", "at"}


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that is granted by doing nothing: parts to be kept, good looks."""

    kept: frozenset[str] = frozenset()
    denied: tuple[Operation, ...] = ()
    """Operations that must not happen."""


@dataclass(frozen=True, slots=True)
class Copies:
    """How many pictures are asked for."""

    number: int


@dataclass(frozen=True, slots=True)
class Shows:
    """Which picture shows a thing, as the caller says: "image 1 is the girl"."""

    thing: str
    picture: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Who the next sentence speaks of: "take the man of picture 1"."""

    subjects: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """What a picture is there for: "use image 1 as subject"; or that it is the one: "input: image 1"."""

    kind: Literal["subject", "scene", "background", "only"]
    picture: int


@dataclass(frozen=True, slots=True)
class Outlined:
    """An outline around what is cut out elsewhere in the prompt: that makes a sticker of it."""

    colour: Colour
    name: str


@dataclass(frozen=True, slots=True)
class Only:
    """ "Only the cup": that nothing else has its colour changed."""

    thing: str


Meaning = Operation | Wish | Copies | Shows | Taken | Role | Outlined | Only
Test = Callable[[Chunk], bool]


@dataclass
class Clause:
    """The chunks of one run, without the marks and conjunctions between them."""

    chunks: tuple[Chunk, ...]
    words: Callable[[Lexeme | Chunk], str]
    """Quotes the caller's words."""
    verbs: frozenset[str] = frozenset()
    dos: tuple[str, ...] = ()
    poses: tuple[str, ...] = ()
    be: str = ""
    left: list[Chunk] = field(default_factory=list)
    picture: int | None = None
    """Which picture is to be worked on, if the clause says so."""

    def __post_init__(self) -> None:
        heads = [chunk for chunk in self.chunks if chunk.kind == "verb"]
        self.verbs = frozenset(value for chunk in heads for value in chunk.lexeme.senses.get("verb", ()))
        self.dos = tuple(value for chunk in heads for value in chunk.lexeme.senses.get("do", ()))
        self.poses = tuple(chunk.value("pose") for chunk in self.chunks if chunk.kind == "pose")
        self.be = next((chunk.value("be") for chunk in self.chunks if chunk.kind == "be"), "")
        self.reset()

    def reset(self) -> None:
        """Put everything back for the next frame."""
        self.left = [chunk for chunk in self.chunks if chunk.kind not in ("verb", "be", "pose")]
        self.picture = None

    def does(self, *verbs: str) -> bool:
        """Whether the verb is one of these; "" stands for no verb at all."""
        if not self.verbs and not self.dos:
            return "" in verbs
        return not self.verbs.isdisjoint(verbs)

    def take(self, test: Test) -> Chunk | None:
        """Take out the first chunk that passes."""
        for chunk in self.left:
            if test(chunk):
                self.left.remove(chunk)
                return chunk
        return None

    def take_whole(self) -> bool:
        """Take out a mention of the picture that is worked on: "it", "the photo", "in picture 2"."""
        found = self.take(lambda c: is_whole(c) and picture_of(c) in (None, self.picture or picture_of(c)))
        if found is None:
            return False
        self.picture = self.picture or picture_of(found)
        return True

    @property
    def done(self) -> bool:
        """Whether nothing is left but mentions of the picture as a whole."""
        while self.left and self.take_whole():
            pass
        return not self.left


def attach_pictures(clause: Clause, *, keep_one: bool = False) -> None:
    """ "The woman in image 1 on the boat in image 2": each picture belongs to what stands before it.

    With `keep_one`, the last place that a subject could go to stays where it is.
    """
    for chunk in tuple(clause.left):
        named = chunk.picture is not None and is_noun("picture")(chunk) and bool(_INSIDE & set(chunk.prep))
        if not named:
            continue
        at = clause.left.index(chunk)
        before = clause.left[at - 1] if at else chunk
        bearer = is_thing(before) or before.has("noun", "one", "background")
        if not bearer or picture_of(before) is not None:
            continue
        others = [
            c for c in clause.left if c is not chunk and c.prep and (is_subject(c) or is_noun("one")(c))
        ]
        if others or not keep_one:
            clause.left[at - 1 : at + 1] = [_with_picture(clause.left[at - 1], chunk)]


def _with_picture(bearer: Chunk, picture: Chunk) -> Chunk:
    """The roof of the church, with the picture that shows it."""
    return replace(bearer, of=_with_picture(bearer.of, picture) if bearer.of else picture)


def is_noun(*values: str) -> Test:
    return lambda chunk: chunk.kind == "np" and chunk.has("noun", *values)


def is_background(chunk: Chunk) -> bool:
    return chunk.kind == "np" and chunk.has("noun", "background")


def only_in(chunk: Chunk, state: str) -> bool:
    """Whether nothing is said of it but this state: the background transparent."""
    named = [part for part in chunk.described if part.has("state", state)]
    return bool(named) and all(is_idle(part) or part in named for part in chunk.described)


def is_whole(chunk: Chunk) -> bool:
    """The picture as a whole, and nothing said of it that would matter."""
    if chunk.kind != "np" or (chunk.prep and not set(chunk.prep) & _WITHIN):
        return False
    this = (
        chunk.has("noun", "one") and chunk.determiner == "definite" and not chunk.described and not chunk.of
    )
    named = chunk.has("noun", "picture", "all") or chunk.has("pronoun", "it") or this
    there = chunk.before if chunk.determiner in ("definite", "possessive") else ()
    idle = all(is_idle(part) or (part in there and part.has("look")) for part in chunk.described)
    return named and idle and not chunk.degree and (chunk.of is None or _nested_idle(chunk.of))


def _nested_idle(chunk: Chunk) -> bool:
    """What a picture is of tells which one it is."""
    return chunk.kind == "np" and any(chunk.has(c) for c in ("thing", "pronoun", "noun", "part"))


def is_idle(part: Lexeme) -> bool:
    return any(part.has(category) for category in _IDLE)


def plain(chunk: Chunk) -> bool:
    """Whether only describing words stand beside the head; colours describe things."""
    return all(is_idle(part) or part.has("colour") or part.has("look") for part in chunk.described)


def picture_of(chunk: Chunk | None) -> int | None:
    """The picture that a phrase names, in itself or in what it is of."""
    while chunk is not None:
        if chunk.picture is not None:
            return chunk.picture
        chunk = chunk.of
    return None


def is_thing(chunk: Chunk) -> bool:
    return chunk.kind == "np" and chunk.has("thing")


def is_place(chunk: Chunk) -> bool:
    return is_thing(chunk) and any(thing(value).shape == "place" for value in chunk.lexeme.senses["thing"])


def is_subject(chunk: Chunk) -> bool:
    """A thing, a person, or a picture that is named by its number."""
    if chunk.kind != "np":
        return False
    return (
        is_thing(chunk)
        or chunk.has("pronoun")
        or (chunk.has("noun", "picture") and chunk.picture is not None)
        or (chunk.has("noun", "one") and picture_of(chunk) is not None and not chunk.described)
    )


def with_novel_thing(chunk: Chunk) -> Chunk:
    """ "The sousaphone": whatever that is, what stands out in its picture can be placed."""
    if not chunk.has("novel"):
        return chunk
    return replace(chunk, lexeme=replace(chunk.lexeme, senses={"thing": ("thing",), "novel": ("x",)}))


def mention(chunk: Chunk, words: Callable[[Lexeme | Chunk], str]) -> Mention:
    """What a noun phrase speaks of."""
    if chunk.has("thing"):
        return Mention(words(chunk.lexeme), chunk.value("thing"), picture_of(chunk), chunk.count)
    if chunk.has("pronoun"):
        kind = chunk.value("pronoun")
        return Mention("", "person" if kind == "person" else "subject", picture_of(chunk))
    return Mention("", "", picture_of(chunk))


def colours(parts: Iterable[Lexeme]) -> list[Lexeme]:
    return [part for part in parts if part.has("colour")]


def rgb(part: Lexeme) -> Colour:
    """The numbers of a colour's word."""
    digits = part.value("colour").removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def take_new_colour(clause: Clause) -> Chunk | None:
    """Take out the colour that is asked for; of "from red to blue" it is the second."""
    named = [c for c in clause.left if len(colour_in(c)) == 1]
    if len(named) == 2 and "from" in named[0].prep and "to" in named[1].prep:
        clause.left.remove(named.pop(0))
    if len(named) != 1:
        return None
    clause.left.remove(named[0])
    return named[0]


def colour_in(chunk: Chunk) -> list[Lexeme]:
    """The colours of a phrase that names nothing but colours: "blue", "a red tone", "the colour blue"."""
    if chunk.kind != "np" or not all(
        is_idle(p) or p.has("colour") or p.has("state", "plain") for p in chunk.described
    ):
        return []
    if chunk.has("colour") and (chunk.of is None):
        return [*colours(chunk.before), chunk.lexeme, *colours(chunk.after)]
    if chunk.has("noun", "colour", "one") or chunk.has("attribute", "saturation"):
        inner = colour_in(chunk.of) if chunk.of else []
        return colours(chunk.described) + inner
    return []

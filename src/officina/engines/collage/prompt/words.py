"""The words of a prompt: folded for comparing, with quoted text kept as it is written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from officina.engines.collage.prompt.shorthand import spelled_out, without_object

_QUOTED = re.compile(
    "“([^“”]+)[”“]|„([^“”„]+)[“”]|”([^“”]+)”|«([^«»]+)»|»([^«»]+)«|「([^」]+)」|『([^』]+)』|‹([^‹›]+)›"
    r"|(?<!\d)\"([^\"]+)\"|(?<!\w)‘(.+?)’(?!\w)|(?<!\w)‚(.+?)[‘’](?!\w)|(?<!\w)'(.+?)'(?!\w)",
    re.DOTALL,
)
_HEX = r"#[0-9a-f]{6}\b|#[0-9a-f]{3}\b"
_LETTERS = r"[^\W\d_]+"
_OTHER = r"\d+|[぀-ヿ㐀-鿿豈-﫿]|\n|[^\w\s]|_+"
_ELIDED = re.compile(rf"{_HEX}|{_LETTERS}'(?=\w|$)|{_LETTERS}|{_OTHER}", re.IGNORECASE)
_PLAIN = re.compile(rf"{_HEX}|{_LETTERS}(?:'{_LETTERS})?|'s\b|{_OTHER}", re.IGNORECASE)
_HYPHENS = "-‐‑"


@dataclass(frozen=True, slots=True)
class Token:
    """One word or mark of the prompt, folded for comparing, and where it stands."""

    text: str
    start: int
    end: int
    quoted: str | None = None
    """What stands between quotation marks, as the caller wrote it."""
    joined: bool = False
    """Whether a hyphen joins it to the word before."""


@lru_cache(maxsize=4096)
def fold(word: str) -> str:
    """One spelling for upper and lower case, wide and narrow letters, with and without accents.

    Single letters keep their accents, for they are words of their own: "è" is not "e".
    """
    plain = unicodedata.normalize("NFKC", word).casefold()
    if len(plain) == 1:
        return plain
    parts = unicodedata.normalize("NFD", plain)
    return unicodedata.normalize("NFC", "".join(c for c in parts if not unicodedata.combining(c)))


@lru_cache(maxsize=16)
def tokens(text: str, *, elided: bool = False) -> tuple[Token, ...]:
    """The words and marks of a text; `elided` splits "l'image" behind the apostrophe."""
    text = without_object(text.replace("ʼ", "'"))
    plain = spelled_out(text)
    found: list[Token] = []
    at = 0
    for quoted in _QUOTED.finditer(text):
        found.extend(_plain(plain, at, quoted.start(), elided))
        inside = next(group for group in quoted.groups() if group is not None).strip()
        if inside:
            found.append(Token("", quoted.start(), quoted.end(), inside))
        at = quoted.end()
    found.extend(_plain(plain, at, len(text), elided))
    return tuple(_unhyphened(found))


def _plain(text: str, start: int, end: int, elided: bool) -> Iterator[Token]:
    part = text[start:end].replace("’", "'").replace("‘", "'").replace("`", "'")
    for match in (_ELIDED if elided else _PLAIN).finditer(part):
        yield Token(fold(match.group()), start + match.start(), start + match.end())


def _unhyphened(found: list[Token]) -> Iterator[Token]:
    """Without the hyphens inside words, each word knowing that one joins it."""
    joined = False
    for at, token in enumerate(found):
        inside = 0 < at < len(found) - 1 and found[at - 1].end == token.start
        if token.text in _HYPHENS and token.text and inside and token.end == found[at + 1].start:
            joined = True
            continue
        yield Token(token.text, token.start, token.end, token.quoted, joined)
        joined = False

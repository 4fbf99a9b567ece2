"""Letters as masks: which signs can be drawn, how wide lines are, how a text is broken into lines.

The letters are those of OpenCV 5 itself: Rubik in any weight, and WenQuanYi Micro Hei for what that lacks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from officina.engines.collage.raster import Mask

WEIGHT = 620
"""Of the strokes; 400 is regular, 800 bold."""
LEADING = 1.16
"""From one line to the next, as a share of the letters' size."""
_ASCENT, _DESCENT = 0.80, 0.26
_PROBE = 48
_SHAPED = ("AL", "R", "AN")
"""Directions of scripts that run from right to left: their letters would not be joined or ordered."""
_PLAIN = {"\u2011": "-", "\u00a0": " ", "\u202f": " ", "\t": " "}


@dataclass(frozen=True, slots=True)
class Lines:
    """A text broken into lines, and the size of its letters in pixels."""

    lines: tuple[str, ...]
    size: int

    @property
    def width(self) -> int:
        return max(line_width(line, self.size) for line in self.lines)

    @property
    def height(self) -> int:
        return round(self.size * (LEADING * (len(self.lines) - 1) + _ASCENT + _DESCENT))


def cleaned(text: str) -> str:
    """The text in composed letters, without signs that have no shape; line breaks stay."""
    plain = (_PLAIN.get(sign, sign) for sign in unicodedata.normalize("NFC", text))
    kept = (s for s in plain if s == "\n" or (unicodedata.category(s) not in ("Cc", "Cf") and s != "\ufe0f"))
    return "\n".join(" ".join(line.split()) for line in "".join(kept).splitlines() if line.strip())


def undrawable(text: str) -> tuple[str, ...]:
    """The signs of a text that cannot be drawn rightly, each once."""
    return tuple(dict.fromkeys(sign for sign in text if not sign.isspace() and not _drawable(sign)))


@cache
def _drawable(sign: str) -> bool:
    """OpenCV draws a question mark in place of what it has no letter for."""
    if unicodedata.bidirectional(sign) in _SHAPED or unicodedata.category(sign).startswith("M"):
        return False
    return sign == "?" or not np.array_equal(_probe(sign), _probe("?"))


def _probe(sign: str) -> Mask:
    mask = np.zeros((2 * _PROBE, 3 * _PROBE), np.uint8)
    cv2.putText(mask, sign, (_PROBE // 2, round(1.4 * _PROBE)), 255, _face(), _PROBE, WEIGHT)
    return mask


def line_width(line: str, size: int) -> int:
    """In pixels."""
    return int(cv2.getTextSize((0, 0), line, (0, 0), _face(), size, WEIGHT)[2])


def fitted(text: str, size: int, least: int, room: tuple[int, int]) -> Lines | None:
    """The text in lines within a width and height, in letters as large as asked or as small as need be.

    None when it does not fit even in the smallest letters.
    """
    while size >= least:
        lines = _broken(text, size, room[0])
        if lines is not None:
            found = Lines(lines, size)
            if found.height <= room[1]:
                return found
        size = min(size - 1, round(size * 0.93))
    return None


def _broken(text: str, size: int, width: int) -> tuple[str, ...] | None:
    """Lines of about the same length, as few as there can be; None when a word is too wide."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        pieces = _pieces(paragraph)
        if any(line_width(piece.strip(), size) > width for piece in pieces):
            return None
        whole = _filled(pieces, size, width)
        narrow = width
        while len(tighter := _filled(pieces, size, round(narrow * 0.95))) == len(whole):
            if any(line_width(line, size) > narrow * 0.95 for line in tighter):
                break
            narrow, whole = round(narrow * 0.95), tighter
        lines += whole
    return tuple(lines)


def _pieces(paragraph: str) -> Sequence[str]:
    """What a line can be broken between: words with their space, single signs of scripts without."""
    pieces = [""]
    for sign in paragraph:
        pieces[-1] += sign
        if sign == " " or unicodedata.east_asian_width(sign) in ("W", "F"):
            pieces.append("")
    return [piece for piece in pieces if piece]


def _filled(pieces: Sequence[str], size: int, width: int) -> list[str]:
    lines = [""]
    for piece in pieces:
        if lines[-1] and line_width((lines[-1] + piece).strip(), size) > width:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


def drawn(lines: Lines, align: float, margin: int) -> Mask:
    """The letters as a mask with a margin around; `align`: 0 left, 0.5 middle, 1 right."""
    width = lines.width
    mask = np.zeros((lines.height + 2 * margin, width + 2 * margin + lines.size), np.uint8)
    for row, line in enumerate(lines.lines):
        left = margin + round(align * (width - line_width(line, lines.size)))
        base = margin + round(lines.size * (_ASCENT + LEADING * row))
        cv2.putText(mask, line, (left, base), 255, _face(), lines.size, WEIGHT)
    return np.ascontiguousarray(mask[:, : width + 2 * margin])


@cache
def _face() -> cv2.FontFace:
    return cv2.FontFace("sans")

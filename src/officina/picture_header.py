"""The headers of picture formats: one small parser each, fed as the bytes arrive; no I/O, no decoding.

A parser is a generator that asks for bytes: yielding n is answered with the next n, yielding -n passes over n
(and is answered with nothing). It returns what the header says, or raises BadHeader. When the file ends too
soon, EOFError is thrown into it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Mapping
from typing import NamedTuple


class Header(NamedTuple):
    """What a header says; the sizes are those after the turn that EXIF asks for."""

    width: int
    height: int
    animated: bool = False


class BadHeader(ValueError):
    """A header makes no sense; the text goes on from "the picture ..."."""


Parser = Generator[int, bytes, Header]

_EXIF_BYTES = 2**16
_EXIF_ORIENTATION = 0x0112
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _jpeg() -> Parser:
    width = height = 0
    turned: bool | None = None
    while True:
        marker = yield from _jpeg_marker()
        if marker in _JPEG_BARE:
            continue
        if marker == 0xDA:  # the scan begins; everything about the size stands before it
            return _header(width, height, turned=bool(turned))
        size = int.from_bytes((yield 2), "big") - 2
        if marker == 0xD9 or size < 0:
            raise BadHeader("has a broken header")
        body = yield size
        if marker in _JPEG_FRAMES and size >= 5:
            height, width = struct.unpack_from(">HH", body, 1)
        elif marker == 0xE1 and turned is None and body.startswith(b"Exif\0\0"):
            turned = _exif_turns(body[6:])


def _jpeg_marker() -> Generator[int, bytes, int]:
    """Find the next marker: 0xFF, perhaps repeated, then its number; stray bytes before it are tolerated."""
    while (yield 1) != b"\xff":
        pass
    while (number := (yield 1)) == b"\xff":
        pass
    return number[0]


def _png() -> Parser:
    yield -8
    size, part = struct.unpack(">I4s", (yield 8))
    if part != b"IHDR" or size != 13:
        raise BadHeader("has a broken header")
    width, height = struct.unpack_from(">II", (yield 17))
    animated = turned = False
    while True:
        size, part = struct.unpack(">I4s", (yield 8))
        if part == b"IDAT":
            return _header(width, height, animated=animated, turned=turned)
        if part == b"IEND":
            raise BadHeader("holds no pixels")
        if part == b"eXIf" and size <= _EXIF_BYTES:
            turned = _exif_turns((yield size + 4))
            continue
        animated = animated or part == b"acTL"
        yield -(size + 4)


def _webp() -> Parser:
    yield -12
    part, size = struct.unpack("<4sI", (yield 8))
    head = yield 10
    if part == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 6)
        return _header(width & 0x3FFF, height & 0x3FFF)
    if part == b"VP8L" and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return _header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if part != b"VP8X" or size < 10:
        raise BadHeader("has a broken header")
    flags = head[0]
    width = int.from_bytes(head[4:7], "little") + 1
    height = int.from_bytes(head[7:10], "little") + 1
    yield -(size - 10)
    turned = bool(flags & 0x08) and (yield from _webp_turned())
    return _header(width, height, animated=bool(flags & 0x02), turned=turned)


def _webp_turned() -> Generator[int, bytes, bool]:
    """Look for the EXIF part. WebP keeps it behind the picture, so this takes most of the file to arrive."""
    try:
        while True:
            part, size = struct.unpack("<4sI", (yield 8))
            if part == b"EXIF":
                body = yield min(size, _EXIF_BYTES)
                return _exif_turns(body.removeprefix(b"Exif\0\0"))
            yield -(size + size % 2)
    except EOFError:
        return False  # promised, but not there


def _gif() -> Parser:
    yield -6
    width, height = struct.unpack("<HH", (yield 4))
    return _header(width, height)


def _bmp() -> Parser:
    yield -14
    old = int.from_bytes((yield 4), "little") == 12
    width, height = struct.unpack("<HH" if old else "<ii", (yield 4 if old else 8))
    return _header(width, abs(height))


def _heif() -> Parser:
    """Parse AVIF and HEIC: boxes in boxes; the size and the turn are properties inside `meta`."""
    while True:
        size, part = struct.unpack(">I4s", (yield 8))
        if size < 8:
            raise BadHeader("has a broken header")
        if part == b"meta":
            break
        yield -(size - 8)
    properties = _box(_box((yield size - 8)[4:], b"iprp"), b"ipco")
    # Tiles, thumbnails and masks have sizes too; the largest is the picture's.
    sizes = [struct.unpack_from(">II", body, 4) for body in _boxes(properties, b"ispe") if len(body) >= 12]
    width, height = max(sizes, key=lambda pair: pair[0] * pair[1], default=(0, 0))
    turned = any(body and body[0] & 1 for body in _boxes(properties, b"irot"))
    return _header(width, height, turned=turned)


def _box(data: bytes, wanted: bytes) -> bytes:
    return next(iter(_boxes(data, wanted)), b"")


def _boxes(data: bytes, wanted: bytes) -> list[bytes]:
    found, at = [], 0
    while at + 8 <= len(data):
        size, part = struct.unpack_from(">I4s", data, at)
        if part == wanted:
            found.append(data[at + 8 : at + size])
        at += max(size, 8)
    return found


def _header(width: int, height: int, *, animated: bool = False, turned: bool = False) -> Header:
    if width <= 0 or height <= 0:
        raise BadHeader("has no size")
    return Header(height, width, animated) if turned else Header(width, height, animated)


def _exif_turns(tiff: bytes) -> bool:
    """Whether the orientation in an EXIF block swaps width and height, as its values 5 to 8 do."""
    order = ">" if tiff.startswith(b"MM") else "<"
    try:
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, at)
        for number in range(entries):
            tag, value = struct.unpack_from(order + "H6xH", tiff, at + 2 + 12 * number)
            if tag == _EXIF_ORIENTATION:
                return bool(5 <= value <= 8)
    except struct.error:
        pass  # a broken EXIF block is ignored, as browsers do
    return False


PARSERS: Mapping[str, Callable[[], Parser]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "bmp": _bmp,
    "avif": _heif,
    "heic": _heif,
}
"""The parser of each picture format, by its name."""

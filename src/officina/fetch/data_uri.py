"""Data URIs: a file's bytes inside its address, read piece by piece."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from officina.errors import RunError

_PIECE_CHARS = 2**18
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_BLANKS = b" \t\r\n\f\v"


def is_data_uri(source: str) -> bool:
    """Whether a source carries its bytes in itself."""
    return source[:5].lower() == "data:"


def read_data_uri(source: str) -> Iterator[bytes]:
    """Give the bytes of a data URI. Its media type is not looked at: the bytes say what they are.

    Tolerated in base64: blanks, percent escapes, the URL-safe alphabet and missing padding.

    Raises:
        RunError: `not_a_picture` when the bytes cannot be read.
    """
    head, comma, body = source.partition(",")
    if not comma:
        raise _unreadable("has no comma before its data")
    if head.rstrip().lower().endswith(";base64"):
        yield from _base64(body)
    else:
        yield unquote_to_bytes(body)


def _base64(body: str) -> Iterator[bytes]:
    raw = unquote_to_bytes(body) if "%" in body else body.encode()
    digits = raw.translate(_URL_SAFE, _BLANKS).rstrip(b"=")
    digits += b"=" * (-len(digits) % 4)
    for at in range(0, len(digits), _PIECE_CHARS):
        try:
            yield binascii.a2b_base64(digits[at : at + _PIECE_CHARS], strict_mode=True)
        except binascii.Error:
            raise _unreadable("is not valid base64") from None


def _unreadable(what: str) -> RunError:
    return RunError("not_a_picture", f"the data URI {what}; write it as data:image/png;base64,<the bytes>.")

"""The first file of a multipart form, as a stream: nothing is held but the chunk under way."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from officina.errors import InvalidInput, Problem


class _Parts:
    """Collects what the parser finds: file names as they begin, bytes of the first part with one."""

    def __init__(self, boundary: bytes) -> None:
        self.filename: str | None = None
        self.data: deque[bytes] = deque()
        self.ended = False
        self._inside = False
        self._field = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._name,
                "on_header_value": self._text,
                "on_header_end": self._header,
                "on_headers_finished": self._start,
                "on_part_data": self._part,
                "on_part_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._headers = {}

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _text(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _start(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if self.filename is None and b"filename" in options:
            self.filename = options[b"filename"].decode("utf-8", "replace")
            self._inside = True

    def _part(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self.data.append(data[start:end])

    def _end(self) -> None:
        self.ended = self.ended or self._inside
        self._inside = False


async def first_file(chunks: AsyncIterator[bytes], content_type: str) -> tuple[str, AsyncIterator[bytes]]:
    """The name of the first file in the form, and its bytes as they come.

    Raises:
        InvalidInput: the form is malformed or holds no file.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise _refused("the multipart content type has no boundary")
    parts = _Parts(boundary)
    async for chunk in chunks:
        _feed(parts, chunk)
        if parts.filename is not None:
            return parts.filename, _data(parts, chunks)
    raise _refused("the form holds no file; send one part with a filename")


async def _data(parts: _Parts, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        while parts.data:
            yield parts.data.popleft()
        chunk = await anext(chunks, None)
        if chunk is None:
            break
        _feed(parts, chunk)
    if not parts.ended:
        raise _refused("the form ends in the middle of the file")


def _feed(parts: _Parts, chunk: bytes) -> None:
    try:
        parts.parser.write(chunk)
    except MultipartParseError as error:
        raise _refused(f"the form is malformed: {error}") from None


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput(detail=[Problem(("body",), sentence, "multipart")])

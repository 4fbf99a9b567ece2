"""Server-sent events, read from bytes as they come."""

from __future__ import annotations

import re
from dataclasses import dataclass

from officina_client.errors import ServerProblem

MAX_EVENT_BYTES = 1_048_576

# A carriage return at the very end may be the first half of a line end, so it waits for the next byte.
_LINE_END = re.compile(rb"\r\n|\n|\r(?=[^\n])")


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of the stream: its id (None when it has none), its name and its data."""

    id: str | None
    name: str
    data: str


class EventStream:
    """Cuts one response body into frames."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_first_line = True
        self._clear()

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes and give the frames that they complete.

        Raises ServerProblem when one event exceeds 1 MiB.
        """
        *lines, self._rest = _LINE_END.split(self._rest + data)
        frames = [frame for line in lines if (frame := self._line(line)) is not None]
        if len(self._rest) + self._size_bytes > MAX_EVENT_BYTES:
            raise ServerProblem("An event of the server is larger than 1 MiB; the stream was given up.")
        return frames

    def _clear(self) -> None:
        self._id: str | None = None
        self._name = "message"
        self._data: list[str] = []
        self._size_bytes = 0

    def _line(self, line: bytes) -> Frame | None:
        if self._is_first_line:
            line, self._is_first_line = line.removeprefix(b"\xef\xbb\xbf"), False
        if not line:
            return self._dispatch()
        if line.startswith(b":"):
            return None
        self._size_bytes += len(line)
        name, _, value = line.decode("utf-8", "replace").partition(":")
        self._field(name, value.removeprefix(" "))
        return None

    def _field(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _dispatch(self) -> Frame | None:
        frame = Frame(self._id, self._name, "\n".join(self._data)) if self._data else None
        self._clear()
        return frame

"""Server-sent events of a provider, read from bytes as they come; only their data is of use here."""

from __future__ import annotations

from collections.abc import Iterator


class TooLong(ValueError):
    """One event is longer than allowed."""


class EventReader:
    """Cuts one body into the data of its events."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._rest = bytearray()
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[str]:
        """Take the next bytes and give the data of each event that they complete.

        Lines are cut at line feeds alone: JSON may hold the other line ends of Unicode.

        Raises:
            TooLong: an event is longer than the limit.
        """
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            event = self._line(line.removesuffix(b"\r"))
            if event is not None:
                yield event
        if len(self._rest) + sum(map(len, self._data)) > self._limit_bytes:
            raise TooLong

    def _line(self, line: bytes | bytearray) -> str | None:
        if not line and self._data:
            event = b"\n".join(self._data).decode("utf-8", "replace")
            self._data.clear()
            return event
        name, _, value = bytes(line).partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        return None

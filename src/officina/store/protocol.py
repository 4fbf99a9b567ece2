"""What a store can do, and the values that go in and out of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol

import msgspec
import structlog

from officina.errors import TooLarge, Unavailable, UnknownFile

PARALLEL = 16
"""Puts under way at once."""
CHUNK_BYTES = 1 << 20
OWN_PREFIXES = ("uploads/", "jobs/", "incoming/")
"""Where our files lie. Nothing else in a folder or a bucket is ever listed or removed."""
UNSHOWN = "application/octet-stream"

_KEY = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.#-]*/)*[A-Za-z0-9_-][A-Za-z0-9_.#-]*")

log = structlog.get_logger("officina.store")


class Put(msgspec.Struct, frozen=True):
    """What was stored: its size and SHA-256 in hex."""

    size_bytes: int
    sha256: str


class Served(msgspec.Struct, frozen=True):
    """How a file is shown to browsers, wherever they get it from: by its type as our look at it told."""

    content_type: str
    filename: str = ""

    @property
    def disposition(self) -> str:
        """Media are shown; anything else, such as a page or a drawing with scripts, is only saved."""
        if self.content_type != UNSHOWN:
            return "inline"
        return f'attachment; filename="{self.filename or "file"}"'.encode("ascii", "replace").decode()


class Seen(msgspec.Struct, frozen=True):
    """A stored object as the store tells of it: its size, its headers, and its first bytes."""

    size_bytes: int
    headers: Mapping[str, str]
    head: bytes


class Grant(msgspec.Struct, frozen=True):
    """The right to put or get one object for a short time: where, and with which headers."""

    url: str
    headers: dict[str, str] = {}


class Store(Protocol):
    """Keeps files by key. A put is durable when it returns.

    Every method raises Unavailable when the store does not answer, within seconds.
    """

    async def put(
        self, key: str, chunks: AsyncIterator[bytes], limit_bytes: int, served: Served | None = None
    ) -> Put:
        """Store what `chunks` yields under `key`, durably.

        Raises:
            TooLarge: more than `limit_bytes` came; nothing is kept.
            DiskFull: there is no space left.
        """
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from `start` up to, not including, `end`.

        Raises:
            UnknownFile: there is no such file.
        """
        ...

    async def delete(self, keys: Collection[str]) -> None:
        """Remove files; one that is not there is no error."""
        ...

    def older_than(self, age_s: float) -> AsyncIterator[tuple[str, ...]]:
        """Yield the keys of our files at least so old, in groups."""
        ...

    def free_bytes(self) -> int | None:
        """Free space of the disk that holds the store; None when it is not ours to know."""
        ...

    @property
    def signs(self) -> bool:
        """Whether it can grant others the right to put and get by themselves."""
        ...

    async def grant_put(self, key: str, served: Served, lifetime_s: float) -> Grant | None:
        """The right to put this one object; None when the store cannot give it."""
        ...

    async def grant_get(self, key: str, lifetime_s: float) -> Grant | None:
        """The right to read this one object; None when the store cannot give it."""
        ...

    async def look(self, key: str) -> Seen:
        """What the store tells of an object. Raises UnknownFile."""
        ...

    async def copy(self, source: str, key: str) -> None:
        """Copy an object with its headers, inside the store. Raises UnknownFile."""
        ...

    def headers(self, served: Served) -> dict[str, str]:
        """The headers that an object is stored with."""
        ...

    async def check(self) -> None:
        """Ask whether the store answers. Raises Unavailable."""
        ...

    async def probe(self) -> None:
        """Put, get and delete a small object, as a start does.

        Raises:
            SettingsError: the bucket does not exist, or the credentials do not do.
        """
        ...


class Meter:
    """Counts, digests and bounds the chunks that pass."""

    def __init__(self, chunks: AsyncIterator[bytes], limit_bytes: int) -> None:
        self._chunks = chunks
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._digest = hashlib.sha256()
        self.broken: Exception | None = None
        """What ended the chunks early; it is told instead of what the store makes of it."""

    async def read(self) -> AsyncIterator[bytes]:
        """The chunks. Raises TooLarge, and whatever their source raises."""
        try:
            async for chunk in self._chunks:
                self._size_bytes += len(chunk)
                if self._size_bytes > self._limit_bytes:
                    raise TooLarge(f"The file is larger than the {self._limit_bytes:,} bytes allowed here.")
                self._digest.update(chunk)
                yield chunk
        except Exception as error:
            self.broken = error
            raise

    @property
    def put(self) -> Put:
        """What has passed."""
        return Put(self._size_bytes, self._digest.hexdigest())


def checked(key: str) -> str:
    """The key again. Raises UnknownFile for one that could lead out of our place."""
    if not _KEY.fullmatch(key):
        raise UnknownFile
    return key


async def put_bytes(store: Store, key: str, data: bytes, served: Served | None = None) -> Put:
    """Store `data` under `key`, durably."""
    return await store.put(key, once(data), len(data), served)


async def discard(store: Store, keys: Collection[str]) -> None:
    """Remove files that no row names any more; what a silent store keeps now goes as an orphan later."""
    if not keys:
        return
    try:
        await store.delete(keys)
    except Unavailable:
        log.warning("store.left_for_the_sweep", files=len(keys))


async def once(data: bytes) -> AsyncIterator[bytes]:
    """The data as a stream of one chunk."""
    yield data

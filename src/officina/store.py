"""The store: where the bytes of artifacts live. A thin module on obstore.

Keys are paths that we make (`uploads/<name>`, `jobs/<job>/<attempt>/<n>`); what is true of a file (type,
size, digest) stands in its row. A put is durable when it returns: obstore's local store never calls fsync,
so we do.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec
import obstore
from obstore.store import LocalStore, from_url

from officina.errors import DiskFull, TooLarge, Unavailable, UnknownFile

PARALLEL = 16
"""Puts under way at once; without a bound obstore starts a thread for each."""
CHUNK_BYTES = 1 << 20


class Put(msgspec.Struct, frozen=True):
    """What was stored: its size and SHA-256 in hex."""

    size_bytes: int
    sha256: str


class Store:
    """A folder, or an object store behind a URL (`s3://`, `gs://`, `az://`, `memory://`)."""

    def __init__(self, place: Path | str, **options: Any) -> None:
        self._folder = Path(place) if isinstance(place, Path) or "://" not in place else None
        if self._folder:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store: Any = LocalStore(prefix=self._folder)
        else:
            self._store = from_url(str(place), **options)
        self._busy = asyncio.Semaphore(PARALLEL)

    async def put(self, key: str, chunks: AsyncIterator[bytes], limit_bytes: int) -> Put:
        """Store what `chunks` yields under `key`, durably.

        Raises:
            TooLarge: more than `limit_bytes` came; nothing is kept.
            DiskFull: there is no space left.
        """
        meter = _Meter(chunks, limit_bytes)
        async with self._busy:
            try:
                await obstore.put_async(self._store, key, meter.read())
            except Exception as error:
                if meter.broken is not None:
                    raise meter.broken from None
                raise _translated(error) from error
        if self._folder:
            await asyncio.to_thread(_make_durable, self._folder / key, self._folder)
        return Put(meter.size_bytes, meter.digest.hexdigest())

    async def put_bytes(self, key: str, data: bytes) -> Put:
        """Store `data` under `key`, durably."""
        return await self.put(key, _once(data), len(data))

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from `start` up to, not including, `end`.

        Raises:
            UnknownFile: there is no such file.
        """
        options: Any = {"range": (start, end)} if end is not None else None
        try:
            found = await obstore.get_async(self._store, key, options=options)
            async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except Exception as error:
            raise _translated(error) from error

    async def delete(self, keys: Collection[str]) -> None:
        """Remove files; one that is not there is no error."""
        if self._folder:
            await asyncio.to_thread(_unlink, self._folder, keys)
            return
        for key in keys:
            with contextlib.suppress(FileNotFoundError):
                await obstore.delete_async(self._store, key)

    async def older_than(self, age_s: float) -> AsyncIterator[tuple[str, ...]]:
        """Yield the keys of files at least so old, in groups; half-written ones of a dead process too."""
        if self._folder:
            walk = _walk(self._folder, time.time() - age_s)
            while group := await asyncio.to_thread(_take, walk, 500):
                yield tuple(group)
            return
        before = time.time() - age_s
        async for page in obstore.list(self._store, chunk_size=500):
            yield tuple(each["path"] for each in page if each["last_modified"].timestamp() < before)

    def free_bytes(self) -> int | None:
        """Free space of the disk that holds the store; None when it is not ours to know."""
        if self._folder is None:
            return None
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize


class _Meter:
    """Counts, digests and bounds the chunks that pass."""

    def __init__(self, chunks: AsyncIterator[bytes], limit_bytes: int) -> None:
        self._chunks = chunks
        self._limit_bytes = limit_bytes
        self.size_bytes = 0
        self.digest = hashlib.sha256()
        self.broken: Exception | None = None

    async def read(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                self.size_bytes += len(chunk)
                if self.size_bytes > self._limit_bytes:
                    raise TooLarge(f"The file is larger than the {self._limit_bytes:,} bytes allowed here.")
                self.digest.update(chunk)
                yield chunk
        except Exception as error:
            self.broken = error
            raise


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _make_durable(path: Path, root: Path) -> None:
    """Fsync a file, then each folder above it up to `root`, so that its name survives too."""
    path.chmod(0o600)
    for each in (path, *path.parents):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if each == root:
            return


def _unlink(root: Path, keys: Collection[str]) -> None:
    """Remove files, also the `name#1` of a put that a kill interrupted, which obstore would not name."""
    for key in keys:
        (root / key).unlink(missing_ok=True)
        _remove_empty(root / key, root)


def _remove_empty(path: Path, root: Path) -> None:
    for folder in path.parents:
        if root in (folder, folder.parent):
            return
        try:
            folder.rmdir()
        except OSError:
            return


def _walk(root: Path, before: float) -> Iterator[str]:
    folders = [root]
    while folders:
        folder = folders.pop()
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.stat(follow_symlinks=False).st_mtime < before:
                    yield str(Path(entry.path).relative_to(root))


def _take(walk: Iterator[str], most: int) -> list[str]:
    return [key for _, key in zip(range(most), walk, strict=False)]


def _translated(error: Exception) -> Exception:
    if isinstance(error, FileNotFoundError):
        return UnknownFile()
    if "No space left" in str(error):
        return DiskFull()
    if isinstance(error, (obstore.exceptions.BaseError, OSError)):
        return Unavailable("The store does not answer; try again shortly.")
    return error

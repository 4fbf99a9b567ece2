"""A folder as a store. obstore's local store never calls fsync, so we do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore

from officina.errors import DiskFull, SettingsError, Unavailable, UnknownFile
from officina.job import new_secret
from officina.store.protocol import (
    CHUNK_BYTES,
    OWN_PREFIXES,
    PARALLEL,
    Grant,
    Meter,
    Put,
    Seen,
    Served,
    checked,
    put_bytes,
)


class FolderStore:
    """Files below a folder, which only this program's user can read."""

    signs = False

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"The store's folder {folder} cannot be made: {error.strerror}.") from None
        self._folder = folder
        self._store = LocalStore(prefix=folder)
        self._busy = asyncio.Semaphore(PARALLEL)  # without a bound obstore starts a thread for each put

    async def put(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        limit_bytes: int,
        served: Served | None = None,  # noqa: ARG002
    ) -> Put:
        """See Store."""
        meter = Meter(chunks, limit_bytes)
        path = self._folder / checked(key)
        async with self._busy:
            try:
                await obstore.put_async(self._store, key, meter.read())
            except Exception as error:
                if meter.broken is not None:
                    raise meter.broken from None
                raise _translated(error) from error
        await asyncio.to_thread(_make_durable, path, self._folder)
        return meter.put

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See Store."""
        options: Any = {"range": (start, end)} if end is not None else None
        try:
            found = await obstore.get_async(self._store, checked(key), options=options)
            async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except Exception as error:
            raise _translated(error) from error

    async def delete(self, keys: Collection[str]) -> None:
        """See Store."""
        await asyncio.to_thread(_unlink, self._folder, [checked(key) for key in keys])

    async def older_than(self, age_s: float) -> AsyncIterator[tuple[str, ...]]:
        """See Store; half-written files of a dead process too, which obstore's own list hides."""
        walk = _walk(self._folder, time.time() - age_s)
        while group := await asyncio.to_thread(_take, walk, 500):
            yield tuple(group)

    def free_bytes(self) -> int | None:
        """See Store."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    async def grant_put(self, key: str, served: Served, lifetime_s: float) -> Grant | None:  # noqa: ARG002
        """See Store: a folder cannot."""
        return None

    async def grant_get(self, key: str, lifetime_s: float) -> Grant | None:  # noqa: ARG002
        """See Store: a folder cannot."""
        return None

    async def look(self, key: str) -> Seen:
        """See Store."""
        path = self._folder / checked(key)
        try:
            with path.open("rb") as file:
                return Seen(path.stat().st_size, {}, file.read(512))
        except OSError as error:
            raise _translated(error) from error

    async def copy(self, source: str, key: str) -> None:
        """See Store."""
        size_bytes = (await self.look(source)).size_bytes
        await self.put(key, self.read(source), size_bytes)

    def headers(self, served: Served) -> dict[str, str]:  # noqa: ARG002
        """See Store: a folder keeps none."""
        return {}

    async def check(self) -> None:
        """See Store."""
        if not self._folder.is_dir():
            raise Unavailable("The store's folder is gone; the operator must bring it back.")

    async def probe(self) -> None:
        """See Store."""
        key = f"incoming/probe-{new_secret()}"
        try:
            await put_bytes(self, key, b"probe")
            await self.delete([key])
        except (Unavailable, OSError):
            raise SettingsError(f"The store's folder {self._folder} cannot be written.") from None


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
    folders = [root / prefix for prefix in OWN_PREFIXES]
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

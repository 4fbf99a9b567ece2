"""Back-ups: the database and the files of a data folder as one tar, made while the server runs."""

from __future__ import annotations

import asyncio
import os
import tarfile
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from officina.errors import SettingsError
from officina.queue.protocol import Queue

CHUNK_BYTES = 1 << 20
DATABASE = "officina.db"


async def stream(queue: Queue, data: Path, files: Path | None) -> AsyncIterator[bytes]:
    """Yield a tar: first a snapshot of the database, then every file of the folder `files`.

    Without such a folder the files are in an object store, which has ways of its own to be kept twice.

    Files are written before the rows that name them, so all that the snapshot names is there, unless its
    retention ended meanwhile.
    """
    with tempfile.TemporaryDirectory(dir=data, prefix="backup-") as folder:
        copy = Path(folder) / DATABASE
        await queue.snapshot(copy)
        async for chunk in _member(copy, DATABASE):
            yield chunk
    for path in await asyncio.to_thread(_files, files):
        async for chunk in _member(path, f"files/{path.relative_to(files or data)}"):
            yield chunk
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def restore(tar: Path, data: Path) -> int:
    """Unpack a back-up into an empty or new data folder; how many files it held.

    Raises:
        SettingsError: the folder is not empty, or the file is not a back-up.
    """
    if data.exists() and any(data.iterdir()):
        raise SettingsError(f"The data folder {data} is not empty; restore into a new one.")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tarfile.open(tar) as archive:
            members = archive.getmembers()
            if not members or members[0].name != DATABASE:
                raise SettingsError(f"{tar} is not a back-up made by officina.")
            archive.extractall(data, members, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise SettingsError(f"The back-up {tar} cannot be unpacked: {error}.") from None
    return len(members)


def _files(folder: Path | None) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file()) if folder else []


async def _member(path: Path, name: str) -> AsyncIterator[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        found = os.fstat(file.fileno())
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = found.st_size, int(found.st_mtime), 0o600
        yield info.tobuf(tarfile.PAX_FORMAT)
        left = found.st_size
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(left, CHUNK_BYTES))
            if not chunk:
                chunk = b"\0" * left
            left -= len(chunk)
            yield chunk
    yield b"\0" * (-found.st_size % tarfile.BLOCKSIZE)

"""`officina backup` and `officina restore`: everything that a data folder holds, as one tar file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from officina.cli import folder, options, show, target
from officina.cli.exits import Code, Stop
from officina.settings import Settings, load


def backup(
    *,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The tar file to write.", show_default=False)],
    url: options.Url = None,
    key: options.Key = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Back up the database and all files, also while the server runs (that needs a key of scope admin)."""
    with show.screen(as_json) as screen:
        settings = None if url else load({"data": data}).settings
        if settings and settings.database:
            raise _in_postgres()
        if settings and not folder.is_locked(settings.data):
            elsewhere = asyncio.run(_from_folder(settings, to))
        else:
            elsewhere = _from_server(target.find(url, key, data), to)
        size_bytes = to.stat().st_size
        machine = {"file": str(to.absolute()), "size_bytes": size_bytes, "files_elsewhere": elsewhere}
        screen.give(machine, f"{to}: {size_bytes:,} bytes")
        if elsewhere:
            screen.say(
                f"It holds the database alone: the files are in {elsewhere}. Keep that safe by itself."
            )


def restore(
    file: Annotated[Path, typer.Argument(help="A tar file that backup made.", show_default=False)],
    *,
    data: Annotated[Path, typer.Option(help="A new or empty data folder.", show_default=False)],
    as_json: options.Json = False,
) -> None:
    """Unpack a back-up into a new data folder. Its keys hold; the file `first-key` is not part of it."""
    from officina.backup import restore as unpack

    with show.screen(as_json) as screen:
        os.umask(0o077)
        count = unpack(file, data)
        screen.give({"data": str(data.absolute()), "files": count}, f"{data}: {count} files")
        screen.say(f"Start it with `officina serve --data {data}`.")


def _in_postgres() -> Stop:
    from officina.queue.postgres_server import NO_SNAPSHOT

    return Stop(NO_SNAPSHOT, Code.SETUP)


async def _from_folder(settings: Settings, to: Path) -> str:
    """Back up without a server; where the files are, if they are not in the tar."""
    from officina.backup import stream
    from officina.store import place_of

    place = place_of(settings)
    async with folder.opened(settings.data) as queue:
        await _write(to, stream(queue, settings.data, place.folder))
    return "" if place.folder else place.shown


def _from_server(found: target.Target, to: Path) -> str:
    """Have the server make it; where the files are, if they are not in the tar."""
    os.umask(0o077)
    with target.connect(found, patient=True) as client:
        try:
            client.download("/v1/backup", to, method="POST")
        except OSError as error:
            raise _unwritable(to, error) from None
        store = str(client.call("GET", "/v1/storage").get("store", "folder"))
    return "" if store == "folder" or store.startswith("file:") else store


async def _write(to: Path, chunks: AsyncIterator[bytes]) -> None:
    """Write the file; it gets its name when all of it is on the disk."""
    with _part(to) as file:
        async for chunk in chunks:
            await asyncio.to_thread(file.write, chunk)
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())


@contextmanager
def _part(to: Path) -> Iterator[BinaryIO]:
    part = to.with_name(f".{to.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise _unwritable(to, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def _unwritable(to: Path, error: OSError) -> Stop:
    return Stop(f"{to} cannot be written: {error.strerror}.", Code.DISK)

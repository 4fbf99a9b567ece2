"""The database of a data folder, for commands that need it while no server runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from officina.cli.exits import Code, Stop
from officina.settings import DATABASE_FILE, load

if TYPE_CHECKING:
    from officina.queue.protocol import Queue


def is_locked(data: Path) -> bool:
    """Whether a server holds the folder at this moment."""
    try:
        descriptor = os.open(data / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Queue]:
    """Lock the folder and open its database.

    Raises:
        FolderInUse: a server has started on it, so the way leads through its API.
        Stop: there is no database yet.
    """
    from officina.queue.protocol import Terms
    from officina.service import lock, open_queue, refuse_moved

    settings = load({"data": data}).settings
    if not settings.database:
        refuse_moved(data)
    if not settings.database and not (data / DATABASE_FILE).is_file():
        raise Stop(
            f"There is no database in {data}.",
            Code.SETUP,
            todo="Give the folder with --data, or a server with --url; `officina serve` makes a new one.",
        )
    with lock(data):
        queue = await open_queue(settings, Terms())
        try:
            yield queue
        finally:
            await queue.close()

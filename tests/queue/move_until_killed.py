"""A process that moves a database file to PostgreSQL and gets a signal when half of its jobs are on their way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from officina.queue.postgres_server import Server
from officina.queue.transfer import move


def _die_half_way(table: str, done: int, count: int) -> None:
    if table == "jobs" and 2 * done >= count:
        os.kill(os.getpid(), signal.Signals[sys.argv[3]])


if __name__ == "__main__":
    asyncio.run(move(Path(sys.argv[1]), Server(sys.argv[2]), _die_half_way))

"""`officina migrate`: the database of a data folder moves to PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from officina.cli import options, show
from officina.cli.exits import Code, Stop
from officina.settings import DATABASE_FILE, MOVED_FILE, Settings, load

if TYPE_CHECKING:
    from officina.queue.transfer import Moved


def migrate(
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The PostgreSQL database, as `database` will name it. Without it: what `database` names.",
        ),
    ] = None,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Move the database of a data folder to PostgreSQL, while no server runs; files stay where they are.

    All arrives or nothing does, so it may be stopped and given again. The file of the old database is kept
    under another name.
    """
    with show.screen(as_json) as screen:
        from officina.queue.postgres_server import Server

        settings = load({"data": data}, config=config).settings
        server = Server(_target(to, settings))
        moved = _moved(settings.data, server.url, screen)
        place = f"{server.place}/{server.database}"
        machine = {"database": place, "rows": moved.rows, "old_database": str(settings.data / MOVED_FILE)}
        rows = show.facts((table, f"{rows:>9,}") for table, rows in moved.rows.items())
        screen.give(machine, rows)
        if moved.before:
            screen.say("All of it was there already: an earlier migration had come to its end.", style="")
        for sentence in _next(settings, place, is_set=server.url == settings.database):
            screen.say(sentence, style="")


def _target(to: str | None, settings: Settings) -> str:
    if not (to or settings.database):
        todo = "Give it with --to, or in `database`, which keeps a password out of the list of processes."
        raise Stop("Which PostgreSQL database to move to is not said.", todo=todo)
    return to or settings.database


def _moved(data: Path, url: str, screen: show.Screen) -> Moved:
    """Move the database, and set its file aside."""
    from officina.queue.postgres_server import Server
    from officina.queue.transfer import move, set_aside
    from officina.service import lock

    path = data / DATABASE_FILE
    if not path.is_file():
        done = " It was moved before." if (data / MOVED_FILE).exists() else ""
        raise Stop(f"There is no database in {data}.{done}", Code.SETUP, todo="Give the folder with --data.")
    if (data / MOVED_FILE).exists():
        raise Stop(f"{data} holds {MOVED_FILE}, of an earlier migration; move that file away.", Code.SETUP)
    with lock(data), _progress(screen) as told:
        moved = asyncio.run(move(path, Server(url), told))
        set_aside(path, MOVED_FILE)
    return moved


def _next(settings: Settings, place: str, *, is_set: bool) -> Iterator[str]:
    """What the operator should know and do now."""
    data = settings.data
    yield f"All of it is in PostgreSQL at {place}, counted there before it was committed."
    if not is_set:
        yield "Now set `database` to the URL of --to, in the settings file or as OFFICINA_DATABASE."
    yield f"Then start `officina serve` on the same data folder, {data}."
    if not settings.store:
        yield f"Files stay in {data / 'files'}; gateways on other machines need them too: see `store`."
    yield f"The old database is kept as {data / MOVED_FILE}; without `database`, nothing starts on it."
    yield f"To undo this, rename that file to {DATABASE_FILE}. Remove it when all is well: it holds requests."


@contextmanager
def _progress(screen: show.Screen) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for a terminal; a line for each table in a pipe or a log."""
    if not screen.err.is_terminal:
        yield lambda table, done, count: screen.say(f"{table}: {count:,}") if done == count > 0 else None
        return
    words = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), words, BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=screen.err, transient=True) as progress:
        task = progress.add_task("connecting", total=None)
        yield lambda table, done, count: progress.update(task, description=table, completed=done, total=count)

"""Shows a request on its way, and lets Ctrl-C cancel it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from officina.cli.exits import Code, Stop
from officina.cli.show import Screen

if TYPE_CHECKING:
    from officina_client import Client, Event, Result

_POLL_S = 2.0
"""How old the shown place in the queue may be."""
_PAUSE_S = 0.5
"""Between two looks at a server that does not hold its answers back."""


class View(Protocol):
    """Where the way of a request is shown."""

    def tell(self, words: str, fraction: float | None = None) -> None:
        """Say where the request is, and how much is done."""


def follow(client: Client, request_id: str, screen: Screen, timeout_s: float | None = None) -> Result:
    """Show a request until it has ended, and give its result.

    The first Ctrl-C cancels a request that waits, the second stops one that runs, the third lets it be.

    Raises:
        OfficinaApiError: the request ended badly, or not in time.
        Stop: it was interrupted.
    """
    until = None if timeout_s is None else time.monotonic() + timeout_s
    interrupts = 0
    with _view(screen) as view:
        while True:
            try:
                if interrupts:
                    _cancel(client, request_id, screen, interrupts)
                return _follow(client, request_id, view, until)
            except KeyboardInterrupt:
                interrupts += 1


def _follow(client: Client, request_id: str, view: View, until: float | None) -> Result:
    _wait_turn(client, request_id, view, until)
    left_s = None if until is None else max(0.0, until - time.monotonic())
    return client.wait(request_id, on_event=lambda event: _tell_event(view, event), timeout_s=left_s)


def _wait_turn(client: Client, request_id: str, view: View, until: float | None) -> None:
    """Show the place in the queue until the request leaves it."""
    while until is None or time.monotonic() < until:
        asked_at = time.monotonic()
        wait_s = _POLL_S if until is None else min(_POLL_S, until - asked_at)
        status = client.status(request_id, wait_s=wait_s)
        if status.status != "in_queue":
            return
        about = "about " if status.is_estimate else ""
        place = f", {about}number {status.queue_position}" if status.queue_position else ""
        view.tell(f"waiting{place}")
        time.sleep(max(0.0, _PAUSE_S - (time.monotonic() - asked_at)))


def _tell_event(view: View, event: Event) -> None:
    match event.kind:
        case "queued":
            view.tell("waiting")
        case "started":
            view.tell("running", 0.0)
        case "progress":
            view.tell(event.message or "running", event.fraction)
        case "log":
            view.tell(event.message)


def _cancel(client: Client, request_id: str, screen: Screen, interrupts: int) -> None:
    """Cancel; a request that runs goes on until it is interrupted again."""
    force = interrupts == 2
    if interrupts > 2:
        todo = f"Stop it with `officina cancel {request_id} --force`."
        raise Stop(f"Interrupted: request {request_id} goes on.", Code.INTERRUPTED, todo=todo)
    outcome = client.cancel(request_id, force=force)
    if outcome.is_cancelled:
        raise Stop(f"Interrupted: request {request_id} is cancelled.", Code.INTERRUPTED)
    if force and outcome.status == "in_progress":
        raise Stop(f"Interrupted: request {request_id} is told to stop.", Code.INTERRUPTED)
    if outcome.status == "in_progress":
        screen.say("It runs already. Ctrl-C once more stops it by force.", style="yellow")


@contextmanager
def _view(screen: Screen) -> Iterator[View]:
    if not screen.err.is_terminal:
        yield _Lines(screen)
        return
    words = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), words, BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen.err, transient=True) as progress:
        yield _Bar(progress)


class _Bar:
    """A moving bar, for a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("submitted", total=None)

    def tell(self, words: str, fraction: float | None = None) -> None:
        total = None if fraction is None else 1.0
        self._progress.update(self._task, description=words, completed=fraction or 0.0, total=total)


class _Lines:
    """A line for each change, for a pipe or a log."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._last = ""

    def tell(self, words: str, fraction: float | None = None) -> None:
        line = words if not fraction else f"{words} ({fraction:.0%})"
        if line != self._last:
            self._screen.say(line)
        self._last = line

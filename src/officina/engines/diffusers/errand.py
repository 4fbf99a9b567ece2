"""Work that blocks, in a thread of its own, so that a run can be stopped whatever the library does."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from officina.engines.diffusers.faults import translated

POLL_S = 0.1
"""A run that shall stop is given 0.4 s, so it asks more often than that."""

Made = TypeVar("Made")


class GivenUp(Exception):
    """The errand has noticed that nobody waits for it any more."""


class Steps:
    """How far a pipeline's call is; it is given up at the next step once nobody waits for it."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.news = threading.Event()
        """Set at the end of each step, so that whoever tells of it need not wait for its next look."""
        self._given_up = threading.Event()

    def give_up(self) -> None:
        """Have the pipeline stop at its next step."""
        self._given_up.set()

    def check(self) -> None:
        """Raises GivenUp when nobody waits any more."""
        if self._given_up.is_set():
            raise GivenUp

    def __call__(self, _pipeline: Any, _step: int, _time: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        """What a pipeline calls at the end of each step."""
        self.done += 1
        self.news.set()
        self.check()
        return arguments


class Errands:
    """One thread of that name; errands run in it one after the other.

    Whoever waits goes on asking whether the run shall stop. When it shall, the errand is left behind: it ends
    by itself, and the next one waits for that. So a warm pipeline outlives a stopped run.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def begin(self, work: Callable[[], object]) -> None:
        """Start an errand that nobody waits for: whoever needs it tries it again, and is told why not."""
        self._thread.submit(_free_of_frames, work)

    def run(
        self, work: Callable[[], Made], tell: Callable[[float], None], steps: Steps | None = None
    ) -> Made:
        """Run an errand, and give what it gives; `tell` is called all the while with the seconds so far.

        Raises:
            OutOfMemory, DeviceFailed: the library raised something of the kind.
        """
        news = threading.Event() if steps is None else steps.news
        future = self._thread.submit(_free_of_frames, work)
        future.add_done_callback(lambda _: news.set())
        began = time.monotonic()
        try:
            while not future.done():
                news.wait(POLL_S)
                news.clear()
                tell(time.monotonic() - began)
        except BaseException:
            _leave(future, steps)
            raise
        return future.result()

    def close(self) -> None:
        """Wait until the last errand has ended."""
        self._thread.shutdown()


def _leave(future: Future[Any], steps: Steps | None) -> None:
    if steps is not None:
        steps.give_up()
    future.cancel()


def _free_of_frames(work: Callable[[], Made]) -> Made:
    """Run the work; a fault of memory or device is raised anew, without the frames that hold on to memory."""
    try:
        return work()
    except GivenUp:
        raise
    except Exception as error:
        fault = translated(error)
        if fault is None:
            raise
        traceback.print_exc()
    raise fault

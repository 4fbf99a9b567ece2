"""Does the slow calls of a run in threads, so that it can be stopped while it waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from officina.run import Run

T = TypeVar("T")
TICK_S = 0.1
"""How often a run that waits asks whether it shall stop."""


class Aside:
    """A few threads beside a run, which keep telling its last progress while they are waited for.

    Every method that waits raises Stopped when the run shall stop.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._told = (0.0, "")
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="comfyui")

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def tell(self, fraction: float, message: str) -> None:
        """Tell the run's progress."""
        self._told = (fraction, message)
        self._run.progress(fraction, message)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function aside and wait for what it gives or raises."""
        return self.finish(self.start(function, *arguments))

    def start(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Begin a call without waiting for it."""
        return self._threads.submit(function, *arguments)

    def finish(self, call: Future[T]) -> T:
        """Wait for a call that was begun."""
        while not wait([call], TICK_S).done:
            self._run.progress(*self._told)
        return call.result()

    def each(self, function: Callable[..., T], items: Iterable[Any]) -> list[T]:
        """Call a function for each of the items, side by side; what it gave, in their order."""
        return [self.finish(call) for call in [self.start(function, item) for item in items]]

    def until(self, done: Callable[[float], bool], times: int) -> None:
        """Ask again and again, so many times at most; `done` waits for a tick by itself."""
        for _ in range(times):
            if done(TICK_S):
                return
            self._run.progress(*self._told)

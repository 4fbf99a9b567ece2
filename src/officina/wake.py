"""Wake-ups inside one process: who waits on a topic is told when something happened there.

A wake-up is a hint that shortens a wait; what is true stands in the database.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from types import TracebackType


class Wakes:
    """Topics and who listens to them. Belongs to one event loop; call it from that loop only."""

    def __init__(self) -> None:
        self._listening: dict[str, set[Listener]] = defaultdict(set)

    def listen(self, *topics: str) -> Listener:
        """Start to listen; use as a context manager, and *before* reading what may change."""
        return Listener(self._listening, topics)

    def notify(self, topics: Iterable[str]) -> None:
        """Wake everybody who listens to one of these topics."""
        for topic in topics:
            for listener in self._listening.get(topic, ()):
                listener.wake()

    def topics(self) -> list[str]:
        """What anybody listens to."""
        return list(self._listening)

    def notify_all(self) -> None:
        """Wake everybody: something may have happened that nobody was told of."""
        self.notify(self.topics())


class Listener:
    """One waiter on some topics."""

    def __init__(self, listening: dict[str, set[Listener]], topics: tuple[str, ...]) -> None:
        self._listening = listening
        self._topics = topics
        self._woken = asyncio.Event()

    def __enter__(self) -> Listener:
        for topic in self._topics:
            self._listening[topic].add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for topic in self._topics:
            waiting = self._listening[topic]
            waiting.discard(self)
            if not waiting:
                del self._listening[topic]

    def wake(self) -> None:
        """Let the current or the next wait return at once."""
        self._woken.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for a wake-up, at most `timeout_s` seconds; True when there was one since the last wait."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

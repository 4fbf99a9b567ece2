"""The leases that a worker holds: what is new about them, and the renewals that keep them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import structlog

from officina.child.frames import Log, Memo, Said
from officina.job import EventKind, LeaseRef, News, Renewal
from officina.link import Work
from officina.worker.gateway import Gateway, LinkRefused

LONGEST_RENEWAL_S = 10.0
NEWS_PAUSE_S = 0.25
MAX_LINES_PER_POST = 200
MAX_LINES = 1000
_REFUSED_PAUSE_S = 1.0
_FIRST_LOOK_S = 0.05
"""After a claim, before the first renewal: a run has to begin before it can be stopped."""

Reason = Literal["stop", "lost", "hand_back"]
"""Why a lease ends before its road does: its caller wants it, somebody else has it, or the worker ends."""

log = structlog.get_logger("officina.worker")


class Held:
    """One lease that this worker holds."""

    def __init__(self, work: Work, on_news: Callable[[Held], None]) -> None:
        self.work = work
        self.started = work.started
        self.interrupted: asyncio.Future[Reason] = asyncio.get_running_loop().create_future()
        self.untold_start = False
        self._on_news = on_news
        self._lines: deque[str] = deque()
        self._lines_so_far = 0
        self._progress: dict[str, Any] | None = None
        self._told_progress: dict[str, Any] = {}
        self._memo: str | None = None

    @property
    def has_news(self) -> bool:
        """Whether there is something that the gateway has not been told."""
        return self.untold_start or bool(self._lines) or self._progress is not None or self._memo is not None

    @property
    def is_urgent(self) -> bool:
        """Whether its news should not wait to be gathered: a crash must not forget what was ordered."""
        return self.untold_start or self._memo is not None

    def begin(self) -> None:
        """Note that its turn has come; a job that was fetched ahead is waiting until then."""
        if not self.started:
            self.started = self.untold_start = True
            self._on_news(self)

    def hear(self, report: Said) -> None:
        """Note what the run says. Of progress and memos the last word counts; of lines there is an end."""
        match report:
            case Memo(text):
                self._memo = text
            case Log(line):
                if not self._keep_line(line):
                    return
            case _:
                said = {"fraction": report.fraction, "message": report.message}
                if said == self._told_progress:
                    return  # who only waits repeats itself, so that it can be stopped
                self._progress = self._told_progress = said
        self._on_news(self)

    def interrupt(self, reason: Reason) -> None:
        """Have its road end early; the first reason counts."""
        if not self.interrupted.done():
            self.interrupted.set_result(reason)

    def take_news(self) -> News:
        """Take what is new, or as much as one post may hold."""
        lines = [self._lines.popleft() for _ in range(min(len(self._lines), MAX_LINES_PER_POST))]
        events: list[tuple[EventKind, dict[str, Any]]] = [("log", {"line": line}) for line in lines]
        if self._progress is not None:
            events.append(("progress", self._progress))
        started, self.untold_start, self._progress = self.untold_start, False, None
        memo, self._memo = self._memo, None
        return News(self.work.job_id, self.work.token, started, tuple(events), memo)

    def _keep_line(self, line: str) -> bool:
        self._lines_so_far += 1
        if self._lines_so_far > MAX_LINES + 1:
            return False
        last = self._lines_so_far > MAX_LINES
        self._lines.append(f"Lines after the first {MAX_LINES} are left out." if last else line)
        return True


class Leases:
    """Every lease of a worker, renewed together."""

    def __init__(self, gateway: Gateway, lease_s: float) -> None:
        self._gateway = gateway
        # A little less than the longest time allowed, since the way to the gateway takes time too.
        self._wait_s = 0.9 * min(LONGEST_RENEWAL_S, lease_s / 3)
        self._held: dict[LeaseRef, Held] = {}
        self._any = asyncio.Event()
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()
        self._posting = asyncio.Lock()
        self.drain = asyncio.Event()
        """Set once the gateway has said that this worker shall finish what it runs, and end."""

    def __iter__(self) -> Iterator[Held]:
        return iter(tuple(self._held.values()))

    def add(self, work: Work) -> Held:
        """Keep a lease from now on; an older one of the same job must have been lost."""
        for older in self:
            if older.work.job_id == work.job_id:
                older.interrupt("lost")
                self.drop(older)
        held = Held(work, self._note)
        self._held[work.ref] = held
        self._any.set()
        return held

    def drop(self, held: Held) -> None:
        """Let a lease go that has ended."""
        self._held.pop(held.work.ref, None)
        if not self._held:
            self._any.clear()

    async def keep(self) -> None:
        """Renew what is held, and pass on its news, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            tasks.create_task(self._tell())

    async def flush(self, held: Held) -> None:
        """Pass on what is new about a lease now, since it is about to end."""
        async with self._posting:
            while held.has_news and not held.interrupted.done():
                await self._renew([held.take_news()])

    async def _watch(self) -> None:
        """Keep one renewal waiting at the gateway, which answers at once when somebody wishes a stop."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._any.wait()
            await asyncio.sleep(_FIRST_LOOK_S)
            if not self._held:
                continue  # what was that short needs no renewal
            asked_at = clock()
            if await self._renew([News(ref.job_id, ref.token) for ref in self._held], self._wait_s):
                continue
            # An answer that says nothing new came early because a run is still busy stopping.
            await asyncio.sleep(max(0.0, asked_at + min(NEWS_PAUSE_S, self._wait_s) - clock()))

    async def _tell(self) -> None:
        """Post news: a start at once, everything else gathered for a moment."""
        while True:
            await self._news.wait()
            self._news.clear()
            self._urgent.clear()
            async with self._posting:
                news = [held.take_news() for held in self if held.has_news]
                if news:
                    await self._renew(news)
            if any(held.has_news for held in self):
                self._news.set()
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(NEWS_PAUSE_S):
                await self._urgent.wait()
        except TimeoutError:
            return

    async def _renew(self, news: Sequence[News], wait_s: float = 0.0) -> bool:
        """Renew, and heed the answer; tells whether it said anything new."""
        try:
            renewal = await self._gateway.renew(news, wait_s, draining=self.drain.is_set())
        except LinkRefused as error:
            log.warning("renewal.refused", message=error.message)
            await asyncio.sleep(_REFUSED_PAUSE_S)
            return False
        if renewal.drain:
            self.drain.set()
        return self._heed(news, renewal)

    def _heed(self, news: Sequence[News], renewal: Renewal) -> bool:
        named = [self._held.get(LeaseRef(each.job_id, each.token)) for each in news]
        lost: list[tuple[Held, Reason]] = [
            (held, "lost") for held in named if held is not None and held.work.job_id in renewal.lost
        ]
        unwanted: list[tuple[Held, Reason]] = [
            (held, "stop") for held in self if held.work.job_id in renewal.stop
        ]
        fresh = [(held, reason) for held, reason in lost + unwanted if not held.interrupted.done()]
        for held, reason in fresh:
            log.info("lease.interrupted", job_id=held.work.job_id, reason=reason)
            held.interrupt(reason)
        return bool(fresh)

    def _note(self, held: Held) -> None:
        self._news.set()
        if held.is_urgent:
            self._urgent.set()

"""The trouble: at random moments something is killed, stopped for longer than a lease, cut off, or left hanging."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Coroutine
from typing import Any

import psutil
from stage import LEASE_S, Stage
from wire import Wire

from postgres_server import PostgresServer

DECK = {
    "kill engine": 14,
    "kill worker": 4,
    "kill gateway": 2,
    "kill database": 2,
    "stop worker": 2,
    "stop gateway": 1,
    "cut worker's line": 2,
    "hang worker's line": 1,
    "cut database's line": 2,
    "hang database's line": 1,
}
"""What happens, and how often in one round; the order of a round is random. Engines die best while they work."""
PAUSE_S = (0.02, 0.4)
"""Between two mishaps."""
COMPANY = 0.5
"""How likely each further process of a kind dies at the same moment, as when a machine fails."""
VICTIM_S = 6.0
"""How long is waited for somebody whom a mishap can happen to: all is dead at times."""
HANG_S = (0.5, 6.0)
"""How long a line hangs: shorter and longer than a lease, and than the patience of those at its ends."""


class Trouble:
    """Makes mishaps happen on a stage, and in the end makes good what does not heal by itself."""

    def __init__(self, stage: Stage, dice: random.Random) -> None:
        self._stage = stage
        self._dice = dice
        self._healing: list[asyncio.Task[None]] = []
        self._stopped: set[int] = set()
        self._database_is_down = False
        self.done: Counter[str] = Counter(dict.fromkeys(set(self._round()), 0))

    @property
    def kills(self) -> int:
        """How many processes were killed so far."""
        return sum(count for what, count in self.done.items() if what.startswith("kill"))

    async def make(self, kills: int, seconds: float) -> None:
        """Make mishaps until so many processes were killed, or the time is over; then make all as before."""
        until = time.monotonic() + seconds
        while self.kills < kills and time.monotonic() < until:
            for what in self._round():
                await asyncio.sleep(self._dice.uniform(*PAUSE_S))
                self.done[what] += await self._happens_soon(what)
                if self.kills >= kills or time.monotonic() > until:
                    break
        await self.heal()

    async def heal(self) -> None:
        """Wait until nothing is stopped, cut off, or down because of us."""
        await asyncio.gather(*self._healing)

    def _round(self) -> list[str]:
        """What happens next, in a random order."""
        words = [what for what in DECK if "database" not in what or self._stage.server]
        return self._dice.sample(
            words, sum(DECK[each] for each in words), counts=[DECK[each] for each in words]
        )

    async def _happens_soon(self, what: str) -> int:
        """Make one mishap as soon as there is somebody whom it can happen to; to how many it has happened."""
        until = time.monotonic() + VICTIM_S
        while not (happened := self._happens(what)) and time.monotonic() < until:
            await asyncio.sleep(0.2)
        return happened

    def _happens(self, what: str) -> int:
        """Make one mishap; to how many it has happened."""
        verb, _, whom = what.partition(" ")
        if what == "kill database":
            return self._kill_database()
        if verb == "kill":
            return self._kill(self._victims(whom))
        if verb == "stop":
            return self._stop(whom)
        wires = self._stage.to_workers if "worker" in whom else self._stage.to_database
        return self._cut(wires) if verb == "cut" else self._hang(wires)

    def _victims(self, role: str) -> list[psutil.Process]:
        children = _children()
        gateways = [each.process.pid for each in self._stage.gateways if each.process]
        elsewhere = [each.process.pid for each in self._stage.workers if each.process]
        here = [each.pid for pid in gateways for each in children[pid]]
        pids = {
            "gateway": gateways,
            "worker": [*elsewhere, *here],
            "engine": [each.pid for pid in (*elsewhere, *here) for each in children[pid]],
        }
        return [each for each in map(_process, pids[role]) if each is not None]

    def _kill(self, victims: list[psutil.Process]) -> int:
        """Kill one process, and perhaps others with it; how many."""
        self._dice.shuffle(victims)
        dying = [each for n, each in enumerate(victims) if n == 0 or self._dice.random() < COMPANY]
        return sum(self._signal(signal.SIGKILL, [each]) is not None for each in dying)

    def _signal(self, sent: signal.Signals, victims: list[psutil.Process]) -> psutil.Process | None:
        if not victims:
            return None
        victim = self._dice.choice(victims)
        try:
            victim.send_signal(sent)
        except psutil.NoSuchProcess:
            return None
        return victim

    def _stop(self, role: str) -> bool:
        """Stop a process for longer than a lease; it goes on as if nothing had been, and comes too late."""
        victims = [each for each in self._victims(role) if each.pid not in self._stopped]
        victim = self._signal(signal.SIGSTOP, victims)
        if victim is None:
            return False
        self._stopped.add(victim.pid)
        self._later(self._go_on(victim), self._dice.uniform(1.5, 3.0) * LEASE_S)
        return True

    async def _go_on(self, victim: psutil.Process) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGCONT)
        self._stopped.discard(victim.pid)

    def _kill_database(self) -> bool:
        server = self._stage.server
        if server is None or self._database_is_down:
            return False
        server.kill()
        self._database_is_down = True
        self._later(self._start_database(server), self._dice.uniform(0, 1))
        return True

    async def _start_database(self, server: PostgresServer) -> None:
        await asyncio.to_thread(server.start)
        self._database_is_down = False

    def _cut(self, wires: list[Wire]) -> bool:
        if wires:
            self._dice.choice(wires).cut()
        return bool(wires)

    def _hang(self, wires: list[Wire]) -> bool:
        whole = [each for each in wires if not each.hangs]
        if not whole:
            return False
        wire = self._dice.choice(whole)
        wire.hang()
        self._later(_mend(wire, lose=self._dice.random() < 0.5), self._dice.uniform(*HANG_S))
        return True

    def _later(self, work: Coroutine[Any, Any, None], delay_s: float) -> None:
        async def do() -> None:
            await asyncio.sleep(delay_s)
            await work

        self._healing.append(asyncio.create_task(do()))


async def _mend(wire: Wire, *, lose: bool) -> None:
    wire.mend(lose=lose)


def _children() -> dict[int, list[psutil.Process]]:
    """The processes of this machine by their parent: one look, since each takes its time."""
    found: dict[int, list[psutil.Process]] = defaultdict(list)
    for each in psutil.process_iter(["ppid"]):
        found[each.info["ppid"]].append(each)
    return found


def _process(pid: int) -> psutil.Process | None:
    """A process that can still be killed: not one that is dead, and waits for its parent to notice."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None

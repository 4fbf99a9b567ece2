"""The crash suite: kill -9 anything at any moment under load, and count what the promise is worth.

    python tests/crash/crash.py --kills 300

A real `officina serve` with two workers takes submits, polls, cancels and forced cancels from several threads
while gateway, workers and engine children are killed at random moments. Afterwards every acknowledged request
must be there, must have ended, and must show the one result that was ever seen of it.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "road"))
from road_server import Server, start

REST_S = 900.0
"""How long all may take to end afterwards: a job that was hit many times waits minutes for its next try."""
SUBMITTERS = 3
POLLERS = 2
ROLES = {"gateway": 1, "worker": 2, "child": 4}
"""What is killed, and how often compared with the others; children die best while they work."""
ECHO_MANY = "tests/echo-many"
"""An engine that copies, in a model with so many attempts that no job runs out of them."""


@dataclass
class Seen:
    """What the callers were told; shared between their threads."""

    acknowledged: list[str] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def told(self, result: dict[str, Any]) -> None:
        """Note an ended result; a second one that differs is a contradiction."""
        text = json.dumps(result, sort_keys=True)
        with self.lock:
            if self.results.setdefault(result["request_id"], text) != text:
                self.contradictions.append(result["request_id"])


@dataclass
class Report:
    """The counts of one run of the suite."""

    kills: Counter[str]
    seconds: float
    acknowledged: int
    outcomes: Counter[str]
    lost: int
    not_ended: int
    contradictions: int
    several_ends: int
    attempts_repeated: int

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.not_ended or self.contradictions or self.several_ends)

    def lines(self) -> Iterator[str]:
        """The report for people."""
        kills = ", ".join(f"{self.kills[role]} {role}" for role in ROLES)
        outcomes = ", ".join(f"{count} {word}" for word, count in sorted(self.outcomes.items()))
        yield f"kills                  {self.kills.total()} ({kills}) in {self.seconds:.0f} s"
        yield f"acknowledged requests  {self.acknowledged} ({outcomes})"
        yield f"lost                   {self.lost}"
        yield f"never ended            {self.not_ended}"
        yield f"two different results  {self.contradictions}"
        yield f"more than one end      {self.several_ends}"
        yield f"run more than once     {self.attempts_repeated}"


class Suite:
    """One data folder, the server that is killed and started again on it, and its callers."""

    def __init__(self, folder: Path, kills: int, seed: int) -> None:
        self.folder = folder
        self.kills = kills
        self.random = random.Random(seed)
        self.seen = Seen()
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = self._start()
        self.key = self.server.key
        self.done: Counter[str] = Counter()

    def run(self) -> Report:
        """Load, kill, let it come to rest, and look."""
        begun = time.monotonic()
        with self._callers():
            while self.done.total() < self.kills:
                time.sleep(self.random.uniform(0.02, 0.5))
                self._kill(*self.random.choices(list(ROLES), list(ROLES.values())))
        took = time.monotonic() - begun
        try:
            return self._look(took)
        finally:
            self.server.stop()

    def _start(self) -> Server:
        # The port is the same each time; the one before may need a moment to leave it.
        flags = ("--port", str(self.port), "--lease-s", "2", "--retry-s", "0.02", "--log-level", "error")
        return start(self.folder / "data", *flags, workers=2)

    def _kill(self, role: str) -> None:
        gateway = psutil.Process(self.server.process.pid)
        workers = [each for each in gateway.children() if "officina.worker" in " ".join(_command(each))]
        children = [each for worker in workers for each in _children(worker)]
        chosen = {"gateway": [gateway], "worker": workers, "child": children}[role]
        if not chosen:
            return
        victim = self.random.choice(chosen)
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            return
        self.done[role] += 1
        if role == "gateway":
            self.server.stop(signal.SIGKILL)
            self.server = self._start()

    @contextmanager
    def _callers(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._submit, args=(n,)) for n in range(SUBMITTERS)]
        threads += [threading.Thread(target=self._poll, args=(n,)) for n in range(POLLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.seen.over.set()
            for thread in threads:
                thread.join()

    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=10,
            trust_env=False,
        )

    def _submit(self, number: int) -> None:
        dice = random.Random(number)
        with self._client() as http:
            while not self.seen.over.wait(dice.uniform(0.0, 0.15)):
                body = {"prompt": "copy", "seconds": dice.choice([0, 0, 0.05, 0.3])}
                try:
                    answer = http.post(f"/v1/models/{ECHO_MANY}", json=body)
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    with self.seen.lock:
                        self.seen.acknowledged.append(answer.json()["request_id"])

    def _poll(self, number: int) -> None:
        dice = random.Random(1000 + number)
        with self._client() as http:
            while not self.seen.over.wait(0.005):
                with self.seen.lock:
                    recent = self.seen.acknowledged[-200:]
                if not recent:
                    continue
                try:
                    self._ask(http, dice.choice(recent), dice.random())
                except httpx.TransportError:
                    continue

    def _ask(self, http: httpx.Client, request_id: str, die: float) -> None:
        if die < 0.05:
            http.post(f"/v1/requests/{request_id}/cancel", params={"force": str(die < 0.02).lower()})
        result = http.get(f"/v1/requests/{request_id}/result").json()
        if result.get("finished_at"):
            self.seen.told(result)

    def _look(self, took: float) -> Report:
        outcomes: Counter[str] = Counter()
        lost = not_ended = several = repeated = 0
        with self._client() as http:
            end = time.monotonic() + REST_S
            for request_id in self.seen.acknowledged:
                answer = http.get(f"/v1/requests/{request_id}/result")
                while answer.is_success and "finished_at" not in answer.json() and time.monotonic() < end:
                    answer = http.get(f"/v1/requests/{request_id}/result", params={"wait": 5})
                if answer.status_code == 404:
                    lost += 1
                    continue
                result = answer.json()
                outcomes[result["status"]] += 1
                not_ended += "finished_at" not in result
                self.seen.told(result)
                kinds = Counter(event["kind"] for event in self.server.events(request_id))
                several += kinds["ended"] != 1
                repeated += kinds["started"] > 1
        return Report(
            kills=self.done,
            seconds=took,
            acknowledged=len(self.seen.acknowledged),
            outcomes=outcomes,
            lost=lost,
            not_ended=not_ended,
            contradictions=len(self.seen.contradictions),
            several_ends=several,
            attempts_repeated=repeated,
        )


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.Error:
        return []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(kills: int, seed: int = 1) -> Report:
    """Run the suite in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="officina-crash-") as folder:
        return Suite(Path(folder), kills, seed).run()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report = run(options.kills, options.seed)
    print("\n".join(report.lines()))
    return 0 if report.kept else 1


if __name__ == "__main__":
    sys.exit(main())

"""A run as the engine's process makes it, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from officina.engines.remote import RemoteEngine
from officina.errors import RunError
from officina.job import new_id
from officina.run import Result, Run, Stopped

QUICK: dict[str, Any] = {
    "first_wait_s": 0.01,
    "longest_wait_s": 0.03,
    "patience_s": 1.5,
    "connect_s": 2.0,
    "timeout_s": 2.0,
    "exact_size": False,
}
SEED_INPUT = {
    "prompt": "A beautiful girl is sitting on the boat",
    "width×height": "2048x2048(1:1)",
    "scale": 0.5,
    "force_single": False,
}


@dataclass
class Bench:
    """One job: its attempts share what is remembered."""

    folder: Path
    options: dict[str, Any]
    given: dict[str, Any] = field(default_factory=lambda: dict(SEED_INPUT))
    files: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    urls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    memo: str = ""
    said: list[tuple[float, str]] = field(default_factory=list)
    stop_when: Callable[[], bool] = lambda: False
    attempts: int = 0
    job_id: str = field(default_factory=new_id)

    def anew(self) -> Bench:
        """Forget the job, and begin another of the same input."""
        self.job_id, self.memo = new_id(), ""
        return self

    def put(self, *bodies: bytes, urls: tuple[str, ...] = (), name: str = "image_urls") -> Bench:
        """Give the job input pictures."""
        paths = tuple(self.folder / f"{name}-{n}" for n in range(len(bodies)))
        for path, body in zip(paths, bodies, strict=True):
            path.write_bytes(body)
        self.files[name] = paths
        self.urls[name] = urls or ("",) * len(bodies)
        self.given[name] = [url or f"file_{n}" for n, url in enumerate(self.urls[name])]
        return self

    def run(self) -> Result:
        """Make an attempt, with a new engine, as after a crash."""
        self.attempts += 1
        scratch = self.folder / f"scratch-{self.attempts}"
        scratch.mkdir()
        run = Run(
            job_id=self.job_id,
            attempt=self.attempts,
            input=self.given,
            files=self.files,
            scratch=scratch,
            report=self._report,
            say=lambda _: None,
            urls=self.urls,
            memo=self.memo,
            note=self._note,
        )
        return RemoteEngine({**QUICK, **self.options}).run(run)

    def fails(self, kind: str, *, retry: bool = False) -> RunError:
        """Make an attempt that must fail like this."""
        with pytest.raises(RunError) as caught:
            self.run()
        assert (caught.value.type, caught.value.retry) == (kind, retry), caught.value.message
        return caught.value

    def is_stopped(self, when: Callable[[], bool]) -> None:
        """Make an attempt that is asked to stop as soon as `when` is true."""
        self.stop_when = when
        with pytest.raises(Stopped):
            self.run()
        self.stop_when = lambda: False

    def _report(self, fraction: float, message: str) -> None:
        self.said.append((fraction, message))
        if self.stop_when():
            raise Stopped

    def _note(self, memo: str) -> None:
        assert len(memo) <= 4096
        self.memo = memo

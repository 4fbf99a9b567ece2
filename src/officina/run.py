"""What an engine is handed for one attempt, and what it hands back.

An engine is a class with a constructor that takes the model's options (and loads what is slow to load) and
one method:

    class MyEngine:
        def __init__(self, options: Mapping[str, Any]) -> None: ...
        def run(self, run: Run) -> Result: ...

It raises `RunError` with a sentence for the caller when it cannot do what is asked. Any other exception is a
bug of the engine and ends the run as `engine_failed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class Stopped(BaseException):
    """The caller asked for the run to stop.

    Derives from BaseException so that an engine's broad `except Exception` cannot swallow it.
    """


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a job, inside the engine's process."""

    job_id: str
    attempt: int
    input: Mapping[str, Any]
    """The validated input with defaults, as the caller sent it (the file fields hold the caller's words)."""
    files: Mapping[str, tuple[Path, ...]]
    """The fetched and checked local files of each file field, in the caller's order."""
    scratch: Path
    """An empty folder of this attempt; it is removed when the attempt has ended."""
    report: Callable[[float, str], None]
    """Told by `progress`; raises Stopped when the run shall stop."""
    say: Callable[[str], None]
    urls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each file of `files`, a public URL under which others can fetch it, or "" where there is none."""
    memo: str = ""
    """What an earlier attempt at this job asked to remember; empty when there was nothing."""
    note: Callable[[str], None] = lambda _: None
    """Told by `remember`."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Report progress, 0 to 1, with a short message. Call it often: it is where a run can be stopped."""
        self.report(min(max(fraction, 0.0), 1.0), message)

    def log(self, line: str) -> None:
        """Add a line to the job's events, for its caller to read."""
        self.say(line)

    def remember(self, memo: str) -> None:
        """Keep up to 4,096 characters with the job for its next attempt, which finds them in `memo`.

        For engines that pass the work on: the id under which the other side knows it, so that a new attempt
        resumes it instead of ordering (and paying for) it again. The last word counts.
        """
        self.note(memo)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run made: files inside `Run.scratch`, in the order to show, and what the engine has to say."""

    images: tuple[Path, ...] = ()
    videos: tuple[Path, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What the engine understood and ignored: JSON values, never a URL, a path or a secret."""
    cost_usd: float | None = None
    """What a provider charged for the run, in US dollars; None: by the model's own price."""


class Engine(Protocol):
    """Runs models of one kind; one instance lives in one process and runs one job at a time."""

    def run(self, run: Run) -> Result:
        """Do the work; blocking is fine. Raises RunError for the caller, Stopped when asked to stop."""
        ...

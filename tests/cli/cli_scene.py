"""`officina` as a user starts it: a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEED = "bytedance/dreamina-4-0/edit"
HERE = Path(__file__).parent
COMMAND = (sys.executable, "-m", "officina")
DEADLINE_S = 120


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """Everything that a person reads, without the frames that break it into lines."""
        return " ".join((self.out + self.err).replace("│", " ").split())


class Shell:
    """A folder in which commands are given, with an environment that knows nothing of Officina."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OFFICINA_")}
        self.environment = {**kept, "PYTHONPATH": str(HERE), **variables}

    def __call__(self, *words: object, code: int | None = 0, stdin: str = "") -> Done:
        """Give a command and see that it ends with `code`, unless that is None."""
        process = subprocess.run(
            [*COMMAND, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        done = Done(process.returncode, process.stdout, process.stderr)
        assert code in (done.code, None), done
        return done

    @contextmanager
    def started(self, *words: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
        """A command while it runs; whatever is left of it at the end is killed."""
        process = subprocess.Popen(
            [*COMMAND, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **options,
            },
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def serving(self, *flags: object, workers: int = 0) -> Iterator[dict[str, Any]]:
        """A server in this folder, and what it said of itself."""
        log = self.folder / "serve.log"
        words = ("serve", "--json", "--port", 0, "--workers", workers, *flags)
        with log.open("w") as sink, self.started(*words, stderr=sink) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            said = json.loads(line)
            yield {**said, "pid": process.pid}
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, log.read_text()


def until(probe: Callable[[], Any]) -> Any:
    """Ask again until the answer is true; fail at the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not (found := probe()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def said(process: subprocess.Popen[str], word: str) -> str:
    """Read stderr up to the line that has the word; the line."""
    assert process.stderr is not None
    read = []
    for line in process.stderr:
        read.append(line)
        if word in line:
            return line
    raise AssertionError(f"{word!r} was not said, but: {''.join(read)}")

"""`officina` as a user starts it, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "officina")


@dataclass(frozen=True)
class Shell:
    """A folder in which commands are given."""

    folder: Path

    def __call__(self, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *map(str, words)],
            cwd=self.folder,
            env=_clean(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done
        return done

    @contextmanager
    def serving(self) -> Iterator[dict[str, Any]]:
        """A server with a worker on the models of the folder."""
        with (self.folder / "serve.log").open("w") as log:
            process = subprocess.Popen(
                [*COMMAND, "serve", "--json", "--port", "0", "--models", "models"],
                cwd=self.folder,
                env=_clean(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line, (self.folder / "serve.log").read_text()
                yield json.loads(line)
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0, (self.folder / "serve.log").read_text()
            finally:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OFFICINA_")}

"""Says what it was given, and where it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from engines import picture
from officina.run import Result, Run


class Engine:
    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = dict(options)

    def run(self, run: Run) -> Result:
        found = [each.name for each in run.scratch.iterdir()]
        files = {
            name: [path.read_bytes().decode("latin-1") for path in paths] for name, paths in run.files.items()
        }
        return Result(
            images=(picture(run, "b.png", b"first"), picture(run, "a.png", b"second")),
            videos=(picture(run, "c.mp4", b"third"),),
            notes={
                "pid": os.getpid(),
                "attempt": run.attempt,
                "input": run.input,
                "files": files,
                "options": self._options,
                "scratch": found,
                "environment": sorted(
                    name for name in os.environ if "WORKER" in name and "PYTEST" not in name
                ),
            },
        )

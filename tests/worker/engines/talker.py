"""Talks a lot: to its caller, to standard output, and in a later run of the one before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from engines import picture
from officina.run import Result, Run


class Engine:
    def __init__(self, options: Mapping[str, Any]) -> None:
        self._before: Run | None = None

    def run(self, run: Run) -> Result:
        print("\x00\x00\x00\x05 not a frame", flush=True)
        os.write(1, b"\xff" * 100_000)
        os.write(2, b"\xff" * 100_000)
        subprocess.run([sys.executable, "-c", "print('a program of mine')"], check=True)
        for number in range(run.input["lines"]):
            run.log(f"line {number}")
        for number in range(run.input["steps"]):
            run.progress(number / run.input["steps"], "stepping")
        run.progress(float("nan"), "\udcff" * 5000)
        run.progress(7, "the end")
        if self._before is not None:
            self._before.log("too late")
            self._before.progress(0.1, "too late")
        self._before = run
        return Result(
            (picture(run),),
            notes={"pid": os.getpid(), "see": "https://example.org/", "deep": [{"a": "s3://b"}, 1]},
        )

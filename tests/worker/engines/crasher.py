"""Ends its process in the way that the input says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from officina.run import Result, Run


class Engine:
    def __init__(self, options: Mapping[str, Any]) -> None:
        pass

    def run(self, run: Run) -> Result:
        print("last words")
        program = subprocess.Popen(["sleep", "60"])
        run.log(f"pid {program.pid}")
        how = run.input["how"]
        if how == "exit":
            os._exit(3)
        if how == "sys.exit":
            sys.exit("enough")
        os.kill(os.getpid(), signal.Signals[how])
        signal.pause()
        return Result()

"""Makes progress until `seconds` have passed, and can be stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from engines import picture
from officina.run import Result, Run


class Engine:
    def __init__(self, options: Mapping[str, Any]) -> None:
        pass

    def run(self, run: Run) -> Result:
        seconds = run.input.get("seconds", 60)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            run.progress(1 - left / seconds, f"pid {os.getpid()}")
            time.sleep(0.01)
        return Result((picture(run),), notes={"pid": os.getpid()})

"""Says that it runs, and then hears nothing for a minute."""

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
        run.progress(0.5, f"pid {os.getpid()}")
        time.sleep(run.input.get("seconds", 60))
        return Result((picture(run),))

"""Cannot be made ready, in the way that the options say."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from engines import picture
from officina.errors import RunError
from officina.run import Result, Run


class Engine:
    def __init__(self, options: Mapping[str, Any]) -> None:
        how = options["how"]
        if how == "bug":
            raise ImportError("no module named 'torch'")
        if how == "refusal":
            raise RunError("engine_unavailable", "The weights are not there yet.")
        if how == "exit":
            os._exit(4)
        time.sleep(0.5 if how == "slowly" else 60)

    def run(self, run: Run) -> Result:
        return Result((picture(run),))

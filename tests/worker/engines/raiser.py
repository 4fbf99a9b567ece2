"""Raises what the input names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from officina.errors import RunError
from officina.run import Result, Run, Stopped

RAISED: dict[str, BaseException] = {
    "bug": ValueError("a prompt that nobody else may read"),
    "memory": MemoryError(),
    "stopped": Stopped(),
    "refusal": RunError("not_understood", "I do not know flying.", not_understood=["fly"], see="https://x/"),
    "passing": RunError("engine_failed", "The provider is busy.", retry=True),
    "surrogate": RunError("engine_failed", "odd \udcff text"),
}


class Engine:
    def __init__(self, options: Mapping[str, Any]) -> None:
        pass

    def run(self, run: Run) -> Result:
        run.log(f"pid {os.getpid()}")
        raise RAISED[run.input["what"]]

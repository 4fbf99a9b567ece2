"""Gives a result that is wrong in the way that the input says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from engines import picture
from officina.run import Result, Run


class Engine:
    def __init__(self, options: Mapping[str, Any]) -> None:
        pass

    def run(self, run: Run) -> Result:
        what = run.input["what"]
        if what == "nothing":
            return Result()
        if what == "no result":
            return cast("Result", [picture(run)])
        if what == "missing":
            return Result((run.scratch / "never-written.png",))
        if what == "outside":
            return Result((Path(__file__),))
        if what == "link":
            (run.scratch / "link.png").symlink_to(__file__)
            return Result((run.scratch / "link.png",))
        if what == "large":
            return Result((picture(run, data=b"x" * 5000),))
        if what == "long notes":
            return Result((picture(run),), notes={"long": "x" * 100_000})
        return Result((picture(run, data=what.encode()),))

"""An engine for tests: takes its time until it is stopped, or writes one small picture at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from PIL import Image

from officina.run import Result, Run


class Slow:
    """Works for as long as the prompt says, in seconds."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        pass

    def run(self, run: Run) -> Result:
        end = time.monotonic() + float(run.input["prompt"])
        while time.monotonic() < end:
            run.progress(0.5, "halfway")
            time.sleep(0.02)
        picture = run.scratch / "picture.png"
        Image.new("RGB", (8, 8), "green").save(picture)
        return Result(images=(picture,), notes={"took": run.input["prompt"]})

"""An engine that does nothing but say when it was called."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from typing import Any

from officina.run import Result, Run


class StampEngine:
    """Gives its input back, with the time of its call in the notes."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """There is nothing to load."""

    def run(self, run: Run) -> Result:
        """Note the time first of all, then make a result."""
        called_at = time.time()
        (source,) = run.files["image_urls"]
        made = run.scratch / f"output{source.suffix}"
        shutil.copyfile(source, made)
        return Result(images=(made,), notes={"called_at": called_at})

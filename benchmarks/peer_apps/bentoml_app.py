"""BentoML: `bentoml serve bentoml_app:Repeat --port PORT`, with the model as a task."""

import time
from typing import Any

import bentoml


@bentoml.service
class Repeat:
    """The model."""

    @bentoml.task
    def task(self, text: str, seconds: float = 0) -> dict[str, Any]:
        """Give back what came, later."""
        if seconds:
            time.sleep(seconds)
        return {"text": text, "seconds": seconds}

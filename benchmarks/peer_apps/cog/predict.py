"""Cog: `python -m cog.server.http` in this folder, which is what its images run."""

import time

from cog import BasePredictor, Input


class Predictor(BasePredictor):
    """The model."""

    def predict(
        self,
        text: str = Input(description="What is given back."),
        seconds: float = Input(description="How long to wait before that.", default=0),
    ) -> str:
        """Give back what came."""
        if seconds:
            time.sleep(seconds)
        return text

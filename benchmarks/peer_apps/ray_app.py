"""Ray Serve: `serve run ray_app:app`, one replica."""

import asyncio
from typing import Any

from ray import serve
from starlette.requests import Request


@serve.deployment
class Repeat:
    """The model."""

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Give back what came."""
        job: dict[str, Any] = await request.json()
        if job.get("seconds"):
            await asyncio.sleep(job["seconds"])
        return job


app = Repeat.bind()

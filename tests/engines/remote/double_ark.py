"""A double of Ark's image route: streams or whole answers, with pictures that fail one by one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from provider_double import Double
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

RISK = {
    "code": "OutputImageSensitiveContentDetected",
    "message": "may contain sensitive information. Request id: 1",
}


class ArkDouble(Double):
    """Answers with `pictures`: names of results, or errors."""

    def __init__(self, host: Any) -> None:
        super().__init__(host)
        self.orders: list[dict[str, Any]] = []
        self.pictures: list[str | dict[str, str]] = ["b.jpg"]
        self.inside = False
        self.completes = True

    def routes(self) -> list[Route]:
        return [self.route("POST", "/api/v3/images/generations", "order", self._order)]

    async def _order(self, request: Request) -> Response:
        order = await request.json()
        self.orders.append(order)
        if not order["stream"]:
            return JSONResponse(
                {"model": order["model"], "created": 1, "data": [self._one(p) for p in self.pictures]}
            )
        return StreamingResponse(self._events(), media_type="text/event-stream; charset=utf-8")

    async def _events(self) -> AsyncIterator[bytes]:
        for n, picture in enumerate(self.pictures):
            word = "failed" if isinstance(picture, dict) else "succeeded"
            kind = f"image_generation.partial_{word}"
            yield event(kind, {"model": "seedream", "created": 1, "image_index": n, **self._one(picture)})
        if self.completes:
            yield event("image_generation.completed", {"usage": {"generated_images": len(self.pictures)}})
            yield b"data: [DONE]\n\n"

    def _one(self, picture: str | dict[str, str]) -> dict[str, Any]:
        if isinstance(picture, dict):
            return {"error": picture}
        return {"url": self.made(picture)[0], "size": "2048x2048"}


def event(kind: str, facts: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **facts})}\n\n".encode()

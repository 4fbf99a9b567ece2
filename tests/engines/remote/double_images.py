"""A double of `/v1/images/…`, as OpenAI, vLLM-Omni and the server of stable-diffusion.cpp have it."""

from __future__ import annotations

import base64
from typing import Any

from provider_double import PICTURE, Double
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class ImagesDouble(Double):
    """Notes the form of every order, and answers with `data`."""

    def __init__(self, host: Any) -> None:
        super().__init__(host)
        self.orders: list[list[tuple[str, Any]]] = []
        self.data: list[dict[str, Any]] = [{"b64_json": base64.b64encode(PICTURE).decode()}]

    def routes(self) -> list[Route]:
        return [
            self.route("POST", "/v1/images/edits", "edits", self._edits),
            self.route("POST", "/v1/images/generations", "generations", self._generations),
        ]

    def order(self) -> dict[str, Any]:
        """The only order; members that came several times are lists."""
        (items,) = self.orders
        names = {name for name, _ in items}
        found = {name: [value for each, value in items if each == name] for name in names}
        return {name: values if len(values) > 1 else values[0] for name, values in found.items()}

    async def _edits(self, request: Request) -> Response:
        assert request.headers["content-type"].startswith("multipart/form-data")
        async with request.form() as form:
            self.orders.append([(name, await _read(value)) for name, value in form.multi_items()])
        return JSONResponse({"created": 1, "data": self.data})

    async def _generations(self, request: Request) -> Response:
        self.orders.append(list((await request.json()).items()))
        return JSONResponse({"created": 1, "data": self.data})


async def _read(value: UploadFile | str) -> Any:
    if isinstance(value, str):
        return value
    return (value.filename, value.content_type, await value.read())

"""A double of RunComfy's Model API, as its documentation has it."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from provider_double import Double
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

AT = "2026-01-02T03:04:05.000006+00:00"
MODEL = "bytedance/dreamina-4-0/edit"


class ModelApiDouble(Double):
    """Takes orders; a request goes through `course`, one status for each look, and ends as `ending` says."""

    def __init__(self, host: Any) -> None:
        super().__init__(host)
        self.orders: dict[str, Any] = {}
        self.course = ["in_queue", "in_progress"]
        self.ending: dict[str, Any] = {
            "status": "succeeded",
            "output": {"images": self.made("a.png")},
            "cost": 0.03,
        }
        self._looks: dict[str, int] = {}
        self._keys: dict[str, str] = {}

    def routes(self) -> list[Route]:
        one = "/v1/requests/{id}"
        return [
            self.route("POST", "/v1/files", "upload", self._upload),
            self.route("POST", "/v1/models/{id:path}", "submit", self._submit),
            self.route("GET", f"{one}/status", "status", self._status),
            self.route("GET", f"{one}/result", "result", self._result),
            self.route("POST", f"{one}/cancel", "cancel", self._cancel),
        ]

    async def _submit(self, request: Request) -> Response:
        if request.path_params["id"] != MODEL:
            return refusal(404, 400001, "InvalidResourceIdentifier: no such model")
        key = request.headers.get("idempotency-key", "")
        found = self._keys.get(key) if key else None
        name = found or str(uuid4())
        if found is None:
            self.orders[name] = await request.json()
            self._keys[key] = name
        urls = {
            f"{what}_url": f"{self.url}/v1/requests/{name}/{what}" for what in ("status", "result", "cancel")
        }
        return JSONResponse({"request_id": name, **urls})

    async def _status(self, request: Request) -> Response:
        name = request.path_params["id"]
        if name not in self.orders:
            return refusal(404, 404001, "ResourceNotFound: no such request")
        look = self._looks.get(name, 0)
        self._looks[name] = look + 1
        if look >= len(self.course):
            word = {"cancelled": "cancelled"}.get(self.ending["status"], "completed")
            return JSONResponse({"request_id": name, "status": word})
        word = self.course[look]
        place = {"queue_position": 3} if word == "in_queue" else {}
        return JSONResponse({"request_id": name, "status": word, **place})

    async def _result(self, request: Request) -> Response:
        name = request.path_params["id"]
        if name not in self.orders:
            return refusal(404, 404001, "ResourceNotFound: no such request")
        facts = dict(self.ending)
        if request.query_params.get("include_cost") != "true":
            facts.pop("cost", None)
        return JSONResponse({"request_id": name, "created_at": AT, "finished_at": AT, **facts})

    async def _cancel(self, request: Request) -> Response:
        outcome = "cancelled" if self.course[-1:] == ["in_queue"] else "not_cancellable"
        return JSONResponse(
            {"request_id": request.path_params["id"], "status": outcome, "outcome": outcome}, 202
        )

    async def _upload(self, request: Request) -> Response:
        assert re.fullmatch(r"image/(png|jpeg)", request.headers["content-type"])
        return JSONResponse({"id": "file_1", "url": f"{self.url}/files/1.png"}, 201)


def refusal(status: int, code: int, message: str, **more: Any) -> Response:
    return JSONResponse({"error_code": code, "error_message": message, "message": message, **more}, status)

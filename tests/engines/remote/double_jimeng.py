"""A double of the Visual API with Dreamina 4.0 behind it, and of the gateway that checks signatures."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

from provider_double import Double
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ACCESS_KEY, SECRET_KEY = "AKLTexample", "TnpCexample=="


class JimengDouble(Double):
    """Takes signed orders; a task goes through `course`, one status for each look, and ends as `ending` says."""

    def __init__(self, host: Any) -> None:
        super().__init__(host)
        self.orders: list[dict[str, Any]] = []
        self.course = ["in_queue", "generating"]
        self.ending = said(
            10000, {"status": "done", "image_urls": self.made("b.jpg"), "binary_data_base64": []}
        )
        self._looks = 0

    def routes(self) -> list[Route]:
        return [self.route("POST", "/", "call", self._call)]

    def actions(self, action: str) -> list[Any]:
        return [call for call in self.seen("call") if call.query["Action"] == action]

    async def _call(self, request: Request) -> Response:
        body = await request.body()
        if not signed_well(request, body):
            about = {
                "RequestId": "r-1",
                "Error": {"Code": "SignatureDoesNotMatch", "Message": "bad signature"},
            }
            return JSONResponse({"ResponseMetadata": about}, 401)
        assert request.query_params["Version"] == "2022-08-31"
        facts = json.loads(body)
        assert facts["req_key"] == "jimeng_t2i_v40"
        if request.query_params["Action"] == "CVSync2AsyncSubmitTask":
            self.orders.append(facts)
            return JSONResponse(said(10000, {"task_id": f"t-{len(self.orders)}"}))
        return self._looked(facts)

    def _looked(self, facts: dict[str, Any]) -> Response:
        assert json.loads(facts["req_json"])["return_url"] is True
        if facts["task_id"] != f"t-{len(self.orders)}":
            return JSONResponse(said(10000, {"status": "not_found"}))
        if self._looks < len(self.course):
            self._looks += 1
            return JSONResponse(said(10000, {"status": self.course[self._looks - 1]}))
        return JSONResponse(self.ending, http_of(self.ending["code"]))


def said(code: int, data: Any, message: str = "Success") -> dict[str, Any]:
    return {"code": code, "data": data, "message": message, "request_id": "r-1", "status": code}


def http_of(code: int) -> int:
    return {10: 200, 504: 400, 505: 400}.get(code // 1000 if code == 10000 else code // 100, 500)


def signed_well(request: Request, body: bytes) -> bool:
    """Derive the signature from what arrived, as the documentation says, and compare."""
    found = re.fullmatch(
        r"HMAC-SHA256 Credential=([^/]+)/(\d{8})/cn-north-1/cv/request, SignedHeaders=([a-z0-9;-]+), "
        r"Signature=([0-9a-f]{64})",
        request.headers.get("authorization", ""),
    )
    if found is None or found[1] != ACCESS_KEY:
        return False
    names, stamp = found[3].split(";"), request.headers["x-date"]
    assert {"host", "x-date", "x-content-sha256", "content-type"} <= set(names)
    digest = hashlib.sha256(body).hexdigest()
    rows = [f"{name}:{request.headers[name]}\n" for name in sorted(names)]
    query = "&".join(f"{name}={value}" for name, value in sorted(request.query_params.items()))
    canonical = f"POST\n/\n{query}\n{''.join(rows)}\n{found[3]}\n{digest}"
    key = SECRET_KEY.encode()
    text = f"HMAC-SHA256\n{stamp}\n{found[2]}/cn-north-1/cv/request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    for part in (found[2], "cn-north-1", "cv", "request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex() == found[4] and request.headers["x-content-sha256"] == digest

"""A small server of the same contract on a real port, which fails exactly when it is told to."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pretend_faults import Cut, Drop, EventStream, Fault, Job, Partial, Refuse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_host import Aborted, Host

MODEL = "bytedance/dreamina-4-0/edit"
AT = "2026-01-02T03:04:05.000006+00:00"
STORY = (("queued", {}), ("started", {}), ("progress", {"fraction": 0.4, "message": "painting"}))


@dataclass(frozen=True)
class Seen:
    """One call that arrived."""

    route: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class PretendServer:
    """The server behind a host. A submitted job ends at once, as `ending` says; if that is None, it waits."""

    def __init__(self, host: Host) -> None:
        self.url = host.url
        self.jobs: dict[str, Job] = {}
        self.files: dict[str, bytes] = {}
        self.calls: list[Seen] = []
        self.ending: str | None = "succeeded"
        self.extra = {"output": {"images": ["/files/a.png", "/files/b.png"]}, "engine": "collage"}
        self.has_events = True
        self.can_wait = True
        self.success_word = "succeeded"
        self.answers: dict[str, Any] = {}
        """Ready-made JSON for a route, instead of the usual."""
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._idempotent: dict[str, tuple[bytes, Job]] = {}
        self._transports = host.transports
        self._loop = host.loop
        host.app = self._app()

    def fail(self, route: str, *faults: Fault) -> None:
        """Let the next calls of a route fail, each in its way."""
        self._faults[route].extend(faults)

    def seen(self, route: str) -> list[Seen]:
        """Give the calls of a route."""
        return [call for call in self.calls if call.route == route]

    def tell(self, request_id: str, kind: str, data: dict[str, Any]) -> None:
        """Add an event to a job, from any thread."""
        self._do(self._add, self.jobs[request_id], kind, data)

    def end(self, request_id: str, how: str = "succeeded") -> None:
        """End a job, from any thread."""
        self._do(self._end, self.jobs[request_id], how)

    def _do(self, work: Callable[..., None], *args: Any) -> None:
        async def done() -> None:
            work(*args)

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(20)

    def _app(self) -> Starlette:
        one = "/v1/requests/{id}"
        return Starlette(
            routes=[
                self._route("POST", "/v1/files", "upload", self._upload),
                self._route("GET", "/files/{name}", "file", self._file),
                self._route("GET", "/v1/models", "models", self._models),
                self._route("GET", "/v1/models/categories", "categories", self._categories),
                self._route("GET", "/v1/models/{id:path}", "model", self._model),
                self._route("POST", "/v1/models/{id:path}", "submit", self._submit),
                self._route("GET", "/v1/requests", "list", self._list),
                self._route("DELETE", one, "delete", self._delete),
                self._route("GET", f"{one}/status", "status", self._status),
                self._route("GET", f"{one}/result", "result", self._result),
                self._route("POST", f"{one}/cancel", "cancel", self._cancel),
                self._route("GET", f"{one}/events", "events", self._events),
                self._route("GET", "/v1/keys", "keys", self._keys),
                self._route("POST", "/v1/keys", "create_key", self._create_key),
                self._route("DELETE", "/v1/keys/{id}", "revoke_key", self._revoke_key),
                self._route("POST", "/v1/backup", "backup", self._backup),
            ]
        )

    def _route(
        self, method: str, path: str, name: str, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Route:
        async def recorded(request: Request) -> Response:
            body = await request.body()
            raw_path = request.scope["raw_path"].decode()
            self.calls.append(Seen(name, raw_path, dict(request.query_params), dict(request.headers), body))
            fault = self._faults[name].popleft() if self._faults[name] else None
            request.state.fault = fault
            match fault:
                case Refuse(status, code):
                    return refusal(status, code, fault.headers)
                case Drop(late):
                    if late:
                        await endpoint(request)
                    return Aborted(self._transports)
            if name in self.answers:
                return JSONResponse(self.answers[name])
            return await endpoint(request)

        return Route(path, recorded, methods=[method])

    async def _submit(self, request: Request) -> Response:
        body, key = await request.body(), request.headers.get("idempotency-key")
        if request.path_params["id"] != MODEL:
            return refusal(404, 400001)
        if key and key in self._idempotent:
            first, job = self._idempotent[key]
            return _accepted(job) if first == body else refusal(409, 409001)
        given = json.loads(body)
        if not given.get("prompt"):
            problem = {"loc": ["body", "prompt"], "msg": "is required", "type": "required"}
            return refusal(422, 422001, detail=[problem])
        job = Job(str(uuid4()), MODEL, given)
        self.jobs[job.id] = job
        if key:
            self._idempotent[key] = (body, job)
        if self.ending is None:
            self._add(job, "queued", {})
        else:
            for kind, data in STORY:
                self._add(job, kind, dict(data))
            self._end(job, self.ending)
        return _accepted(job)

    async def _status(self, request: Request) -> Response:
        job = await self._waited(request)
        if job is None:
            return refusal(404, 404001)
        word = "completed" if job.status in {"succeeded", "failed"} else job.status
        body = {"request_id": job.id, "status": word}
        return JSONResponse({**body, "queue_position": 1} if word == "in_queue" else body)

    async def _result(self, request: Request) -> Response:
        job = await self._waited(request)
        if job is None:
            return refusal(404, 404001)
        word = self.success_word if job.status == "succeeded" else job.status
        body = {"request_id": job.id, "status": word, "created_at": AT, **job.extra}
        if "include_cost" in request.query_params:
            body["cost"] = 0.036
        return JSONResponse(body)

    async def _waited(self, request: Request) -> Job | None:
        job = self.jobs.get(request.path_params["id"])
        wait_s = float(request.query_params.get("wait", 0)) if self.can_wait else 0
        if job and wait_s and not job.has_ended:
            with suppress(TimeoutError):
                await asyncio.wait_for(job.changed.wait(), wait_s)
        return job

    async def _cancel(self, request: Request) -> Response:
        job = self.jobs[request.path_params["id"]]
        is_stoppable = job.status == "in_queue" or "force" in request.query_params
        if is_stoppable and not job.has_ended:
            self._end(job, "cancelled")
        outcome = "cancelled" if job.status == "cancelled" else "not_cancellable"
        return JSONResponse({"request_id": job.id, "status": job.status, "outcome": outcome}, 202)

    async def _delete(self, request: Request) -> Response:
        job = self.jobs.get(request.path_params["id"])
        if job is None:
            return refusal(404, 404001)
        if not job.has_ended:
            return refusal(409, 409002)
        del self.jobs[job.id]
        return JSONResponse({"request_id": job.id, "deleted": True})

    async def _events(self, request: Request) -> Response:
        job = self.jobs.get(request.path_params["id"])
        if job is None or not self.has_events:
            return refusal(404, 404001 if self.has_events else 404002)
        last = int(request.headers.get("last-event-id", "0"))
        return EventStream(job, last, request.state.fault, self._transports)

    async def _list(self, request: Request) -> Response:
        jobs = [job for job in self.jobs.values() if request.query_params.get("state") in {None, job.status}]
        start, limit = int(request.query_params.get("cursor", 0)), int(request.query_params["limit"])
        size = min(limit, 2)  # a server may give fewer than asked for
        shown, following = jobs[start : start + size], start + size
        summaries = [
            {
                "request_id": j.id,
                "model_id": j.model,
                "status": j.status,
                "created_at": AT,
                "engine": "collage",
            }
            for j in shown
        ]
        cursor = str(following) if following < len(jobs) else None
        return JSONResponse({"requests": summaries, "next_cursor": cursor})

    async def _models(self, request: Request) -> Response:
        offset, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
        ids = [MODEL, "acme/one", "acme/two", "acme/three", "acme/four"]
        ids = [name for name in ids if request.query_params.get("search", "") in name]
        shown = [{"model_id": name, "kind": "model"} for name in ids[offset : offset + min(limit, 2)]]
        return JSONResponse({"models": shown, "total": len(ids), "limit": limit, "offset": offset})

    async def _model(self, request: Request) -> Response:
        entry = {"model_id": request.path_params["id"], "categories": ["image-to-image"], "base_price_usd": 0}
        return JSONResponse({**entry, "input_schema": {"properties": {}}, "required_inputs": ["prompt"]})

    async def _categories(self, request: Request) -> Response:
        return JSONResponse({"categories": ["image-to-image"]})

    async def _upload(self, request: Request) -> Response:
        body = await request.body()
        digest = hashlib.sha256(body).hexdigest()
        name = f"file_{digest[:32]}"
        self.files[name] = body
        answer = {"id": name, "url": f"{self.url}/files/{name}", "size_bytes": len(body), "sha256": digest}
        kind = request.headers["content-type"]
        return JSONResponse({**answer, "content_type": kind, "expires_at": AT}, 201)

    async def _file(self, request: Request) -> Response:
        body = self.files.get(request.path_params["name"])
        if body is None:
            return refusal(404, 404001)
        fault = request.state.fault
        if isinstance(fault, Cut):
            return Partial(body, fault, self._transports)
        return Response(body, media_type="image/png")

    async def _keys(self, request: Request) -> Response:
        return JSONResponse(
            {"keys": [{"id": "key_1", "name": "ada", "scopes": ["caller"], "created_at": AT}]}
        )

    async def _create_key(self, request: Request) -> Response:
        given = await request.json()
        return JSONResponse({"id": "key_2", **given, "key": "off_secret", "created_at": AT}, 201)

    async def _revoke_key(self, request: Request) -> Response:
        is_known = request.path_params["id"] == "key_1"
        return JSONResponse({"id": "key_1"}) if is_known else refusal(404, 404001)

    async def _backup(self, request: Request) -> Response:
        return JSONResponse({"asked": await request.json(), "query": dict(request.query_params)})

    def _add(self, job: Job, kind: str, data: dict[str, Any]) -> None:
        if kind == "started":
            job.status = "in_progress"
        job.events.append((kind, {**data, "at": AT}))
        job.changed.set()
        job.changed = asyncio.Event()

    def _end(self, job: Job, how: str) -> None:
        job.status = how
        job.extra = {**job.extra, "finished_at": AT}
        if how == "succeeded":
            job.extra |= self.extra
        if how == "failed":
            job.extra["error"] = {"type": "picture_damaged", "message": "It is torn.", "detail": {"index": 0}}
        self._add(job, "ended", {"status": how})


def refusal(
    status: int, code: int | None = None, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """Answer in the contract's shape of errors."""
    message = f"refused with {status}"
    body = {"error_code": code or status * 1000 + 1, "error_message": message, "message": message, **more}
    return JSONResponse(body, status, headers)


def _accepted(job: Job) -> Response:
    base = f"http://elsewhere.invalid/v1/requests/{job.id}"
    urls = {f"{name}_url": f"{base}/{name}" for name in ("status", "result", "cancel")}
    return JSONResponse({"request_id": job.id, **urls})

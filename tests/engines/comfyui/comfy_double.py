"""A small ComfyUI: its HTTP and WebSocket interface on a real port, its queue, and nodes that make real pictures.

Written after ComfyUI's own `server.py`: routes, names of fields and messages are its. `old` is a server of 2024:
it chooses the id of a prompt itself, interrupts whatever is run, and has none of the later routes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import mimetypes
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from comfy_nodes import CLASSES, Bench
from comfy_queue import PromptQueue, validate
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

PREVIEW_IMAGE = 1
DEADLINE_S = 20


def until(probe: Callable[[], Any]) -> Any:
    """Ask again until the answer is true; fail at the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not (found := probe()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


class ComfyUI:
    """One server; what it was asked is in `calls`, what it shall do wrong is set on it."""

    def __init__(self, folder: Path, port: int = 0, *, old: bool = False, key: str = "") -> None:
        for name in ("input", "output", "temp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.bench = Bench(folder)
        self.old = old
        self.key = key
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.sockets: dict[str, WebSocket] = {}
        self.clients: list[str] = []
        self.takes_sockets = True
        self.loses_answers = False
        self.delay_queue_s = 0.0
        self.number = 0
        self.max_upload_bytes = 100 * 2**20
        self._loop: asyncio.AbstractEventLoop | None = None
        self.queue = PromptQueue(self.bench, self._say, old=old)
        self._listening = socket.socket(proto=socket.IPPROTO_TCP)  # or asyncio leaves Nagle's algorithm on
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind(("127.0.0.1", port))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            self._app(), log_config=None, ws="websockets-sansio", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        until(lambda: self._server.started)

    # --- what tests do with it ---------------------------------------------------------------------------

    def stop(self) -> None:
        self.drop_sockets()
        self._server.should_exit = self._server.force_exit = True
        self.queue.stop()
        self._thread.join(DEADLINE_S)
        self._listening.close()

    def drop_sockets(self) -> None:
        """Close every WebSocket, as a proxy between does."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result(DEADLINE_S)

    def called(self, method: str, path: str) -> int:
        return sum((method, path) == call for call in self.calls)

    def pictures(self, kind: str) -> list[str]:
        root = self.bench.place(kind)
        return sorted(each.relative_to(root).as_posix() for each in root.rglob("*") if each.is_file())

    def somebody_runs(self, workflow: dict[str, Any], client: str = "somebody") -> str:
        """Another client's prompt, straight into the queue."""
        _, ends, _ = validate(workflow, self.bench)
        prompt_id = str(uuid.uuid4())
        self.number += 1
        self.queue.put((self.number, prompt_id, workflow, {"client_id": client}, ends))
        return prompt_id

    # --- the server --------------------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._listening])

    async def _drop(self) -> None:
        for each in list(self.sockets.values()):
            with contextlib.suppress(RuntimeError):
                await each.close(1012)

    def _app(self) -> Any:
        routes = [
            Route("/prompt", self._prompt, methods=["GET", "POST"]),
            Route("/queue", self._queue, methods=["GET", "POST"]),
            Route("/interrupt", self._interrupt, methods=["POST"]),
            Route("/history/{prompt_id}", self._history),
            Route("/history", self._histories, methods=["GET", "POST"]),
            Route("/upload/image", self._upload, methods=["POST"]),
            Route("/view", self._view),
            Route("/object_info", self._nodes),
            WebSocketRoute("/ws", self._socket),
        ]
        if not self.old:
            routes.append(Route("/api/jobs/{prompt_id}/cancel", self._cancel, methods=["POST"]))
        app = Starlette(routes=routes)

        async def noted(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                self.calls.append((scope["method"], scope["path"]))
            headers = dict(scope.get("headers", ()))
            if self.key and headers.get(b"authorization") != f"Bearer {self.key}".encode():
                await Response("go away", 401)(scope, receive, send)
                return
            await app(scope, receive, send)

        return noted

    async def _prompt(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"exec_info": {"queue_remaining": self.queue.remaining()}})
        body = await request.json()
        self.bodies.append(body)
        wish = None if self.old else body.get("prompt_id")
        if wish is not None and str(uuid.UUID(wish)) != wish:
            return JSONResponse({"error": {"type": "invalid_prompt_id"}, "node_errors": {}}, 400)
        prompt_id = wish or str(uuid.uuid4())
        error, ends, node_errors = validate(body["prompt"], self.bench, old=self.old)
        if error is not None:
            return JSONResponse({"error": error, "node_errors": node_errors}, 400)
        self.number += 1
        extra = {**body.get("extra_data", {}), "client_id": body["client_id"]}
        self.queue.put((self.number, prompt_id, body["prompt"], extra, ends))
        if self.loses_answers:
            self.loses_answers = False
            if self.bench.gate.is_set():  # the prompt has ended before the answer would have left
                while prompt_id not in self.queue.history:
                    await asyncio.sleep(0.01)
            return _Broken()
        return JSONResponse({"prompt_id": prompt_id, "number": self.number, "node_errors": node_errors})

    async def _queue(self, request: Request) -> Response:
        if request.method == "POST":
            for prompt_id in (await request.json()).get("delete", ()):
                self.queue.delete(prompt_id)
            return Response()
        await asyncio.sleep(self.delay_queue_s)
        running, waiting = self.queue.current()
        return JSONResponse({"queue_running": running, "queue_pending": waiting})

    async def _interrupt(self, request: Request) -> Response:
        body = await request.body()
        prompt_id = None if self.old else json.loads(body or b"{}").get("prompt_id")
        if prompt_id is None:
            self.bench.interrupted.set()
        else:
            self.queue.interrupt_if_running(prompt_id)
        return Response()

    async def _cancel(self, request: Request) -> Response:
        prompt_id = request.path_params["prompt_id"]
        done = self.queue.interrupt_if_running(prompt_id) or self.queue.delete(prompt_id)
        return JSONResponse({"cancelled": done})

    async def _history(self, request: Request) -> Response:
        prompt_id = request.path_params["prompt_id"]
        entry = self.queue.history.get(prompt_id)
        return JSONResponse({prompt_id: entry} if entry else {})

    async def _histories(self, request: Request) -> Response:
        if request.method == "GET":
            most = int(request.query_params.get("max_items", 10_000))
            return JSONResponse(dict(list(self.queue.history.items())[-most:]))
        if (await request.json()).get("clear"):
            self.queue.history.clear()
        return Response()

    async def _upload(self, request: Request) -> Response:
        if int(request.headers["content-length"]) > self.max_upload_bytes:
            return Response(status_code=413)
        form = await request.form()
        image, subfolder, kind = form["image"], str(form.get("subfolder", "")), str(form.get("type", "input"))
        assert not isinstance(image, str) and image.filename
        folder = (self.bench.place(kind) / subfolder).resolve()
        if not folder.is_relative_to(self.bench.place(kind).resolve()):
            return Response(status_code=400)
        folder.mkdir(parents=True, exist_ok=True)
        name, n = image.filename, 1
        while (folder / name).exists() and form.get("overwrite") not in {"true", "1"}:
            stem, _, suffix = image.filename.rpartition(".")
            name, n = f"{stem} ({n}).{suffix}", n + 1
        (folder / name).write_bytes(await image.read())
        await form.close()
        return JSONResponse({"name": name, "subfolder": subfolder, "type": kind})

    async def _view(self, request: Request) -> Response:
        query = request.query_params
        path = self.bench.place(query.get("type", "output")) / query.get("subfolder", "") / query["filename"]
        if not path.is_file():
            return Response(status_code=404)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return FileResponse(path, media_type=kind)

    async def _nodes(self, request: Request) -> Response:
        return JSONResponse({name: kind.info(name, self.bench) for name, kind in CLASSES.items()})

    # --- its WebSocket -----------------------------------------------------------------------------------

    async def _socket(self, each: WebSocket) -> None:
        if not self.takes_sockets:
            await each.close(1011)
            return
        await each.accept()
        sid = each.query_params.get("clientId") or uuid.uuid4().hex
        self.sockets[sid] = each
        self.clients.append(sid)
        length = {"exec_info": {"queue_remaining": self.queue.remaining()}}
        await self._send(each, "status", {"status": length, "sid": sid})
        if self.queue.client == sid and self.queue.last_node is not None:
            await self._send(each, "executing", {"node": self.queue.last_node})
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await each.receive_text()
        if self.sockets.get(sid) is each:
            del self.sockets[sid]

    def _say(self, event: str, data: dict[str, Any], sid: str | None) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(self._publish(event, data, sid), self._loop)

    async def _publish(self, event: str, data: dict[str, Any], sid: str | None) -> None:
        heard = (
            list(self.sockets.values()) if sid is None else [self.sockets[sid]] if sid in self.sockets else []
        )
        for each in heard:
            await self._send(each, event, data)
            if event == "progress":  # a preview of the step: the kind, its format, the picture
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await each.send_bytes(struct.pack(">II", PREVIEW_IMAGE, 1) + b"\xff\xd8\xff" * 100)

    async def _send(self, each: WebSocket, event: str, data: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await each.send_text(json.dumps({"type": event, "data": data}))


class _Broken(Response):
    """The connection ends in the middle of the answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        head = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


@contextmanager
def comfyui(folder: Path, port: int = 0, **options: Any) -> Iterator[ComfyUI]:
    """A server for as long as the block lasts."""
    server = ComfyUI(folder, port, **options)
    try:
        yield server
    finally:
        server.stop()

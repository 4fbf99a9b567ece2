"""A small double of the hub's HTTP interface: one repository, its tree, and its files, from a folder."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Answers for `repository`; every file that was sent is noted in `sent`."""

    def __init__(self, repository: str, folder: Path, sent: list[str], *arguments: Any) -> None:
        self.repository = repository
        self.folder = folder
        self.sent = sent
        super().__init__(*arguments)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        about, files = f"/api/models/{self.repository}", f"/{self.repository}/resolve/"
        if path.startswith(f"{about}/tree/"):
            self._give_json([self._entry(each) for each in self._files()])
        elif path == about or path.startswith(f"{about}/revision/"):
            self._give_json({"id": self.repository, "sha": COMMIT, "siblings": []})
        elif path.startswith(files) and (name := path.removeprefix(files).partition("/")[2]) in self._files():
            self._give_file(name)
        else:
            self.send_response(404)
            kind = "EntryNotFound" if path.startswith(files) else "RepoNotFound"
            self.send_header("X-Error-Code", kind)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _files(self) -> list[str]:
        return [each.relative_to(self.folder).as_posix() for each in self.folder.rglob("*") if each.is_file()]

    def _entry(self, name: str) -> dict[str, Any]:
        body = (self.folder / name).read_bytes()
        return {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}

    def _give_file(self, name: str) -> None:
        body = (self.folder / name).read_bytes()
        self._head(body, "application/octet-stream", ETag=f'"{hashlib.sha1(body).hexdigest()}"')
        if self.command == "GET":
            self.sent.append(name)
            self.wfile.write(body)

    def _give_json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self._head(body, "application/json")
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(200)
        told = {"Content-Type": kind, "Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, **headers}
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def serving(repository: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a hub with one repository, and the files that it has sent."""
    sent: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, repository, folder, sent)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", sent
        finally:
            server.shutdown()
            thread.join()

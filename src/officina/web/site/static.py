"""The static files of the pages: style, scripts and the typeface, under a name that changes with them.

A page links to `/static/<version>/app.css`; `version` is a digest of all files, so that browsers may keep
them for ever and a script may import its neighbour by a relative path.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from officina.errors import UnknownFile
from officina.web.call import Call
from officina.web.render import Answer

FOLDER = Path(__file__).parents[1] / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
FOR_EVER = b"public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent: whole, and compressed where that helps."""

    body: bytes
    packed: bytes | None
    media_type: str


class Static:
    """Every static file, in memory."""

    def __init__(self, folder: Path = FOLDER) -> None:
        digest = hashlib.sha256()
        self.files: dict[str, StaticFile] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in TYPES:
                name, body = path.relative_to(folder).as_posix(), path.read_bytes()
                digest.update(name.encode() + b"\0" + body)
                packed = None if path.suffix == ".woff2" else gzip.compress(body, mtime=0)
                self.files[name] = StaticFile(body, packed, TYPES[path.suffix])
        self.version = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The path of a file. A KeyError when there is none."""
        return f"/static/{self.version}/{name}" if self.files[name] else ""

    def answer(self, call: Call) -> Answer:
        """Serve a file; an older version of it is the same file, not to be kept. Raises UnknownFile."""
        file = self.files.get(call.params["name"])
        if file is None:
            raise UnknownFile(f"There is no static file {call.params['name'][:80]!r}.")
        current = call.params["version"] == self.version
        headers = [
            (b"content-type", file.media_type.encode()),
            (b"cache-control", FOR_EVER if current else b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"vary", b"accept-encoding"),
        ]
        body = file.body
        if file.packed is not None and "gzip" in call.header(b"accept-encoding"):
            body = file.packed
            headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", str(len(body)).encode()))
        return Answer(200, body, headers)

"""Files: uploads in; outputs and uploads out, by unguessable names."""

from __future__ import annotations

import re
import time
from pathlib import PurePosixPath

from starlette.responses import StreamingResponse

from officina.errors import InvalidInput, Problem, RangeNotSatisfiable, UnknownFile
from officina.job import StoredFile, new_secret
from officina.picture import sniff
from officina.service import MIB
from officina.store import Served
from officina.submit import UNTYPED
from officina.web.call import Call
from officina.web.chunks import nothing, opened, peek
from officina.web.multipart import first_file
from officina.web.render import Answer, json, when

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_UNSAFE = re.compile(r"[^\w.\- ]+")


async def upload(call: Call) -> Answer:
    """Keep a file (multipart, or the raw body with `?filename=`); 201 with its id and URL."""
    key = await call.key()
    call.gateway.check_disk()
    content_type = call.header(b"content-type")
    filename = call.query.get("filename", "")
    chunks = call.chunks()
    if content_type.lower().startswith("multipart/"):
        filename, chunks = await first_file(chunks, content_type)
    head, chunks = await peek(chunks)
    if not head:
        raise InvalidInput(detail=[Problem(("body",), "the file is empty", "empty")])
    found = sniff(head)
    mime, suffix = (found.mime, found.suffix) if found else UNTYPED
    name, now = new_secret(), time.time()
    store_key = f"uploads/{name}"
    filename = _UNSAFE.sub("_", PurePosixPath(filename).name)[:120]
    limit = call.gateway.settings.max_upload_mb * MIB
    put = await call.gateway.store.put(store_key, chunks, limit, Served(mime, filename))
    file = StoredFile(
        name=name,
        suffix=suffix,
        store_key=store_key,
        key_id=key.id,
        content_type=mime,
        size_bytes=put.size_bytes,
        sha256=put.sha256,
        created_at=now,
        expires_at=now + call.gateway.settings.retention_days * 86400.0,
        filename=filename,
    )
    await call.gateway.queue.add_file(file)
    return json(described(file, call.gateway.public_url), 201)


def described(file: StoredFile, public_url: str) -> dict[str, object]:
    """A stored file as its owner reads it."""
    return {
        "id": file.id,
        "url": f"{public_url}/files/{file.name}{file.suffix}",
        "filename": file.filename,
        "content_type": file.content_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "created_at": when(file.created_at),
        "expires_at": when(file.expires_at),
    }


async def download(call: Call) -> Answer | StreamingResponse:
    """Serve a file: `ETag`, `Range`, its own type for media, an attachment for anything else."""
    name, _, suffix = call.params["name"].partition(".")
    file = await call.gateway.queue.file(name)
    if file.expires_at < time.time() or suffix not in {"", file.suffix.lstrip(".")}:
        raise UnknownFile
    headers = _headers(file)
    if headers["ETag"] in call.header(b"if-none-match"):
        return Answer(304, b"", [(n.lower().encode(), v.encode()) for n, v in headers.items()])
    start, end = _range(call, file, headers["ETag"])
    partial = (start, end) != (0, file.size_bytes)
    headers["Content-Length"] = str(end - start)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    head = call.scope["method"] == "HEAD"
    body = nothing() if head else await opened(call.gateway.store.read(file.store_key, start, end))
    return StreamingResponse(body, 206 if partial else 200, headers, file.content_type)


def _headers(file: StoredFile) -> dict[str, str]:
    return {
        "ETag": f'"{file.sha256[:32]}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=86400, immutable",
        "Content-Disposition": Served(file.content_type, file.filename or file.name).disposition,
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


def _range(call: Call, file: StoredFile, etag: str) -> tuple[int, int]:
    """First byte, and one past the last. A range we do not follow means the whole file, as RFC 9110 says."""
    found = _RANGE.fullmatch(call.header(b"range").strip())
    condition = call.header(b"if-range")
    if not found or found[0] == "bytes=-" or (condition and condition != etag):
        return 0, file.size_bytes
    if not found[1]:
        return max(0, file.size_bytes - int(found[2])), file.size_bytes
    start = int(found[1])
    end = min(int(found[2]) + 1, file.size_bytes) if found[2] else file.size_bytes
    if start >= file.size_bytes or start >= end:
        raise RangeNotSatisfiable(f"The file has {file.size_bytes} bytes; ask for a range inside it.")
    return start, end

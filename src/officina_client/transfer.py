"""Files up to the server and down to the disk, as flows."""

from __future__ import annotations

import io
import mimetypes
import os
import secrets
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias
from urllib.parse import unquote, urlsplit

from officina_client import answers
from officina_client.effects import Call, Flow, Source, do, open_body, read
from officina_client.refusals import raise_for
from officina_client.retry import exchange, retrying
from officina_client.server import Server
from officina_client.values import FileRef

Uploadable: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or an open binary file."""

_UPLOAD_SILENCE_S = 120.0


def upload(
    server: Server, source: Uploadable, filename: str | None = None, content_type: str | None = None
) -> Flow[FileRef]:
    """Send a file. It is sent anew after a failure if it can be read anew: a second copy just expires."""
    name = filename or _name_of(source)
    kind = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    body = yield from do(partial(_source, source))
    headers = {"Content-Type": kind}
    if body.size_bytes is not None:
        headers["Content-Length"] = str(body.size_bytes)
    call = server.call("POST", "/v1/files", {"filename": name}, body, headers)
    call = replace(call, read_s=_UPLOAD_SILENCE_S, is_repeatable=body.is_rewindable)
    return answers.file_ref((yield from exchange(call, server.retry)))


def download(server: Server, url: str, to: str | os.PathLike[str], method: str = "GET") -> Flow[Path]:
    """Fetch a file. `to` holds the whole file or what it held before, never a part."""
    target = Path(to)
    if (yield from do(target.is_dir)):
        target /= _last_segment(url)
    call = server.file_call(url, method.upper())
    yield from retrying(partial(_fetch, call, target), server.retry, call.is_repeatable)
    return target


def _fetch(call: Call, target: Path) -> Flow[None]:
    raise_for((yield from open_body(call)))
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    file = yield from do(partial(_create, part))
    try:
        while chunk := (yield from read()):
            yield from do(partial(file.write, chunk))
        yield from do(partial(_keep, file, target))
    finally:
        file.close()
        part.unlink(missing_ok=True)


def _create(path: Path) -> BinaryIO:
    return path.open("xb")


def _keep(file: BinaryIO, target: Path) -> None:
    """Give a file its name once its bytes are on the disk, so that a crash leaves no empty file behind."""
    file.flush()
    os.fsync(file.fileno())
    file.close()
    Path(file.name).replace(target)


def _source(source: Uploadable) -> Source:
    if isinstance(source, bytes):
        return Source(partial(io.BytesIO, source), len(source))
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return Source(lambda: path.open("rb"), path.stat().st_size)
    return _open_source(source)


def _open_source(file: BinaryIO) -> Source:
    """Read an open file from where it stands; it stays open, since it is the caller's."""
    if not file.seekable():
        return Source(lambda: nullcontext(file), None, is_rewindable=False)
    start = file.tell()
    size_bytes = file.seek(0, os.SEEK_END) - start

    def reading() -> nullcontext[BinaryIO]:
        file.seek(start)
        return nullcontext(file)

    return Source(reading, size_bytes)


def _name_of(source: Uploadable) -> str:
    if isinstance(source, str | os.PathLike):
        return Path(source).name
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) else "upload"


def _last_segment(url: str) -> str:
    """Give a file name that a URL suggests; it never leads out of the folder."""
    name = Path(unquote(urlsplit(url).path)).name.replace("\0", "")
    return name if name not in {"", ".", ".."} else "download"

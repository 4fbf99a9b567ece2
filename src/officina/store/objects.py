"""An object store behind a URL: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Collection
from datetime import timedelta
from itertools import islice
from typing import Any

import obstore

from officina.errors import OfficinaError, SettingsError, Unavailable, UnknownFile
from officina.job import new_secret
from officina.store.place import Place
from officina.store.protocol import (
    CHUNK_BYTES,
    OWN_PREFIXES,
    PARALLEL,
    Grant,
    Meter,
    Put,
    Seen,
    Served,
    checked,
    log,
)

PART_BYTES = 5 * 2**20
"""Larger files go in parts of so many bytes; no provider takes smaller ones."""
PARTS_AT_ONCE = 3
ANSWER_S = 2.5
"""So long a store may take to begin its answer."""
SLOWEST_BYTES_S = 2**20
STALL_S = 20.0
COPY_S = 60.0
AWAY_S = 1.0
"""After a store has not answered in time, calls fail at once for so long: none shall wait behind others."""
MOST_DELETES = 1000
HEAD_BYTES = 512

_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|The specified bucket does not exist")
_NO_CREDENTIALS = re.compile(r"169\.254\.169\.254|metadata\.google|MissingCredentials|[Nn]o credentials")
_REFUSED = (obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError)
_QUERY = re.compile(r"\?[^\s\"')]+")


class ObjectStore:
    """Objects in a bucket, below a prefix."""

    signs = True

    def __init__(self, place: Place) -> None:
        self._place = place
        self._store = place.open()
        self._small = asyncio.Semaphore(PARALLEL)
        self._large = asyncio.Semaphore(PARALLEL)
        self._away_until = 0.0

    async def put(
        self, key: str, chunks: AsyncIterator[bytes], limit_bytes: int, served: Served | None = None
    ) -> Put:
        """See Store. What fits into one part goes as one request, when all of it is here."""
        meter = Meter(chunks, limit_bytes)
        attributes = self.headers(served) if served else None
        rest = meter.read()
        first, is_all = await _first_part(rest)
        if is_all:
            async with self._small, self._answering(ANSWER_S + len(first) / SLOWEST_BYTES_S):
                await obstore.put_async(
                    self._store, checked(key), first, attributes=attributes, use_multipart=False
                )
            return meter.put
        await self.check()
        async with self._large:
            try:
                async with self._answering(None):
                    await obstore.put_async(
                        self._store,
                        checked(key),
                        _chain(first, rest),
                        attributes=attributes,
                        chunk_size=PART_BYTES,
                        max_concurrency=PARTS_AT_ONCE,
                    )
            except Exception:
                if meter.broken is not None:
                    raise meter.broken from None
                raise
        return meter.put

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See Store."""
        options: Any = {"range": (start, end)} if end is not None else None
        async with self._answering():
            found = await obstore.get_async(self._store, checked(key), options=options)
        stream = aiter(found.stream(min_chunk_size=CHUNK_BYTES))
        while True:
            async with self._answering(STALL_S):
                chunk = await anext(stream, None)
            if chunk is None:
                return
            yield bytes(chunk)

    async def delete(self, keys: Collection[str]) -> None:
        """See Store; in bulk where the provider can."""
        left = iter([checked(key) for key in keys])
        while group := list(islice(left, MOST_DELETES)):
            try:
                async with self._answering(STALL_S):
                    await obstore.delete_async(self._store, group)
            except UnknownFile:  # a provider without bulk deletes stops at the first that is gone
                for key in group:
                    with contextlib.suppress(UnknownFile):
                        async with self._answering():
                            await obstore.delete_async(self._store, key)

    async def older_than(self, age_s: float) -> AsyncIterator[tuple[str, ...]]:
        """See Store."""
        before = time.time() - age_s
        for prefix in OWN_PREFIXES:
            pages = aiter(obstore.list(self._store, prefix=prefix, chunk_size=MOST_DELETES))
            while True:
                async with self._answering(STALL_S):
                    page = await anext(pages, None)
                if page is None:
                    break
                yield tuple(each["path"] for each in page if each["last_modified"].timestamp() < before)

    def free_bytes(self) -> int | None:
        """See Store."""
        return None

    async def grant_put(self, key: str, served: Served, lifetime_s: float) -> Grant | None:
        """See Store."""
        url = await self._signed("PUT", key, lifetime_s)
        headers = self.headers(served)
        if self._place.scheme == "az":
            headers |= {"x-ms-blob-type": "BlockBlob"}
            headers |= {f"x-ms-blob-{name.lower()}": text for name, text in self.headers(served).items()}
        return Grant(url, headers) if url else None

    async def grant_get(self, key: str, lifetime_s: float) -> Grant | None:
        """See Store."""
        url = await self._signed("GET", key, lifetime_s)
        return Grant(url) if url else None

    async def _signed(self, method: Any, key: str, lifetime_s: float) -> str:
        """A signed URL; empty when the credentials at hand cannot sign."""
        try:
            async with self._answering():
                lifetime = timedelta(seconds=lifetime_s)
                return str(await obstore.sign_async(self._store, method, checked(key), lifetime))
        except Unavailable:
            return ""

    async def look(self, key: str) -> Seen:
        """See Store."""
        async with self._answering(STALL_S):
            options: Any = {"range": (0, HEAD_BYTES)}
            found = await obstore.get_async(self._store, checked(key), options=options)
            head = bytes(await found.bytes_async())
        headers = {str(name): str(text) for name, text in found.attributes.items()}
        return Seen(found.meta["size"], headers, head)

    async def copy(self, source: str, key: str) -> None:
        """See Store."""
        async with self._answering(COPY_S):
            await obstore.copy_async(self._store, checked(source), checked(key))

    def headers(self, served: Served) -> dict[str, str]:
        """See Store: signed and public delivery is as safe as ours, as far as a bucket can be told."""
        whose = "public" if self._place.is_public else "private"
        return {
            "Content-Type": served.content_type,
            "Content-Disposition": served.disposition,
            "Cache-Control": f"{whose}, max-age=86400, immutable",
        }

    async def check(self) -> None:
        """See Store."""
        with contextlib.suppress(UnknownFile):
            async with self._answering():
                await obstore.get_async(self._store, "probe/check")

    async def probe(self) -> None:
        """See Store."""
        key = f"probe/{new_secret()}"
        for doing in ("put", "get", "delete"):
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._do(doing, key)
            except Exception as error:  # noqa: BLE001
                raise self._explained(error, doing) from None

    async def _do(self, doing: str, key: str) -> None:
        if doing == "put":
            await obstore.put_async(self._store, key, b"probe", use_multipart=False)
        elif doing == "get":
            await obstore.get_async(self._store, key)
        else:
            await obstore.delete_async(self._store, key)

    def _explained(self, error: Exception, doing: str) -> OfficinaError:
        """What the operator must do about a store that does not work at the start."""
        text, shown = str(error), self._place.shown
        if isinstance(error, FileNotFoundError):
            return SettingsError(
                f"store = {shown!r}: there is no bucket {self._place.bucket!r}; create it, or mend its name "
                "(and store_endpoint, if another server has it)."
            )
        if _NO_CREDENTIALS.search(text):
            return SettingsError(
                f"store = {shown!r}: no credentials were found; set the provider's environment variables, "
                "such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        if isinstance(error, _REFUSED):
            return SettingsError(
                f"store = {shown!r} refuses to {doing} an object; give the credentials the permissions to "
                "put, get, list and delete objects below it, or mend them."
            )
        _note(error)
        return Unavailable(
            f"The store {shown} does not answer; see that it runs and store_endpoint is right."
        )

    @contextlib.asynccontextmanager
    async def _answering(self, limit_s: float | None = ANSWER_S) -> AsyncIterator[None]:
        """Bound the wait, and translate what goes wrong; a store known to be silent is not asked."""
        if time.monotonic() < self._away_until:
            raise _away()
        try:
            async with asyncio.timeout(limit_s):
                yield
        except TimeoutError:
            self._away_until = time.monotonic() + AWAY_S
            _note(TimeoutError("no answer in time"))
            raise _away() from None
        except FileNotFoundError as error:
            if _NO_BUCKET.search(str(error)):
                _note(error)
                raise _away() from None
            raise UnknownFile from None
        except (obstore.exceptions.BaseError, OSError) as error:
            _note(error)
            raise _away() from None


def _away() -> Unavailable:
    return Unavailable("The store does not answer; try again shortly.", retry_after=2)


def _note(error: Exception) -> None:
    """Log why; signatures stand in queries, so those are left out."""
    text = str(error).partition("Debug source:")[0].strip()
    log.warning("store.failed", reason=_QUERY.sub("?…", text)[:300])


async def _first_part(chunks: AsyncIterator[bytes]) -> tuple[bytes, bool]:
    """As many bytes as fit into one request, and whether that is all."""
    parts: list[bytes] = []
    size_bytes = 0
    async for chunk in chunks:
        parts.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > PART_BYTES:
            return b"".join(parts), False
    return b"".join(parts), True


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk

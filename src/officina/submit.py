"""The durable line: from a caller's body to a job on disk.

Checks the body against the model's schema, moves data URIs into the store, pins the stored files that the
input refers to, and enqueues. Nothing is fetched here: the caller holds a request_id at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from officina.catalog import Catalog, Entry, id_problem
from officina.errors import (
    InvalidInput,
    MalformedId,
    Problem,
    RunError,
    TooLarge,
    UnknownFile,
    UnknownModel,
)
from officina.fetch.data_uri import is_data_uri, read_data_uri
from officina.job import FILE_ID, Level, NewJob, StoredFile, Submitted, new_id, new_secret
from officina.keys import Key
from officina.picture import sniff
from officina.queue.protocol import Queue
from officina.store import Served, Store
from officina.store.protocol import discard

UNTYPED = ("application/octet-stream", ".bin")


@dataclass(frozen=True, slots=True)
class Limits:
    """What submit is bound by: the operator's limits, and the URLs under which our own files are known."""

    strict: bool
    max_waiting: int
    max_file_bytes: int
    retention_s: float
    file_urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller asks: a model, a decoded JSON body, and how it shall be queued."""

    key: Key
    model_id: str
    body: object
    level: Level = 1
    idempotency_key: str = ""


@dataclass(slots=True)
class _Files:
    """The stored files that one input refers to, and those that were stored for it."""

    pins: list[str] = field(default_factory=list)
    own: list[StoredFile] = field(default_factory=list)


class Intake:
    """Takes orders: everything between the HTTP body and the queue."""

    def __init__(self, catalog: Catalog, queue: Queue, store: Store, limits: Limits) -> None:
        self._catalog = catalog
        self._queue = queue
        self._store = store
        self._limits = limits

    async def submit(self, order: Order) -> Submitted:
        """Check and enqueue an order; durable when this returns.

        Raises:
            MalformedId, UnknownModel: there is no such model.
            InvalidInput: every problem of the body at once.
            QueueFull, BudgetSpent, RateLimited, IdempotencyConflict: see Queue.submit.
        """
        entry = self._entry(order.model_id)
        digest = b""
        if order.idempotency_key:
            digest = _digest(order)
            earlier = await self._queue.replay(order.key.id, order.idempotency_key, digest)
            if earlier:
                return earlier
        checked = entry.spec.check(order.body, strict=self._limits.strict)
        if checked.problems:
            raise InvalidInput(detail=checked.problems)
        job_id = new_id()
        files = _Files()
        if _mentions_files(entry, checked.input, self._limits.file_urls):
            await self._settle_files(entry, checked.input, job_id, order.key, files)
        job = NewJob(
            id=job_id,
            model=order.model_id,
            key_id=order.key.id,
            input=msgspec.json.encode(checked.input),
            level=order.level,
            cost=entry.model.cost,
            weight=order.key.weight,
            max_attempts=entry.model.max_attempts,
            pins=tuple(dict.fromkeys(files.pins)),
            own=tuple(files.own),
            notes=msgspec.json.encode({"ignored_fields": checked.ignored}) if checked.ignored else None,
            idempotency_key=order.idempotency_key,
            digest=digest,
            text=_text(entry, checked.input),
            most_outputs=(most := _most_outputs(checked.input)),
            most_usd=_most_usd(entry, most),
        )
        return await self._enqueue(job)

    def _entry(self, model_id: str) -> Entry:
        entry = self._catalog.get(model_id)
        if entry is None:
            problem = id_problem(model_id)
            if problem:
                raise MalformedId(f"The model id {model_id[:100]!r} is malformed: {problem}")
            raise UnknownModel(f"No model {model_id!r} is offered here; GET /v1/models lists them.")
        return entry

    async def _enqueue(self, job: NewJob) -> Submitted:
        try:
            submitted = await self._queue.submit(job, self._limits.max_waiting)
        except BaseException:
            await discard(self._store, [file.store_key for file in job.own])
            raise
        if submitted.replayed:
            await discard(self._store, [file.store_key for file in job.own])
        return submitted

    async def _settle_files(
        self, entry: Entry, body: dict[str, Any], job_id: str, key: Key, files: _Files
    ) -> None:
        """Replace our own URLs and data URIs in `body` by file ids, in place; report all that are wrong."""
        problems: list[Problem] = []
        for name, index, source in list(_sources(entry, body)):
            loc = ("body", name) if index is None else ("body", name, index)
            try:
                settled = await self._settle(source, job_id, key, files)
            except UnknownFile:
                problems.append(Problem(loc, "no such uploaded file: upload it again", "unknown_file"))
            except (RunError, TooLarge) as error:
                problems.append(Problem(loc, error.message, "format"))
            else:
                _put_back(body, name, index, settled)
        if problems:
            await discard(self._store, [file.store_key for file in files.own])
            raise InvalidInput(detail=problems)

    async def _settle(self, source: str, job_id: str, key: Key, files: _Files) -> str:
        name = _own_name(source, self._limits.file_urls)
        if name is not None:
            file = await self._queue.file(name)
            if file.expires_at < time.time():
                raise UnknownFile
            files.pins.append(name)
            return FILE_ID + name
        if is_data_uri(source):
            file = await self._keep(read_data_uri(source), job_id, key)
            files.own.append(file)
            return file.id
        return source

    async def _keep(self, pieces: Iterator[bytes], job_id: str, key: Key) -> StoredFile:
        name, now = new_secret(), time.time()
        head = next(pieces, b"")
        found = sniff(head)
        content_type, suffix = (found.mime, found.suffix) if found else UNTYPED
        limit = self._limits.max_file_bytes
        chunks = _pieces(head, pieces)
        put = await self._store.put(f"uploads/{name}", chunks, limit, Served(content_type))
        return StoredFile(
            name=name,
            suffix=suffix,
            store_key=f"uploads/{name}",
            key_id=key.id,
            content_type=content_type,
            size_bytes=put.size_bytes,
            sha256=put.sha256,
            created_at=now,
            expires_at=now + self._limits.retention_s,
            job_id=job_id,
        )


async def _pieces(first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    for piece in rest:
        yield piece
        await asyncio.sleep(0)


def _mentions_files(entry: Entry, body: dict[str, Any], file_urls: tuple[str, ...]) -> bool:
    ours = (FILE_ID, *file_urls)
    return any(is_data_uri(source) or source.startswith(ours) for _, _, source in _sources(entry, body))


def _sources(entry: Entry, body: dict[str, Any]) -> Iterator[tuple[str, int | None, str]]:
    """Each file reference of a checked body: its field, its index in a list, and what it says."""
    for media in entry.spec.media:
        value = body.get(media.name)
        if isinstance(value, str):
            yield media.name, None, value
        elif isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, str):
                    yield media.name, index, each


def _most_outputs(body: dict[str, Any]) -> int:
    """How many files a run is asked to make; one when the input does not say."""
    wanted = 1 if body.get("force_single") else body.get("num_images", 1)
    return max(1, wanted) if isinstance(wanted, int) else 1


def _most_usd(entry: Entry, outputs: int) -> float:
    """What a run costs at most by the model's price; one that is paid by time may take all it is given."""
    price = entry.model.price
    units = (
        outputs
        if price.unit == "output"
        else max(entry.model.choice(each.engine).deadline_s for each in entry.model.choices)
    )
    return round(price.base_usd * units, 6)


def _text(entry: Entry, body: dict[str, Any]) -> str:
    return "\n".join(value for name in entry.spec.texts if isinstance(value := body.get(name), str))


def _put_back(body: dict[str, Any], name: str, index: int | None, settled: str) -> None:
    if index is None:
        body[name] = settled
    else:
        body[name][index] = settled


def _own_name(source: str, file_urls: tuple[str, ...]) -> str | None:
    """The public name in one of our own file ids or URLs; None for anything else."""
    if source.startswith(FILE_ID):
        return source.removeprefix(FILE_ID)
    for start in file_urls:
        if source.startswith(start):
            return source.removeprefix(start).split(".")[0].split("?")[0]
    return None


def _digest(order: Order) -> bytes:
    asked = [order.model_id, order.level, order.body]
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).digest()

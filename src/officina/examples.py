"""The example files of the models, kept like uploads that never expire, so that a sample runs as it stands.

They are stored when somebody first looks at the model, under names made from their bytes: two models with the
same picture share it, and a restart finds it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from officina.catalog import Entry
from officina.errors import UnknownFile
from officina.job import StoredFile
from officina.keyring import LOCAL
from officina.picture import sniff
from officina.queue.protocol import Queue
from officina.store import Served, Store
from officina.store.protocol import put_bytes
from officina.submit import UNTYPED

NEVER = 253_402_300_799.0
"""The end of the year 9999."""


class Examples:
    """Finds or stores the example files of a model."""

    def __init__(self, queue: Queue, store: Store) -> None:
        self._queue = queue
        self._store = store
        self._known: dict[str, Mapping[str, StoredFile]] = {}
        self._storing = asyncio.Lock()

    async def files(self, entry: Entry) -> Mapping[str, StoredFile]:
        """The stored example files of a model, by the names that its example calls them."""
        if entry.model.id not in self._known:
            async with self._storing:
                found = {name: await self._stored(path) for name, path in entry.example_files.items()}
            self._known[entry.model.id] = found
        return self._known[entry.model.id]

    async def input(self, entry: Entry, public_url: str) -> dict[str, Any]:
        """The example of a model as an input that can be submitted here: its files by their URLs."""
        files = await self.files(entry)
        urls = {name: f"{public_url}/files/{file.name}{file.suffix}" for name, file in files.items()}
        return {field: _replaced(value, urls) for field, value in entry.model.example.items()}

    async def _stored(self, path: Path) -> StoredFile:
        data = await asyncio.to_thread(path.read_bytes)
        digest = hashlib.sha256(data).hexdigest()
        name = digest[:32]
        try:
            return await self._queue.file(name)
        except UnknownFile:
            found = sniff(data[:512])
            file = StoredFile(
                name=name,
                suffix=found.suffix if found else UNTYPED[1],
                store_key=f"uploads/{name}",
                key_id=LOCAL,
                content_type=found.mime if found else UNTYPED[0],
                size_bytes=len(data),
                sha256=digest,
                created_at=time.time(),
                expires_at=NEVER,
                filename=path.name,
            )
            await put_bytes(self._store, file.store_key, data, Served(file.content_type, file.filename))
            await self._queue.add_file(file)
            return file


def _replaced(value: Any, urls: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_replaced(each, urls) for each in value]
    return urls.get(value, value) if isinstance(value, str) else value

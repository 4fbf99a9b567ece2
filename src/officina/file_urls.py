"""Under which URL a kept file is told to callers: ours, a signed one, or one of the operator's CDN."""

from __future__ import annotations

from officina.errors import UnknownFile
from officina.queue.protocol import Queue
from officina.settings import Settings
from officina.store import Store


class FileUrls:
    """Makes the URLs of files. `/files` serves each of them, whatever the setting `file_urls` says."""

    def __init__(self, settings: Settings, public_url: str, queue: Queue, store: Store) -> None:
        self._how = settings.file_urls
        self._lifetime_s = settings.file_urls_s
        self._public_url = public_url
        self._queue = queue
        self._store = store

    @property
    def are_ours(self) -> bool:
        """Whether every file is served by this gateway."""
        return self._how == "proxied"

    def ours(self, name: str) -> str:
        """Where this gateway serves a file; `name` is public, with its suffix."""
        return f"{self._public_url}/files/{name}"

    async def direct(self, name: str) -> str:
        """Where whoever holds a key fetches a file, by the operator's setting."""
        if self.are_ours:
            return self.ours(name)
        try:
            file = await self._queue.file(name.partition(".")[0])
        except UnknownFile:
            return self.ours(name)
        if self._how != "signed":
            return f"{self._how.rstrip('/')}/{file.store_key}"
        grant = await self._store.grant_get(file.store_key, self._lifetime_s)
        return grant.url if grant else self.ours(name)

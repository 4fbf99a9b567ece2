"""The covers of the models, each under a name made from its bytes, so that browsers may keep it for ever."""

from __future__ import annotations

import hashlib

from officina.catalog import Catalog
from officina.errors import UnknownFile
from officina.picture import SNIFF_BYTES, sniff
from officina.web.call import Call
from officina.web.render import Answer
from officina.web.site.static import FOR_EVER


class Covers:
    """Every cover of the catalog, in memory: they are few and small."""

    def __init__(self, catalog: Catalog) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self._names: dict[str, str] = {}
        for model_id, entry in catalog.entries.items():
            body = entry.cover.read_bytes() if entry.cover else b""
            found = sniff(body[:SNIFF_BYTES])
            if found and found.mime.startswith("image/"):
                name = hashlib.sha256(body).hexdigest()[:32] + found.suffix
                self._files[name] = (body, found.mime)
                self._names[model_id] = name

    def path(self, model_id: str) -> str:
        """The path of a model's cover; empty when it has none."""
        name = self._names.get(model_id)
        return f"/covers/{name}" if name else ""

    def answer(self, call: Call) -> Answer:
        """Serve a cover. Raises UnknownFile."""
        found = self._files.get(call.params["name"])
        if found is None:
            raise UnknownFile("There is no such cover.")
        body, mime = found
        headers = [
            (b"content-type", mime.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", FOR_EVER),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", b"sandbox; default-src 'none'"),
        ]
        return Answer(200, body, headers)

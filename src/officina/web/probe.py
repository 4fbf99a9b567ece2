"""A look at a file behind a URL before a run needs it."""

from __future__ import annotations

import msgspec

from officina.errors import InvalidInput, Problem, RunError, UnknownModel
from officina.explain import did_you_mean
from officina.model import MediaField
from officina.probe import Look
from officina.web.call import Call
from officina.web.files import described
from officina.web.render import Answer, json


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a probe: which field of which model the file would be for, and where it is."""

    model_id: str
    field: str
    url: str


async def probe(call: Call) -> Answer:
    """Fetch and measure a file as a run would, and keep it for an hour so that it can be shown."""
    key = await call.key()
    call.gateway.check_disk()
    asked = await call.read(Asked)
    entry = call.gateway.catalog.get(asked.model_id)
    if entry is None:
        raise UnknownModel(f"No model {asked.model_id[:100]!r} is offered here; GET /v1/models lists them.")
    fields = {field.name: field for field in entry.spec.media}
    if asked.field not in fields:
        raise _wrong("field", f"is not a field of files{did_you_mean(asked.field, fields)}", "enum")
    if not asked.url.lower().startswith(("https://", "http://")):
        raise _wrong("url", "give an https:// URL; other files are uploaded", "format")
    return json(await _looked(call, key.id, fields[asked.field], asked.url, entry.model.accepts))


async def _looked(
    call: Call, key_id: str, field: MediaField, url: str, accepts: tuple[str, ...]
) -> dict[str, object]:
    try:
        found: Look = await call.gateway.probes.look(key_id, url, field, accepts)
    except RunError as error:
        message = error.message.partition(": ")[2] if error.message.startswith(field.name) else error.message
        raise _wrong("url", message, error.type) from None
    return {
        "url": url,
        "width": found.width,
        "height": found.height,
        "problems": [{"type": "validation_failed", "message": rule.error} for rule in found.broken],
        "file": described(found.file, call.gateway.public_url),
    }


def _wrong(name: str, sentence: str, kind: str) -> InvalidInput:
    return InvalidInput(detail=[Problem(("body", name), sentence, kind)])

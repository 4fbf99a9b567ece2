"""Builds OpenAPI 3.1 documents (spec.openapis.org/oas/v3.1.1) from the operations and the shapes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from officina import __version__
from officina.catalog import Entry
from officina.errors import (
    BadKey,
    OfficinaError,
    ServerError,
    Unavailable,
    WrongHost,
    WrongOrigin,
    WrongScope,
)
from officina.explain import is_reference
from officina.job import ID_PATTERN, SHARE_PATTERN
from officina.sessions import cookie_name
from officina.web.guard import UNGUARDED
from officina.web.openapi import shapes
from officina.web.openapi.operation import Content, Operation, Parameter, Reply
from officina.web.openapi.operations import FILES, FOLLOW_UPS, MODELS, RUNS, SUBMIT
from officina.web.openapi.server_operations import DESCRIPTIONS, KEYS, OPERATE
from officina.web.openapi.worker_operations import WORKER

OPERATIONS = (*RUNS, *MODELS, *FILES, *KEYS, *OPERATE, *DESCRIPTIONS, *WORKER)
"""Everything that the server does, in the order of reading."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REF = "#/components/schemas/{name}"
TAGS = {
    "Runs": "Submit a run, follow it, collect what came of it.",
    "Library": "What was run before: find it, run it again, share it.",
    "Models": "The catalogue.",
    "Files": "Inputs to send ahead, and outputs.",
    "Keys and usage": "Who may call, and what was used.",
    "Operate": "For whoever runs the server.",
    "Descriptions": "This server as other programs read it.",
    "Worker link": "Only workers need this.",
}
ABOUT = (
    "A self-hosted Model API: submit a job to a model, get a `request_id` at once, follow it, collect the "
    "pictures. Send `Authorization: Bearer <key>`. Bodies are JSON in UTF-8, times are ISO 8601 in UTC. No "
    "route redirects, and every GET takes HEAD too. Errors have one shape on every route; a run that fails "
    "is no error of a call, it stands in the result."
)

SESSION = (
    "The session of a browser that signed in on the pages; it acts for its key, with the scopes of that key. "
    "It counts only when a call has no `Authorization`. The cookie is HttpOnly and SameSite=Strict, and the "
    "call must come from a page of this server: `Sec-Fetch-Site: same-origin`, or from browsers that do not "
    "say it our own `Origin`; without either, only reading is allowed. Else 403 with code 403004."
)

_ID = ID_PATTERN.pattern
_SEGMENT = "[A-Za-z0-9_.-]+"
PATHS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "model_id": ("Such as `bytedance/dreamina-4-0/edit`; its slashes may be sent as they are.",
                 {"type": "string", "pattern": f"^{_SEGMENT}(/{_SEGMENT}){{1,4}}$"}),
    "request_id": ("The one that submit gave.", {"type": "string", "pattern": f"^{_ID}$"}),
    "key_id": ("The `id` of a key.", {"type": "string", "pattern": f"^{_ID}$"}),
    "worker_id": ("The id of the worker.", {"type": "string"}),
    "job_id": ("The job of the lease.", {"type": "string", "pattern": f"^{_ID}$"}),
    "n": ("Which output; counts from 0.", {"type": "integer", "minimum": 0, "maximum": 999}),
    "name": ("The name of the file.", {"type": "string", "pattern": r"^[A-Za-z0-9_.-]+$"}),
    "token": ("The token of the share.", {"type": "string", "pattern": f"^{SHARE_PATTERN.pattern}$"}),
    "locale": ("The language of the model's texts, where it has them.",
               {"type": "string", "pattern": "^[a-z]{2}(-[A-Za-z]{2,4})?$"}),
}  # fmt: skip
"""What each parameter of a path means, and its schema."""


def document(public_url: str, model_ids: Sequence[str]) -> dict[str, Any]:
    """Describe the whole server."""
    title = {"title": "Officina", "description": ABOUT}
    found = _built(public_url, title, OPERATIONS)
    found["components"]["parameters"]["model_id"]["examples"] = {
        model_id: {"value": model_id} for model_id in model_ids
    }
    return found


def model_document(public_url: str, entry: Entry) -> dict[str, Any]:
    """Describe how one model is run: its submit, with the schema of its input, and the routes that follow."""
    model, english = entry.model, entry.model.texts["en"]
    submit = msgspec.structs.replace(
        SUBMIT,
        path=f"/v1/models/{model.id}",
        text="The body is the model's input itself, without an envelope. The answer comes when the request "
        "is on disk. Unknown fields are ignored and named in the result's notes.",
        body=(Content({"$ref": REF.format(name="Input")}),),
    )
    title = {"title": english.display_name, "description": english.description}
    found = _built(public_url, title, (submit, *FOLLOW_UPS))
    found["components"]["schemas"]["Input"] = input_schema(entry)
    posted = found["paths"][submit.path]["post"]["requestBody"]["content"]["application/json"]
    posted["example"] = example(entry)
    return found


def input_schema(entry: Entry) -> dict[str, Any]:
    """A model's input as JSON Schema 2020-12.

    Rules for files, which JSON Schema cannot say, stand in `x-validations`; the default of a required field
    is a demonstration and never filled in, so it becomes an example.
    """
    schema = {name: value for name, value in entry.spec.json_schema.items() if name != "$schema"}
    published: Mapping[str, Any] = entry.model.input_schema["properties"]
    properties = {}
    for name, node in schema["properties"].items():
        shown = dict(node)
        if name in entry.spec.required and "default" in shown:
            shown["examples"] = [shown.pop("default")]
        if rules := published[name].get("validations"):
            shown["x-validations"] = rules
        properties[name] = shown
    return {**schema, "properties": properties}


def example(entry: Entry) -> dict[str, Any]:
    """A model's example as a caller could send it: its local files stand at URLs."""
    media = {field.name for field in entry.spec.media}

    def sent(value: Any) -> Any:
        if isinstance(value, list):
            return [sent(each) for each in value]
        if isinstance(value, str) and not is_reference(value):
            return f"https://example.org/{value.rsplit('/', 1)[-1]}"
        return value

    return {name: sent(value) if name in media else value for name, value in entry.model.example.items()}


def _built(public_url: str, info: dict[str, str], operations: Sequence[Operation]) -> dict[str, Any]:
    parts = _Parts(operations, public_url)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for each in operations:
        paths[each.path][each.method.lower()] = parts.operation(each)
    tags = {each.tag for each in operations}
    return {
        "openapi": "3.1.1",
        "jsonSchemaDialect": DIALECT,
        "info": {**info, "version": __version__},
        "servers": [{"url": public_url}],
        "tags": [{"name": tag, "description": text} for tag, text in TAGS.items() if tag in tags],
        "paths": dict(paths),
        "components": parts.components(),
    }


class _Parts:
    """The operations of one document as objects, and the components that they refer to."""

    def __init__(self, operations: Sequence[Operation], public_url: str) -> None:
        self._cookie = cookie_name(public_url)
        self._ids = {each.id for each in operations}
        types = [shapes.Error, *dict.fromkeys(_types(operations))]
        found, self._schemas = msgspec.json.schema_components(types, ref_template=REF)
        self._references = dict(zip(types, found, strict=True))
        self._responses: dict[str, Any] = {}
        self._parameters: dict[str, Any] = {}

    def components(self) -> dict[str, Any]:
        """Everything that was referred to so far."""
        key = {"type": "http", "scheme": "bearer", "description": "An API key of this server."}
        session = {
            "type": "apiKey",
            "in": "cookie",
            "name": self._cookie,
            "description": SESSION,
        }
        return {
            "schemas": self._schemas,
            "responses": dict(sorted(self._responses.items())),
            "parameters": self._parameters,
            "securitySchemes": {"key": key, "session": session},
        }

    def operation(self, each: Operation) -> dict[str, Any]:
        """An Operation Object."""
        made: dict[str, Any] = {"operationId": each.id, "tags": [each.tag], "summary": each.summary}
        if each.text:
            made["description"] = each.text
        made["security"] = [{name: [each.scope]} for name in _ways_in(each)] if each.scope else []
        names = re.findall(r"{(\w+)}", each.path)
        parameters = [self._in_path(name) for name in names] + [_parameter(one) for one in each.parameters]
        if parameters:
            made["parameters"] = parameters
        if each.body:
            body = {"description": each.body_meaning} if each.body_meaning else {}
            made["requestBody"] = {**body, "required": True, "content": self._contents(each.body)}
        good = {str(reply.status): self._reply(reply) for reply in each.replies}
        made["responses"] = {**good, **self._errors(each)}
        return made

    def _in_path(self, name: str) -> dict[str, str]:
        meaning, schema = PATHS[name]
        shown = {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema}
        self._parameters.setdefault(name, shown)
        return {"$ref": f"#/components/parameters/{name}"}

    def _contents(self, contents: Iterable[Content]) -> dict[str, Any]:
        return {
            each.media: {
                "schema": self._references[each.shape] if isinstance(each.shape, type) else each.shape
            }
            for each in contents
        }

    def _reply(self, reply: Reply) -> dict[str, Any]:
        made: dict[str, Any] = {"description": reply.meaning}
        if reply.headers:
            made["headers"] = {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in reply.headers.items()
            }
        if reply.contents:
            made["content"] = self._contents(reply.contents)
        if reply.follow_ups:
            made["links"] = {
                name: {"operationId": name, "parameters": {"request_id": "$response.body#/request_id"}}
                for name in ("status", "result", "cancel", "events", "record", "delete")
                if name in self._ids
            }
        return made

    def _errors(self, each: Operation) -> dict[str, Any]:
        by_status: dict[int, list[type[OfficinaError]]] = defaultdict(list)
        for kind in dict.fromkeys((*_of_every_route(each), *each.errors)):
            by_status[kind.http].append(kind)
        return {str(status): self._response(kinds) for status, kinds in sorted(by_status.items())}

    def _response(self, kinds: Sequence[type[OfficinaError]]) -> dict[str, str]:
        name = "Or".join(sorted(kind.__name__ for kind in kinds))
        lines = [f"`{kind.code}` {kind.name}: {str(kind.__doc__).splitlines()[0]}" for kind in kinds]
        content = self._contents([Content(shapes.Error)])
        made: dict[str, Any] = {"description": "\n\n".join(lines), "content": content}
        if headers := _headers_of(kinds[0].http):
            made["headers"] = headers
        self._responses.setdefault(name, made)
        return {"$ref": f"#/components/responses/{name}"}


def _types(operations: Iterable[Operation]) -> Iterable[type]:
    for each in operations:
        contents = (*each.body, *(content for reply in each.replies for content in reply.contents))
        yield from (content.shape for content in contents if isinstance(content.shape, type))


def _ways_in(each: Operation) -> tuple[str, ...]:
    """The security schemes of an operation: no browser is a worker."""
    return ("key",) if each.scope == "worker" else ("key", "session")


def _of_every_route(each: Operation) -> tuple[type[OfficinaError], ...]:
    """What may happen anywhere: the key, the Host header, ourselves."""
    guarded = not each.path.startswith("/worker/") and each.path not in UNGUARDED
    return (
        *((BadKey, WrongScope) if each.scope else ()),
        *((WrongOrigin,) if each.scope and "session" in _ways_in(each) else ()),
        *((WrongHost,) if guarded else ()),
        ServerError,
        Unavailable,
    )


def _headers_of(status: int) -> dict[str, Any]:
    meanings = {
        401: ("WWW-Authenticate", "`Bearer`"),
        429: ("Retry-After", "Seconds."),
        503: ("Retry-After", "Seconds, where known."),
    }
    if status not in meanings:
        return {}
    name, meaning = meanings[status]
    return {name: {"description": meaning, "schema": {"type": "string"}}}


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": "header" if one.is_header else "query",
        "description": one.meaning,
        "schema": one.schema,
    }

"""What is said of one operation: plain values, and short ways to write them down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from officina.errors import CallerError, ForeignRequest, MalformedId, ServerError, UnknownRequest
from officina.keys import Scope

JSON = "application/json"
Schema = Mapping[str, Any]
BINARY: Schema = {}
"""Bytes as they are: OpenAPI 3.1 leaves their schema empty, and the media type says the rest."""


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of the query, or a header (`is_header`)."""

    name: str
    meaning: str
    schema: Schema
    is_header: bool = False


class Content(msgspec.Struct, frozen=True):
    """A body in one media type; `shape` is a type, or a schema where no type says it."""

    shape: type | Schema
    media: str = JSON


class Reply(msgspec.Struct, frozen=True):
    """A good answer: its status, what it means, its bodies and headers."""

    meaning: str
    contents: tuple[Content, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = {}
    """Name to meaning."""
    follow_ups: bool = False
    """Whether its `request_id` leads on to the operations on a request."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path. `scope` None: no key is asked for."""

    method: str
    path: str
    tag: str
    id: str
    summary: str
    text: str = ""
    scope: Scope | None = "caller"
    parameters: tuple[Parameter, ...] = ()
    body: tuple[Content, ...] = ()
    body_meaning: str = ""
    is_body_required: bool = True
    replies: tuple[Reply, ...]
    errors: tuple[type[CallerError | ServerError], ...] = ()


def query(name: str, meaning: str, kind: str, **rules: Any) -> Parameter:
    """A parameter of the query of one JSON type."""
    return Parameter(name, meaning, {"type": kind, **rules})


def header(name: str, meaning: str, kind: str, **rules: Any) -> Parameter:
    """A header of one JSON type."""
    return Parameter(name, meaning, {"type": kind, **rules}, is_header=True)


def said(shape: type | Schema, meaning: str, status: int = 200, **more: Any) -> Reply:
    """A good answer of JSON."""
    return Reply(meaning, (Content(shape),), status, **more)


def sent(media: str, meaning: str, schema: type | Schema = BINARY, **more: Any) -> Reply:
    """A good answer in another media type."""
    return Reply(meaning, (Content(schema, media),), **more)


def on_request(**more: Any) -> dict[str, Any]:
    """What every operation on one request has: its tag, and how its id can be wrong."""
    wrong = (MalformedId, ForeignRequest, UnknownRequest)
    return {"tag": "Runs", **more, "errors": (*wrong, *more.get("errors", ()))}

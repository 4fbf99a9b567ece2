"""Every operation that is one call, or a chain of pages, as a flow. See `effects` for what a flow is."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import uuid4

from officina_client import answers
from officina_client.effects import Answer, Call, Emit, Flow, T, send
from officina_client.errors import NotFound, OfficinaApiError
from officina_client.fields import json_of
from officina_client.refusals import raise_for
from officina_client.retry import exchange, retrying
from officina_client.server import Server, json_bytes, key_path, model_path, request_path
from officina_client.values import (
    CancelOutcome,
    Key,
    ModelInfo,
    Record,
    Result,
    Share,
    Status,
    Submitted,
    UsageRow,
    Worker,
)

MAX_WAIT_S = 60
"""The longest wait that a server grants in one call."""
_WAIT_SLACK_S = 15.0
_PAGE_ITEMS = 100
_JSON = {"Content-Type": "application/json"}


def submit(
    server: Server,
    model_id: str,
    input: Mapping[str, Any],  # noqa: A002
    idempotency_key: str | None = None,
    priority: str | None = None,
) -> Flow[Submitted]:
    """Queue a run. Every try carries the same idempotency key, so that only one of them runs."""
    key = idempotency_key or str(uuid4())
    headers = {**_JSON, "Idempotency-Key": key}
    query = {"priority": priority}
    call = server.call("POST", model_path(model_id), query, body=json_bytes(input), headers=headers)
    answer = yield from exchange(replace(call, is_repeatable=server.retry.resubmit), server.retry)
    return answers.submitted(answer, model_id, key)


def status(
    server: Server, request_id: str, wait_s: float | None = None, deadline_at: float = math.inf
) -> Flow[Status]:
    """Ask where a request stands."""
    call = _waiting_call(server, request_path(request_id, "/status"), {}, wait_s)
    return answers.status((yield from about(request_id, exchange(call, server.retry, deadline_at))))


def result(
    server: Server,
    request_id: str,
    wait_s: float | None = None,
    include_cost: bool = False,
    deadline_at: float = math.inf,
) -> Flow[Result]:
    """Ask for the outcome, or for the state while there is none."""
    query = {"include_cost": True} if include_cost else {}
    call = _waiting_call(server, request_path(request_id, "/result"), query, wait_s)
    return answers.result((yield from about(request_id, exchange(call, server.retry, deadline_at))))


def cancel(server: Server, request_id: str, force: bool = False) -> Flow[CancelOutcome]:
    """Cancel a request. A second cancel answers like the first, so it may be repeated."""
    call = server.call("POST", request_path(request_id, "/cancel"), {"force": True if force else None})
    call = replace(call, is_repeatable=True)
    return answers.cancel_outcome((yield from about(request_id, exchange(call, server.retry))))


def delete(server: Server, request_id: str) -> Flow[None]:
    """Remove an ended request and its files."""
    yield from about(request_id, _remove(server, request_path(request_id)))


def record(server: Server, request_id: str) -> Flow[Record]:
    """Ask for everything that is kept of a request."""
    call = server.call("GET", request_path(request_id))
    return answers.record((yield from about(request_id, exchange(call, server.retry))))


def share(server: Server, request_id: str) -> Flow[Share]:
    """Share a result. A second share gives the same link, so it may be repeated."""
    call = replace(server.call("POST", request_path(request_id, "/share")), is_repeatable=True)
    return answers.share((yield from about(request_id, exchange(call, server.retry))))


def unshare(server: Server, request_id: str) -> Flow[None]:
    """Take a share back."""
    call = replace(server.call("DELETE", request_path(request_id, "/share")), is_repeatable=True)
    yield from about(request_id, exchange(call, server.retry))


def usage(server: Server, query: Mapping[str, object]) -> Flow[tuple[UsageRow, ...]]:
    """Ask for the usage between two days."""
    return answers.usage((yield from exchange(server.call("GET", "/v1/usage", query), server.retry)))


def workers(server: Server) -> Flow[tuple[Worker, ...]]:
    """Ask for the workers."""
    return answers.workers((yield from exchange(server.call("GET", "/v1/workers"), server.retry)))


def requests(server: Server, query: Mapping[str, str | None], limit: int | None = None) -> Flow[None]:
    """Emit the requests of the caller, newest first, page after page."""
    left, cursor = _limit(limit), query.get("cursor")
    while left > 0:
        page = {**query, "cursor": cursor, "limit": min(left, _PAGE_ITEMS)}
        answer = yield from exchange(server.call("GET", "/v1/requests", page), server.retry)
        found, following = answers.request_page(answer)
        for summary in found[:left]:
            yield Emit(summary)
        left -= len(found)
        if following is None or following == cursor:
            return
        cursor = following


def models(server: Server, query: Mapping[str, object], limit: int | None = None) -> Flow[None]:
    """Emit the entries of the catalogue, page after page."""
    left, offset = _limit(limit), 0
    while left > 0:
        page = {**query, "limit": min(left, _PAGE_ITEMS), "offset": offset}
        answer = yield from exchange(server.call("GET", "/v1/models", page), server.retry)
        found, total = answers.model_page(answer)
        for entry in found[:left]:
            yield Emit(entry)
        left, offset = left - len(found), offset + len(found)
        if not found or offset >= total:
            return


def model(server: Server, model_id: str) -> Flow[ModelInfo]:
    """Ask for one entry of the catalogue."""
    return answers.model((yield from exchange(server.call("GET", model_path(model_id)), server.retry)))


def categories(server: Server) -> Flow[tuple[str, ...]]:
    """Ask for the categories of the catalogue."""
    answer = yield from exchange(server.call("GET", "/v1/models/categories"), server.retry)
    return answers.categories(answer)


def create_key(
    server: Server, name: str, scopes: tuple[str, ...], limits: Mapping[str, object] | None = None
) -> Flow[Key]:
    """Make a key. Not repeated once it may have arrived: a key whose answer was lost would stay valid."""
    body = json_bytes({"name": name, "scopes": scopes, **({"limits": dict(limits)} if limits else {})})
    answer = yield from exchange(server.call("POST", "/v1/keys", body=body, headers=_JSON), server.retry)
    return answers.key(answer)


def keys(server: Server) -> Flow[tuple[Key, ...]]:
    """Ask for the keys."""
    return answers.keys((yield from exchange(server.call("GET", "/v1/keys"), server.retry)))


def revoke_key(server: Server, key_id: str, cancel_waiting: bool = False) -> Flow[None]:
    """Revoke a key."""
    yield from _remove(server, key_path(key_id), {"cancel_waiting": cancel_waiting or None})


def call(
    server: Server,
    method: str,
    path: str,
    query: Mapping[str, object] | None = None,
    body: Any = None,
) -> Flow[Any]:
    """Make any call and give its JSON. Only what reads is repeated."""
    content = None if body is None else json_bytes(body)
    headers = None if body is None else _JSON
    made = server.call(method.upper(), "/" + path.lstrip("/"), query, content, headers)
    return json_of((yield from exchange(made, server.retry)))


def about(request_id: str, flow: Flow[T]) -> Flow[T]:
    """Name the request in every error of a flow, so that whoever catches it can go on from there."""
    try:
        return (yield from flow)
    except OfficinaApiError as problem:
        problem.request_id = problem.request_id or request_id
        raise


def _remove(server: Server, path: str, query: Mapping[str, object] | None = None) -> Flow[Answer]:
    """Delete something; when a repetition finds it gone, the try before it has done the work."""
    tries = count(1)

    def attempt() -> Flow[Answer]:
        is_first = next(tries) == 1
        answer = yield from send(server.call("DELETE", path, query))
        try:
            raise_for(answer)
        except NotFound:
            if is_first:
                raise
        return answer

    return (yield from retrying(attempt, server.retry, is_repeatable=True))


def _waiting_call(server: Server, path: str, query: Mapping[str, object], wait_s: float | None) -> Call:
    """Make a call that the server may answer late; whole seconds, since not every server reads fractions."""
    if not wait_s or wait_s <= 0:
        return server.call("GET", path, query)
    wait = min(math.ceil(wait_s), MAX_WAIT_S)
    return replace(server.call("GET", path, {**query, "wait": wait}), read_s=wait + _WAIT_SLACK_S)


def _limit(limit: int | None) -> int:
    return sys.maxsize if limit is None else limit

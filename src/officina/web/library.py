"""One's requests as a library: lists with their search, whole records, and shares."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from officina.errors import InvalidInput, Problem, UnknownFile, UnknownRequest
from officina.job import FILE_ID, LEVELS, RESULT_WORDS, SHARE_PATTERN, Filter, Job, Record, State
from officina.web.call import Call
from officina.web.files import described
from officina.web.render import Answer, json, when
from officina.web.requests import output, visible

STATES: dict[str, tuple[State, ...]] = {
    **{word: (state,) for state, word in RESULT_WORDS.items()},
    "completed": ("succeeded", "failed"),
}
"""The words that the list's `state` filter takes."""
LONGEST_SEARCH = 200
_PRIORITIES = {level: word for word, level in LEVELS.items()}


async def listing(call: Call) -> Answer:
    """The caller's own requests, newest first; an admin's `?all=true` shows those of every key."""
    key = await call.key()
    limit = int(call.number("limit", 50, 1, 500))
    everybody = call.flag("all") and key.owner is None
    where = Filter(
        key_id=None if everybody else key.id,
        model=call.query.get("model"),
        states=_states(call),
        after=_time(call, "after"),
        before=_time(call, "before"),
        cursor=call.query.get("cursor"),
        limit=limit + 1,
        search=_search(call),
    )
    with_input, with_output = call.flag("include_input"), call.flag("include_output")
    jobs = await call.gateway.queue.list(where)
    shown = jobs[:limit]
    inputs = await call.gateway.queue.inputs([job.id for job in shown]) if with_input else {}
    cursor = shown[-1].id if len(jobs) > limit else None
    requests = []
    for job in shown:
        more: dict[str, Any] = {"key_id": job.key_id} if everybody else {}
        if with_input:
            more["input"] = msgspec.Raw(inputs.get(job.id, b"null"))
        if with_output:
            more["output"] = await output(call, job) if job.output else None
        requests.append({**_summary(job), **more})
    return json({"requests": requests, "next_cursor": cursor})


async def record(call: Call) -> Answer:
    """Everything that is kept of a request, for its owner."""
    key = await call.key()
    kept: Record = await visible(call, call.gateway.queue.record(call.request_id, key.owner))
    job = kept.job
    body = {
        **_summary(job),
        "key_id": job.key_id,
        "priority": _PRIORITIES[kept.level],
        "input": msgspec.Raw(kept.input),
        "files": await _files(call, kept),
        "output": await output(call, job) if job.output else None,
        "notes": _raw(job.notes),
        "cost": job.cost_usd,
        "attempts": job.attempts,
        "max_attempts": kept.max_attempts,
        "history": _history(kept),
        "expires_at": _expiry(call, job),
        "share": _share(call, kept.share) if kept.share else None,
    }
    return json(body)


async def share(call: Call) -> Answer:
    """Let whoever has the link see the result; 201 with the link, the same until it is taken back."""
    key = await call.key()
    token = await visible(call, call.gateway.queue.share(call.request_id, key.owner))
    return json({"request_id": call.request_id, **_share(call, token)}, 201)


async def unshare(call: Call) -> Answer:
    """Make the result private again; the link is dead at once and for good."""
    key = await call.key()
    was_shared = await visible(call, call.gateway.queue.unshare(call.request_id, key.owner))
    return json({"request_id": call.request_id, "was_shared": was_shared})


async def shared(call: Call) -> Answer:
    """A shared result, without a key."""
    return json(await show_share(call, await find_share(call)))


async def find_share(call: Call) -> Record:
    """The request whose share is in the path. Raises UnknownRequest."""
    token = call.params["token"]
    if not SHARE_PATTERN.fullmatch(token):
        raise UnknownRequest("There is no such share: its owner took it back, or it has expired.")
    return await call.gateway.queue.shared(token)


async def show_share(call: Call, kept: Record) -> dict[str, Any]:
    """What a stranger may see: what was asked but for its files, and what came of it; nothing of the key."""
    job = kept.job
    entry = call.gateway.catalog.get(job.model)
    files = {media.name for media in entry.spec.media} if entry else set()
    asked: dict[str, Any] = msgspec.json.decode(kept.input)
    known = entry.spec.known if entry else frozenset[str]()
    return {
        "model_id": job.model,
        "input": {name: value for name, value in asked.items() if name in known and name not in files},
        "output": await output(call, job, shared=True),
        "engine": job.engine,
        "notes": _raw(job.notes),
        "created_at": when(job.created_at),
        "finished_at": _at(job.finished_at),
        "expires_at": _expiry(call, job),
    }


def _share(call: Call, token: str) -> dict[str, str]:
    base = call.gateway.public_url
    return {"token": token, "url": f"{base}/s/{token}", "result_url": f"{base}/v1/shares/{token}"}


async def _files(call: Call, kept: Record) -> list[dict[str, object]]:
    """The stored files that the input refers to, as far as they are still there."""
    files = []
    for name in dict.fromkeys(_file_names(msgspec.json.decode(kept.input))):
        try:
            files.append(described(await call.gateway.queue.file(name), call.gateway.public_url))
        except UnknownFile:
            continue
    return files


def _file_names(asked: dict[str, Any]) -> list[str]:
    values = [each for value in asked.values() for each in (value if isinstance(value, list) else [value])]
    return [
        each.removeprefix(FILE_ID) for each in values if isinstance(each, str) and each.startswith(FILE_ID)
    ]


def _history(kept: Record) -> list[dict[str, Any]]:
    failed: list[dict[str, Any]] = msgspec.json.decode(kept.history or b"[]")
    return [{**each, "at": when(each["at"])} for each in failed]


def _summary(job: Job) -> dict[str, Any]:
    return {
        "request_id": job.id,
        "model_id": job.model,
        "status": job.result_word(),
        "created_at": when(job.created_at),
        "started_at": _at(job.started_at),
        "finished_at": _at(job.finished_at),
        "engine": job.engine,
        "error": _raw(job.error),
    }


def _at(time_s: float | None) -> str | None:
    return when(time_s) if time_s is not None else None


def _expiry(call: Call, job: Job) -> str | None:
    kept_s = call.gateway.settings.retention_days * 86400.0
    return _at(job.finished_at + kept_s) if job.finished_at is not None else None


def _raw(kept: bytes | None) -> msgspec.Raw | None:
    return msgspec.Raw(kept) if kept else None


def _search(call: Call) -> str:
    text = call.query.get("search", "")
    if len(text) > LONGEST_SEARCH:
        sentence = f"must have at most {LONGEST_SEARCH} characters, got {len(text)}"
        raise InvalidInput(detail=[Problem(("query", "search"), sentence, "maxLength")])
    return text


def _states(call: Call) -> tuple[State, ...]:
    word = call.query.get("state")
    if not word:
        return ()
    if word not in STATES:
        sentence = f"must be one of: {', '.join(STATES)}; got {word[:40]!r}"
        raise InvalidInput(detail=[Problem(("query", "state"), sentence, "enum")])
    return STATES[word]


def _time(call: Call, name: str) -> float | None:
    text = call.query.get(name)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.replace(" ", "+")).timestamp()
    except (ValueError, OverflowError):
        sentence = f"must be a time in ISO 8601 with its offset, got {text[:40]!r}"
        raise InvalidInput(detail=[Problem(("query", name), sentence, "time")]) from None

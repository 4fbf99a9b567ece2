"""Reads what the server answered into values.

The reading is lenient: what is missing or of an unexpected type becomes None, since `raw` keeps it and other
servers of the same contract say less, or say it differently. Only what no caller can do without is demanded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from officina_client.effects import Answer
from officina_client.errors import RunCancelled, RunFailed
from officina_client.fields import moment, need, number, object_of, objects, strings, text
from officina_client.values import (
    CancelOutcome,
    FileRef,
    Key,
    ModelInfo,
    Record,
    RequestSummary,
    Result,
    RunProblem,
    Share,
    Status,
    Submitted,
    UsageRow,
    Worker,
)

_STATUS_WORDS = {"canceled": "cancelled", "error": "failed", "queued": "in_queue", "running": "in_progress"}
_RESULT_WORDS = {**_STATUS_WORDS, "completed": "succeeded"}
_VIDEO_SUFFIXES = (".mp4", ".webm", ".mov", ".mkv")


def submitted(answer: Answer, model_id: str, idempotency_key: str) -> Submitted:
    """Read the answer to a submit."""
    raw = object_of(answer)
    return Submitted(
        request_id=need(raw, "request_id"),
        model_id=model_id,
        idempotency_key=idempotency_key,
        status_url=text(raw, "status_url"),
        result_url=text(raw, "result_url"),
        cancel_url=text(raw, "cancel_url"),
        raw=raw,
    )


def status(answer: Answer) -> Status:
    """Read `…/status`."""
    raw = object_of(answer)
    word = need(raw, "status").lower()
    position = number(raw, "queue_position")
    return Status(
        request_id=need(raw, "request_id"),
        status=_STATUS_WORDS.get(word, word),
        queue_position=None if position is None else int(position),
        is_estimate=raw.get("queue_position_estimate") is True,
        raw=raw,
    )


def result(answer: Answer) -> Result:
    """Read `…/result`."""
    raw = object_of(answer)
    output, error = raw.get("output"), _run_problem(raw.get("error"))
    notes = raw.get("notes")
    return Result(
        request_id=need(raw, "request_id"),
        status=_outcome(need(raw, "status").lower(), has_failed=error is not None and not output),
        images=_files(output, "image"),
        videos=_files(output, "video"),
        output=output,
        engine=text(raw, "engine"),
        notes=notes if isinstance(notes, Mapping) else {},
        cost=number(raw, "cost"),
        error=error,
        created_at=moment(raw, "created_at"),
        finished_at=moment(raw, "finished_at"),
        raw=raw,
    )


def succeeded(outcome: Result) -> Result:
    """Give a result that has succeeded back; raise RunFailed or RunCancelled for one that has not."""
    if outcome.status == "cancelled":
        raise RunCancelled(f"Request {outcome.request_id} was cancelled.", request_id=outcome.request_id)
    if outcome.status == "failed":
        error = outcome.error or RunProblem("unknown", "The run failed, and the server does not say why.")
        raise RunFailed(
            error.message,
            type=error.type,
            detail=error.detail,
            request_id=outcome.request_id,
            result=outcome,
        )
    return outcome


def cancel_outcome(answer: Answer) -> CancelOutcome:
    """Read the answer to a cancel."""
    raw = object_of(answer)
    return CancelOutcome(
        request_id=need(raw, "request_id"),
        outcome=need(raw, "outcome").lower(),
        status=text(raw, "status"),
        raw=raw,
    )


def file_ref(answer: Answer) -> FileRef:
    """Read the answer to an upload."""
    raw = object_of(answer)
    size = number(raw, "size_bytes")
    return FileRef(
        id=need(raw, "id"),
        url=need(raw, "url"),
        content_type=text(raw, "content_type"),
        size_bytes=None if size is None else int(size),
        sha256=text(raw, "sha256"),
        expires_at=moment(raw, "expires_at"),
        raw=raw,
    )


def record(answer: Answer) -> Record:
    """Read the whole record of a request."""
    raw = object_of(answer)
    output, asked, share = raw.get("output"), raw.get("input"), raw.get("share")
    return Record(
        request_id=need(raw, "request_id"),
        model_id=text(raw, "model_id"),
        status=need(raw, "status").lower(),
        input=asked if isinstance(asked, Mapping) else {},
        engine=text(raw, "engine"),
        images=_files(output, "image"),
        videos=_files(output, "video"),
        error=_run_problem(raw.get("error")),
        attempts=_whole(raw, "attempts") or 0,
        share_url=text(share, "url") if isinstance(share, Mapping) else None,
        created_at=moment(raw, "created_at"),
        started_at=moment(raw, "started_at"),
        finished_at=moment(raw, "finished_at"),
        expires_at=moment(raw, "expires_at"),
        raw=raw,
    )


def share(answer: Answer) -> Share:
    """Read the answer to a share."""
    raw = object_of(answer)
    return Share(need(raw, "token"), need(raw, "url"), text(raw, "result_url"), raw)


def usage(answer: Answer) -> tuple[UsageRow, ...]:
    """Read the rows of the usage."""
    return tuple(_usage_row(item) for item in objects(object_of(answer), "rows"))


def workers(answer: Answer) -> tuple[Worker, ...]:
    """Read the list of workers."""
    return tuple(_worker(item) for item in objects(object_of(answer), "workers"))


def request_page(answer: Answer) -> tuple[list[RequestSummary], str | None]:
    """Read one page of requests and the cursor of the next."""
    raw = object_of(answer)
    return [_summary(item) for item in objects(raw, "requests")], text(raw, "next_cursor")


def model_page(answer: Answer) -> tuple[list[ModelInfo], int]:
    """Read one page of the catalogue and how many entries there are in all."""
    raw = object_of(answer)
    models = [_model(item) for item in objects(raw, "models")]
    total = number(raw, "total")
    return models, len(models) if total is None else int(total)


def model(answer: Answer) -> ModelInfo:
    """Read one entry of the catalogue."""
    return _model(object_of(answer))


def categories(answer: Answer) -> tuple[str, ...]:
    """Read the list of categories."""
    return strings(object_of(answer).get("categories"))


def keys(answer: Answer) -> tuple[Key, ...]:
    """Read the list of keys."""
    return tuple(_key(item) for item in objects(object_of(answer), "keys"))


def key(answer: Answer) -> Key:
    """Read a key that was just made."""
    return _key(object_of(answer))


def _outcome(word: str, has_failed: bool) -> str:
    """Give the word of a result; a server that says `completed` means success, unless it adds an error."""
    return "failed" if word == "completed" and has_failed else _RESULT_WORDS.get(word, word)


def _files(output: Any, kind: str) -> tuple[str, ...]:
    """Give the URLs of one kind, each once: from `images`, then `image`, or from a bare string or list."""
    if isinstance(output, Mapping):
        return tuple(dict.fromkeys(strings(output.get(f"{kind}s")) + strings(output.get(kind))))
    is_video = kind == "video"
    return tuple(
        url for url in dict.fromkeys(strings(output)) if _path(url).endswith(_VIDEO_SUFFIXES) is is_video
    )


def _path(url: str) -> str:
    return urlsplit(url).path.lower()


def _run_problem(error: Any) -> RunProblem | None:
    """Read `error` of a failed run: the contract leaves open whether it is an object, a string or a list."""
    if isinstance(error, list):
        error = error[0] if error else None
    if isinstance(error, str):
        return RunProblem("unknown", error)
    if not isinstance(error, Mapping) or not error:
        return None
    message = text(error, "message") or text(error, "error") or "The run failed."
    return RunProblem(text(error, "type") or "unknown", message, error.get("detail"))


def _summary(raw: Mapping[str, Any]) -> RequestSummary:
    word = need(raw, "status").lower()
    return RequestSummary(
        request_id=need(raw, "request_id"),
        model_id=text(raw, "model_id"),
        status=_RESULT_WORDS.get(word, word),
        engine=text(raw, "engine"),
        created_at=moment(raw, "created_at"),
        finished_at=moment(raw, "finished_at"),
        raw=raw,
    )


def _usage_row(raw: Mapping[str, Any]) -> UsageRow:
    return UsageRow(
        day=text(raw, "day"),
        model_id=text(raw, "model_id"),
        key_id=text(raw, "key_id"),
        key_name=text(raw, "key_name"),
        runs=_whole(raw, "runs") or 0,
        succeeded=_whole(raw, "succeeded") or 0,
        failed=_whole(raw, "failed") or 0,
        cancelled=_whole(raw, "cancelled") or 0,
        outputs=_whole(raw, "outputs") or 0,
        run_s=number(raw, "run_s") or 0.0,
        cost_usd=number(raw, "cost_usd") or 0.0,
        raw=raw,
    )


def _worker(raw: Mapping[str, Any]) -> Worker:
    return Worker(
        worker_id=need(raw, "worker_id"),
        name=text(raw, "name") or "",
        engines=strings(raw.get("engines")),
        slots=_whole(raw, "slots"),
        is_heard=raw.get("is_heard") is True,
        last_seen_at=moment(raw, "last_seen_at"),
        running=tuple(need(run, "request_id") for run in objects(raw, "running")),
        raw=raw,
    )


def _whole(raw: Mapping[str, Any], name: str) -> int | None:
    value = number(raw, name)
    return None if value is None else int(value)


def _model(raw: Mapping[str, Any]) -> ModelInfo:
    schema = raw.get("input_schema")
    return ModelInfo(
        model_id=need(raw, "model_id"),
        display_name=text(raw, "display_name") or "",
        description=text(raw, "description") or "",
        categories=strings(raw.get("categories")),
        kind=text(raw, "kind"),
        input_schema=schema if isinstance(schema, Mapping) else None,
        required_inputs=strings(raw.get("required_inputs")),
        base_price_usd=number(raw, "base_price_usd"),
        price_unit=text(raw, "price_unit"),
        model_url=text(raw, "model_url"),
        raw=raw,
    )


def _key(raw: Mapping[str, Any]) -> Key:
    return Key(
        id=need(raw, "id"),
        name=text(raw, "name") or "",
        scopes=strings(raw.get("scopes")),
        created_at=moment(raw, "created_at"),
        last_used_at=moment(raw, "last_used_at"),
        revoked_at=moment(raw, "revoked_at"),
        secret=text(raw, "key"),
        raw=raw,
    )

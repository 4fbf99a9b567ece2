"""The protocol `model_api`: the contract that we serve ourselves, at RunComfy or at another Officina.

A run survives the end of its worker: the foreign request id is remembered, and the next attempt goes on with
it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal
from urllib.parse import quote

from officina.engines.remote.call import Answer, Call
from officina.engines.remote.inputs import (
    MIB,
    Input,
    data_uri,
    inputs,
    of_field,
    passed_as_url,
    references,
)
from officina.engines.remote.options import CarryOut, Common, chosen, wrong
from officina.engines.remote.orders import Orders
from officina.engines.remote.outputs import Outputs
from officina.engines.remote.provider import Manners, Provider, bearer
from officina.engines.remote.refusal import (
    Refusal,
    busy,
    by_status,
    first_text,
    no_credit,
    no_object,
    nonsense,
    quoted,
    unauthorized,
)
from officina.engines.remote.waits import likely
from officina.engines.secrets import secret
from officina.errors import RUN_ERRORS, RunError
from officina.run import Result, Run, Stopped

WAITING = {"in_queue": "waiting in the provider's queue", "in_progress": "the provider is at work"}
DONE = frozenset({"succeeded", "completed"})
CANCELLED = frozenset({"cancelled", "canceled"})
OURS = frozenset(
    {"not_understood", "content_refused", "validation_failed", "provider_rejected", "output_refused"}
    | {name for name in RUN_ERRORS if name.startswith("picture_")}
)
"""Errors of a run that mean the same for our caller when another Officina reports them."""

_MODEL_ID = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Options(Common, frozen=True, kw_only=True):
    """The options of `protocol = "model_api"`."""

    base_url: str = "https://model-api.runcomfy.net"
    model: str
    """The model's id at the provider."""
    dialect: Literal["runcomfy", "officina"] = "runcomfy"
    """Another Officina takes uploads, stops what runs, and knows an order that comes twice."""
    rename: Mapping[str, str] = {}
    """What fields are called there: ours to theirs; an empty name leaves a field out."""


def prepare(options: Mapping[str, Any]) -> CarryOut:
    """Read the options and the key; gives what carries a run out."""
    found = chosen(Options, options)
    if not _MODEL_ID.fullmatch(found.model):
        raise wrong('model must be the id of a model at the provider, such as "studio/portrait/blur"')
    return partial(_carry_out, found, bearer(judge, secret(options) if found.key_env else ""))


def judge(answer: Answer) -> Refusal | None:
    """Read an answer; an `error_code` makes an error of a 2xx answer, too."""
    facts = answer.facts()
    code, words = facts.get("error_code"), _said(facts)
    if answer.ok and code is None:
        return None if facts else no_object()
    if code == 400004:
        return unauthorized(words)
    if code == 400002:
        return no_credit(words)
    if not answer.ok:
        return by_status(answer, words)
    status = code // 1000 if isinstance(code, int) and 400_000 <= code < 600_000 else 500
    return busy(words) if status == 429 else by_status(Answer(status, answer.headers, answer.body), words)


def _said(facts: Mapping[str, Any]) -> str:
    words = first_text(facts, ("error_message", "message", "error", "detail"))
    problems = facts.get("detail")
    if isinstance(problems, list):
        told = [f"{_path(each)} {each.get('msg', '')}" for each in problems[:3] if isinstance(each, Mapping)]
        return f"{words}: {'; '.join(told)}" if told else words
    return words


def _path(problem: Mapping[str, Any]) -> str:
    where = problem.get("loc")
    return ".".join(str(each) for each in where if each != "body") if isinstance(where, list) else ""


def _carry_out(options: Options, manners: Manners, run: Run) -> Result:
    repeatable = options.repeatable or options.dialect == "officina"
    orders = Orders(run, f"model_api {options.base_url} {options.model}", repeatable=repeatable)
    with Provider(run, options, manners) as provider:
        try:
            result = _resumed(provider, orders) or _ordered(provider, options, orders, run)
            return _brought_home(provider, orders, run, result)
        except Stopped:
            if orders.id:
                provider.part(_cancel(options, orders.id))
            raise


def _resumed(provider: Provider, orders: Orders) -> Mapping[str, Any] | None:
    """Go on with what an earlier attempt ordered; None when there is nothing, or it was cancelled unpaid."""
    if not orders.id:
        return None
    provider.say(0.05, "going on with what was ordered before")
    result = _outcome(provider, orders.id)
    if result.get("status") in CANCELLED:
        orders.end()
        return None
    return result


def _ordered(provider: Provider, options: Options, orders: Orders, run: Run) -> Mapping[str, Any]:
    body = _body(provider, options, run)
    # Another Officina answers a repetition with the request that it has; others pass over the header.
    headers = {"Idempotency-Key": orders.key} if options.dialect == "officina" else {}
    provider.say(0.04, "placing the order")
    call = Call("POST", f"/v1/models/{quote(options.model)}", headers=headers, json=body)
    request_id = provider.order(call, orders, lambda answer: orders.take(_request_id(answer)))
    return _outcome(provider, request_id)


def _request_id(answer: Answer) -> str:
    found = answer.facts().get("request_id")
    if not isinstance(found, str) or not _REQUEST_ID.fullmatch(found):
        raise nonsense("an accepted order without a usable request_id")
    return found


def _body(provider: Provider, options: Options, run: Run) -> dict[str, Any]:
    body = dict(run.input)
    inside = [one for one in inputs(run) if not passed_as_url(one, options.inputs)]
    total = sum(one.path.stat().st_size for one in inside)
    upload = options.dialect == "officina" and total > options.max_inline_mb * MIB
    for field in filter(run.files.get, run.files):
        found = _uploaded(provider, options, run, field) if upload else _inlined(options, run, field)
        body[field] = found if isinstance(run.input.get(field), (list, tuple)) else found[0]
    renamed = {options.rename.get(name, name): value for name, value in body.items()}
    renamed.pop("", None)
    return {**renamed, **options.extra}


def _inlined(options: Options, run: Run, field: str) -> list[str]:
    return references(of_field(run, field), options.inputs, options.max_inline_mb)


def _uploaded(provider: Provider, options: Options, run: Run, field: str) -> list[str]:
    """Put files that are too large for one order into the other Officina's store; a second copy expires."""
    return [
        one.url if passed_as_url(one, options.inputs) else _upload(provider, one)
        for one in of_field(run, field)
    ]


def _upload(provider: Provider, one: Input) -> str:
    if one.path.stat().st_size < 64 * 1024:
        return data_uri(one)
    provider.say(0.03, "uploading the inputs")
    headers = {"Content-Type": one.mime}
    answer = provider.ask(Call("POST", "/v1/files", {"filename": one.path.name}, headers, file=one.path))
    url = answer.facts().get("url")
    if not isinstance(url, str):
        raise nonsense("an upload without a URL")
    return url


def _outcome(provider: Provider, request_id: str) -> Mapping[str, Any]:
    """Wait for the end of a request and give its result, whatever it is."""
    began, waits = time.monotonic(), provider.pace.waits()
    while True:
        status = _look(provider, request_id, "status")
        if status.get("status") not in WAITING:
            result = _look(provider, request_id, "result", {"include_cost": "true"})
            if result.get("status") not in WAITING:
                return result
        provider.say(likely(time.monotonic() - began), _described(status))
        provider.wait(next(waits))


def _described(status: Mapping[str, Any]) -> str:
    message = WAITING.get(str(status.get("status")), WAITING["in_progress"])
    place = status.get("queue_position")
    return f"{message}, place {place}" if isinstance(place, int) else message


def _look(
    provider: Provider, request_id: str, what: str, query: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    try:
        facts = provider.ask(Call("GET", f"/v1/requests/{request_id}/{what}", query or {})).facts()
    except RunError as error:
        if error.type != "provider_rejected":
            raise
        message = "The provider no longer knows what was ordered there: it has expired or was deleted."
        raise RunError("provider_failed", message, retry=False) from None
    if not isinstance(facts.get("status"), str):
        raise nonsense(f"a {what} without a status")
    return facts


def _brought_home(provider: Provider, orders: Orders, run: Run, result: Mapping[str, Any]) -> Result:
    word = result["status"]
    if word not in DONE:
        orders.end()
        raise _failure(word, result.get("error"))
    outputs = Outputs(run, provider)
    outputs.fetch_all(_urls(result.get("output")))
    notes = result.get("notes")
    told = {"provider_notes": notes} if isinstance(notes, Mapping) else {}
    return outputs.result({"protocol": "model_api", **told}, _cost(result.get("cost")))


def _cost(told: object) -> float | None:
    if isinstance(told, bool) or not isinstance(told, (int, float)):
        return None
    return float(told) if told >= 0 else None


def _failure(word: str, error: object) -> RunError:
    """Say why a foreign run failed. The provider has made its own attempts, and perhaps charged for them."""
    if word in CANCELLED:
        return RunError("provider_failed", "The run was cancelled at the provider.", retry=False)
    facts: Mapping[str, Any] = error if isinstance(error, Mapping) else {"message": error}
    words = quoted(first_text(facts, ("message", "error_message", "error")))
    if facts.get("type") in OURS:
        return RunError(str(facts["type"]), f"{words}.", retry=False)
    return RunError("provider_failed", f"The run failed at the provider: {words}.", retry=False)


def _urls(output: object) -> tuple[str, ...]:
    """Find the results; some servers give one bare URL, or a list, instead of an object."""
    if isinstance(output, str):
        return (output,)
    if isinstance(output, list):
        return tuple(each for each in output if isinstance(each, str))
    if not isinstance(output, Mapping):
        return ()
    many = [_urls(output.get(name)) or _urls(output.get(name[:-1])) for name in ("images", "videos")]
    return tuple(dict.fromkeys(url for urls in many for url in urls))


def _cancel(options: Options, request_id: str) -> Call:
    force = {"force": "true"} if options.dialect == "officina" else {}
    return Call("POST", f"/v1/requests/{request_id}/cancel", force)

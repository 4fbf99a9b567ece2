"""The protocol `jimeng`: Dreamina 4.0 on Volcengine's Visual API, whose contract is that of the first model.

Work is ordered and asked for with signed calls. A task is kept for twelve hours, links to results live for a
day, and there is no way to cancel. The task id is remembered, so a new attempt goes on with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import msgspec

from officina.engines.remote import sizes
from officina.engines.remote.call import Answer, Call
from officina.engines.remote.inputs import check_inline, in_base64, inputs, passed_as_url
from officina.engines.remote.options import CarryOut, Common, chosen
from officina.engines.remote.orders import Orders
from officina.engines.remote.outputs import Outputs
from officina.engines.remote.provider import Manners, Provider
from officina.engines.remote.refusal import (
    Refusal,
    busy,
    by_status,
    content_refused,
    failed,
    first_text,
    no_object,
    nonsense,
    quoted,
    rejected,
    unauthorized,
)
from officina.engines.remote.signing import Signer, canonical_query, sha256, stamp_of
from officina.engines.remote.waits import likely
from officina.engines.secrets import secret
from officina.errors import RunError
from officina.run import Result, Run

VERSION = "2022-08-31"
SUCCESS = 10000
INPUT_RISKS = frozenset({50411, 50412, 50413})
OUTPUT_RISKS = frozenset({50511, 50512})
BUSY = frozenset({50429, 50430})
INTERNAL = frozenset({50500, 50501})
DENIED = frozenset({50400})
WAITING = {"in_queue": "waiting in the provider's queue", "generating": "the provider is at work"}
GATEWAY_MARKS = (
    ("Limit", busy),
    ("Throttl", busy),
    ("Internal", failed),
    *((mark, unauthorized) for mark in ("Signature", "Auth", "Access", "Credential", "Token", "Timestamp")),
)
"""What a code of the gateway means, by a part of it."""

ANSWER_BYTES = 256 * 2**20


class Options(Common, frozen=True, kw_only=True):
    """The options of `protocol = "jimeng"`."""

    base_url: str = "https://visual.volcengineapi.com"
    access_key_env: str = "VOLC_ACCESS_KEY_ID"
    secret_key_env: str = "VOLC_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable
    session_token_env: str = ""
    """For temporary credentials alone."""
    region: str = "cn-north-1"
    service: str = "cv"
    req_key: str = "jimeng_t2i_v40"
    least_pixels: int = 1024 * 1024
    most_pixels: int = 4096 * 4096


def prepare(options: Mapping[str, Any]) -> CarryOut:
    """Read the options and the secrets; gives what carries a run out."""
    found = chosen(Options, options)
    named = msgspec.structs.asdict(found)
    access, key = secret(named, "access_key_env"), secret(named, "secret_key_env")
    token = secret(named, "session_token_env") if found.session_token_env else ""
    signer = Signer(access, key, found.region, found.service)
    manners = Manners(judge, authorizer(signer, token), tuple(filter(None, (key, token))))
    return partial(_carry_out, found, manners)


def authorizer(
    signer: Signer, token: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Callable[[httpx.Request], Mapping[str, str]]:
    """Make what signs each request, at the time at which it is sent."""

    def authorize(request: httpx.Request) -> Mapping[str, str]:
        stamp, digest = stamp_of(now()), sha256(request.content)
        signed = {
            "Content-Type": request.headers["Content-Type"],
            "Host": request.url.netloc.decode("ascii"),
            "X-Content-Sha256": digest,
            "X-Date": stamp,
            **({"X-Security-Token": token} if token else {}),
        }
        query = canonical_query(request.url.params.multi_items())
        value = signer.authorization(request.method, request.url.path, query, signed, digest, stamp)
        return {**signed, "Authorization": value}

    return authorize


def judge(answer: Answer) -> Refusal | None:
    """Read an answer by its outer code. A task that is done is no refusal, however it ended."""
    facts = answer.facts()
    if (denied := _gateway_error(facts)) is not None:
        return denied
    if facts.get("code") == SUCCESS or _data(facts).get("status") == "done":
        return None
    if not isinstance(facts.get("code"), int):
        return by_status(answer, first_text(facts, ("message",))) or no_object()
    return refused(facts, answer)


def refused(facts: Mapping[str, Any], answer: Answer) -> Refusal:
    """Say what a code means."""
    code, words = facts.get("code"), first_text(facts, ("message",)) or f"code {facts.get('code')}"
    if code in INPUT_RISKS:
        return content_refused(words)
    if code in OUTPUT_RISKS:
        # Another try may make another picture; only pictures that are given are charged for.
        return content_refused(words, retry=code == 50511)
    if code in BUSY:
        return busy(words)
    if code in DENIED:
        return unauthorized(words)
    if code in INTERNAL:
        return failed(words, free=True)
    return by_status(answer, words) or rejected(words)


def _gateway_error(facts: Mapping[str, Any]) -> Refusal | None:
    """Before the Visual API there is a gateway, which checks signatures and answers in its own shape."""
    about = facts.get("ResponseMetadata")
    error = about.get("Error") if isinstance(about, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    code, words = str(error.get("Code", "")), first_text(error, ("Message", "Code"))
    meaning = next((meaning for mark, meaning in GATEWAY_MARKS if mark in code), rejected)
    return meaning(words)


def _carry_out(options: Options, manners: Manners, run: Run) -> Result:
    orders = Orders(run, f"jimeng {options.base_url} {options.req_key}", repeatable=options.repeatable)
    body, notes = _body(options, run)
    with Provider(run, options, manners) as provider:
        outputs = Outputs(run, provider, sizes.asked(run.input, options.size_field))
        if not orders.id:
            provider.say(0.04, "placing the order")
            call = _call("CVSync2AsyncSubmitTask", body)
            provider.order(call, orders, lambda answer: orders.take(_task_id(answer)))
        data = _outcome(provider, options, orders)
        for text in _texts(data, "binary_data_base64"):
            outputs.decode(text)
        outputs.fetch_all(_texts(data, "image_urls") if not len(outputs) else ())
        return outputs.result({"protocol": "jimeng", **notes})


def _call(action: str, body: Mapping[str, Any]) -> Call:
    query = {"Action": action, "Version": VERSION}
    return Call("POST", "/", query, json=body, limit_bytes=ANSWER_BYTES)


def _task_id(answer: Answer) -> str:
    found = _data(answer.facts()).get("task_id")
    if not isinstance(found, str) or not found:
        raise nonsense("an accepted order without a task_id")
    return found


def _outcome(provider: Provider, options: Options, orders: Orders) -> Mapping[str, Any]:
    """Wait for the end of the task and give its data.

    Raises:
        RunError: it failed, was refused, or is known there no more.
    """
    wishes = msgspec.json.encode({"return_url": True, "logo_info": {"add_logo": False}}).decode()
    body = {"req_key": options.req_key, "task_id": orders.id, "req_json": wishes}
    began, waits = time.monotonic(), provider.pace.waits()
    while True:
        answer = provider.ask(_call("CVSync2AsyncGetResult", body))
        facts = answer.facts()
        status = str(_data(facts).get("status", ""))
        if status == "done":
            return _done(facts, answer, orders)
        if status not in WAITING:
            raise _gone(status)
        provider.say(likely(time.monotonic() - began), WAITING[status])
        provider.wait(next(waits))


def _done(facts: Mapping[str, Any], answer: Answer, orders: Orders) -> Mapping[str, Any]:
    if facts.get("code") == SUCCESS:
        return _data(facts)
    orders.end()
    raise refused(facts, answer).error


def _gone(status: str) -> RunError:
    if status in {"not_found", "expired"}:
        message = "The provider no longer knows what was ordered there: it keeps a task for twelve hours."
        return RunError("provider_failed", message, retry=False)
    return nonsense(f"a task whose status is {quoted(status or 'missing')}")


def _data(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    data = facts.get("data")
    return data if isinstance(data, Mapping) else {}


def _texts(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = data.get(name)
    return tuple(each for each in found if isinstance(each, str) and each) if isinstance(found, list) else ()


def _body(options: Options, run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Map the input to what the interface takes: nearly nothing, since it is the same contract."""
    body: dict[str, Any] = {
        "req_key": options.req_key,
        "prompt": str(run.input.get(options.prompt_field, "")),
        **_references(options, run),
    }
    notes: dict[str, Any] = {}
    for name in ("scale", "force_single"):
        if run.input.get(name) is not None:
            body[name] = run.input[name]
    if (wish := sizes.asked(run.input, options.size_field)) is not None:
        size = sizes.within(wish, options.least_pixels, options.most_pixels)
        body |= {"width": size.width, "height": size.height}
        notes |= sizes.told(wish, size)
    return {**body, **options.extra}, notes


def _references(options: Options, run: Run) -> dict[str, list[str]]:
    """Name the pictures by URL if all have one; else send them, in the member that this API has for it."""
    given = inputs(run)
    if all(passed_as_url(one, options.inputs) for one in given):
        return {"image_urls": [one.url for one in given]} if given else {}
    check_inline(given, options.max_inline_mb)
    return {"binary_data_base64": [in_base64(one) for one in given]}

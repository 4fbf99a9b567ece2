"""The protocol `ark`: Seedream 4 on ModelArk (BytePlus) and Ark (Volcengine).

One call does the work. It answers with a stream that tells of each picture as it is done; a picture that is
refused does not stop the others. Links to results live for a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from officina.engines.remote import sizes
from officina.engines.remote.call import Answer, Call
from officina.engines.remote.inputs import inputs, references
from officina.engines.remote.options import CarryOut, Common, chosen, wrong
from officina.engines.remote.orders import Orders
from officina.engines.remote.outputs import Outputs
from officina.engines.remote.provider import Manners, Provider, bearer
from officina.engines.remote.refusal import (
    Refusal,
    by_status,
    content_refused,
    failed,
    first_text,
    no_credit,
    nonsense,
    quoted,
    rejected,
)
from officina.engines.secrets import secret
from officina.errors import RunError
from officina.run import Result, Run

MOST_PICTURES = 15
"""Inputs and outputs together."""

ANSWER_BYTES = 256 * 2**20


class Options(Common, frozen=True, kw_only=True):
    """The options of `protocol = "ark"`."""

    base_url: str = "https://ark.ap-southeast.bytepluses.com/api/v3"
    timeout_s: float = 300.0
    """The answer begins with the first picture, so this is how long one may take."""
    model: str = "seedream-4-0-250828"
    """A model id, or the id of an endpoint (`ep-…`)."""
    watermark: bool = False
    stream: bool = True
    sequence: bool = True
    """Whether the prompt may ask for several pictures, as the contract has it."""
    pictures: int = MOST_PICTURES
    """The most in one run."""
    least_pixels: int = 921_600
    most_pixels: int = 16_777_216


class Made:
    """What one order has come to so far: where the pictures lie or what they are, and what failed."""

    def __init__(self, provider: Provider, most: int) -> None:
        self.urls: list[str] = []
        self.inside: list[str] = []
        self.failed: list[Mapping[str, Any]] = []
        self.ended = False
        self._provider = provider
        self._most = most

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take one event of the stream."""
        match event.get("type"):
            case "image_generation.partial_succeeded":
                self._add(event)
            case "image_generation.partial_failed" | "error":
                self.failed.append(_error(event))
            case "image_generation.completed":
                self.ended = True

    def read(self, answer: Answer) -> None:
        """Take an answer that came whole; the body of one that was a stream is empty."""
        if not answer.body:
            return
        data = answer.facts().get("data")
        for each in data if isinstance(data, list) else []:
            if isinstance(each, Mapping) and each.get("error"):
                self.failed.append(_error(each))
            elif isinstance(each, Mapping):
                self._add(each)
        self.ended = True

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.urls) + len(self.inside)

    def _add(self, picture: Mapping[str, Any]) -> None:
        if isinstance(picture.get("url"), str):
            self.urls.append(picture["url"])
        elif isinstance(picture.get("b64_json"), str):
            self.inside.append(picture["b64_json"])
        self._provider.say(0.1 + 0.75 * min(len(self) / self._most, 1), f"picture {len(self)} is done")


def prepare(options: Mapping[str, Any]) -> CarryOut:
    """Read the options and the key; gives what carries a run out."""
    found = chosen(Options, options)
    if not 1 <= found.pictures <= MOST_PICTURES:
        raise wrong(f"pictures must be 1 to {MOST_PICTURES}")
    return partial(_carry_out, found, bearer(judge, secret(options)))


def judge(answer: Answer) -> Refusal | None:
    """Read an answer that came whole, by the code of its error."""
    error = answer.facts().get("error")
    if answer.ok and not error:
        return None
    facts = _error({"error": error})
    return _refused(facts, answer)


def _refused(error: Mapping[str, Any], answer: Answer) -> Refusal:
    code, words = str(error.get("code", "")), first_text(error, ("message", "code"))
    if "Sensitive" in code or "RiskDetection" in code:
        return content_refused(words)
    if "Overdue" in code:
        return no_credit(words)
    if code == "InternalServiceError":
        # Only pictures that were made are charged for, so after an internal error it may be ordered again.
        return failed(words, free=True)
    status = answer.status if not answer.ok else 400
    return by_status(Answer(status, answer.headers, b""), words) or rejected(words)


def _carry_out(options: Options, manners: Manners, run: Run) -> Result:
    orders = Orders(run, f"ark {options.base_url} {options.model}", repeatable=options.repeatable)
    body, notes = _body(options, run)
    call = Call("POST", "/images/generations", json=body, limit_bytes=ANSWER_BYTES)
    with Provider(run, options, manners) as provider:
        outputs = Outputs(run, provider, sizes.asked(run.input, options.size_field))
        if orders.made:
            outputs.fetch_all(orders.made)
        else:
            made = _ordered(provider, orders, call, _most(options, run))
            _bring_home(outputs, orders, made)
            notes |= _told(made)
        return outputs.result({"protocol": "ark", **notes})


def _ordered(provider: Provider, orders: Orders, call: Call, most: int) -> Made:
    """Order, and listen; a stream that breaks off after some pictures gives those."""
    made = Made(provider, most)
    provider.say(0.1, "the provider is at work")
    try:
        provider.order(call, orders, made.read, made.hear)
    except RunError:
        if not len(made):
            raise
    if not len(made):
        orders.end()
        raise _nothing(made)
    return made


def _nothing(made: Made) -> RunError:
    if not made.failed:
        return nonsense("a success without a single picture")
    return _refused(made.failed[0], Answer(400, {}, b"")).error


def _bring_home(outputs: Outputs, orders: Orders, made: Made) -> None:
    for text in made.inside:
        outputs.decode(text)
    if not made.inside:
        orders.keep_made(tuple(made.urls))
    outputs.fetch_all(tuple(made.urls))


def _told(made: Made) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    if made.failed:
        notes["failed"] = [quoted(first_text(each, ("code", "message"))) for each in made.failed]
    if not made.ended:
        notes["incomplete"] = "The provider broke off; these are the pictures that were done."
    return notes


def _error(event: Mapping[str, Any]) -> Mapping[str, Any]:
    error = event.get("error")
    return error if isinstance(error, Mapping) else {"message": str(error or "it gives no reason")}


def _most(options: Options, run: Run) -> int:
    if not options.sequence or run.input.get("force_single"):
        return 1
    return max(min(options.pictures, MOST_PICTURES - len(inputs(run))), 1)


def _body(options: Options, run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Map the input to what the route takes; also tells what became of the size and the scale."""
    most = _most(options, run)
    body: dict[str, Any] = {
        "model": options.model,
        "prompt": str(run.input.get(options.prompt_field, "")),
        "sequential_image_generation": "auto" if most > 1 else "disabled",
        "response_format": "url",
        "stream": options.stream,
        "watermark": options.watermark,
    }
    notes: dict[str, Any] = {"ignored": ["scale"]} if "scale" in run.input else {}
    if most > 1:
        body["sequential_image_generation_options"] = {"max_images": most}
    if given := references(inputs(run), options.inputs, options.max_inline_mb):
        body["image"] = given if len(given) > 1 else given[0]
    if (wish := sizes.asked(run.input, options.size_field)) is not None:
        size = sizes.within(wish, options.least_pixels, options.most_pixels)
        body["size"] = str(size)
        notes |= sizes.told(wish, size)
    return {**body, **options.extra}, notes

"""The protocol `openai_images`: `/images/edits` and `/images/generations` as OpenAI defined them.

Also spoken by vLLM-Omni, SGLang and the server of stable-diffusion.cpp. One call does the work and answers
with the pictures, so there is nothing to resume; giving the connection up is how a run is stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from officina.engines.remote import sizes
from officina.engines.remote.call import Answer, Call, Part
from officina.engines.remote.inputs import inputs, passed_as_url
from officina.engines.remote.options import CarryOut, Common, chosen, wrong
from officina.engines.remote.orders import Orders
from officina.engines.remote.outputs import Outputs
from officina.engines.remote.provider import Manners, Provider, bearer
from officina.engines.remote.refusal import Refusal, by_status, first_text, no_credit, nonsense
from officina.engines.remote.sizes import Size
from officina.engines.secrets import secret
from officina.run import Result, Run

BLOCKED = frozenset({"moderation_blocked", "content_policy_violation"})
EMPTY = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
ANSWER_BYTES = 512 * 2**20
"""Pictures come inside the answer, in base64."""


class Options(Common, frozen=True, kw_only=True):
    """The options of `protocol = "openai_images"`; what differs between servers is said here."""

    base_url: str = "https://api.openai.com/v1"
    timeout_s: float = 600.0
    model: str = ""
    image_field: str = "image[]"
    """What the form calls an input; older servers want `image`."""
    url_field: str = ""
    """What it calls an input that goes by its URL, where a server takes such: `url` at vLLM-Omni."""
    sizes: tuple[str, ...] = ()
    """The only sizes that are made there; the one of the nearest ratio is asked for."""
    least_pixels: int = 1
    most_pixels: int = 2**26
    multiple: int = 1
    """Sides must be multiples of it."""
    pictures: int = 1
    """How many are asked for in one order."""
    scale_field: str = ""
    """Where the contract's `scale` goes, such as `guidance_scale`; it is left out when this is empty."""
    scale_range: tuple[float, float] = (1.0, 7.0)
    """What `scale` 0 and 1 become there."""


def prepare(options: Mapping[str, Any]) -> CarryOut:
    """Read the options and the key; gives what carries a run out."""
    found = chosen(Options, options)
    if not all(map(sizes.read, found.sizes)):
        raise wrong('sizes must be written like "1024x1024"')
    if not (
        1 <= found.pictures <= 15 and found.multiple >= 1 and 1 <= found.least_pixels <= found.most_pixels
    ):
        raise wrong(
            "pictures must be 1 to 15, multiple at least 1, and least_pixels no more than most_pixels"
        )
    return partial(_carry_out, found, bearer(judge, secret(options) if found.key_env else ""))


def judge(answer: Answer) -> Refusal | None:
    """Read an answer; OpenAI's errors are objects with a code, those of other servers a `detail`."""
    if answer.ok:
        return None
    facts = answer.facts()
    error = facts.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    words = first_text(facts, ("error", "detail", "message")) or _details(facts.get("detail"))
    if code in EMPTY:
        return no_credit(words)
    return by_status(answer, words, blocked=code in BLOCKED)


def _details(detail: object) -> str:
    problems = [each for each in detail if isinstance(each, Mapping)] if isinstance(detail, list) else []
    return "; ".join(str(each.get("msg", "")) for each in problems[:3])


def _carry_out(options: Options, manners: Manners, run: Run) -> Result:
    orders = Orders(run, f"openai_images {options.base_url} {options.model}", repeatable=options.repeatable)
    fields, notes = _fields(options, run.input)
    call = _call(options, run, fields)
    with Provider(run, options, manners) as provider:
        outputs = Outputs(run, provider, sizes.asked(run.input, options.size_field))
        provider.say(0.1, "the provider is at work")
        urls = orders.made or provider.order(call, orders, lambda answer: _received(answer, outputs, orders))
        outputs.fetch_all(urls)
        return outputs.result({"protocol": "openai_images", **notes})


def _received(answer: Answer, outputs: Outputs, orders: Orders) -> tuple[str, ...]:
    """Take the pictures that came with the answer; gives where the others lie."""
    data = answer.facts().get("data")
    found = [each for each in data if isinstance(each, Mapping)] if isinstance(data, list) else []
    if not found:
        raise nonsense("a success without data")
    inside = [each["b64_json"] for each in found if isinstance(each.get("b64_json"), str)]
    urls = tuple(
        each["url"] for each in found if not each.get("b64_json") and isinstance(each.get("url"), str)
    )
    for text in inside:
        outputs.decode(text)
    if not inside:
        orders.keep_made(urls)
    return urls


def _call(options: Options, run: Run, fields: Mapping[str, Any]) -> Call:
    given = inputs(run)
    if not given:
        return Call("POST", "/images/generations", json=fields, limit_bytes=ANSWER_BYTES)
    by_url = [one for one in given if options.url_field and passed_as_url(one, options.inputs)]
    form = [(name, _in_form(value)) for name, value in fields.items()]
    form += [(options.url_field, one.url) for one in by_url]
    parts = tuple(Part(options.image_field, one.path, one.mime) for one in given if one not in by_url)
    return Call("POST", "/images/edits", form=tuple(form), parts=parts, limit_bytes=ANSWER_BYTES)


def _in_form(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fields(options: Options, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Map the input to what the route takes; also tells what became of the size and the scale."""
    fields: dict[str, Any] = {"prompt": str(given.get(options.prompt_field, ""))}
    notes: dict[str, Any] = {}
    if options.model:
        fields["model"] = options.model
    if options.pictures > 1 and not given.get("force_single"):
        fields["n"] = options.pictures
    if (wish := sizes.asked(given, options.size_field)) is not None:
        size = _size(options, wish)
        fields["size"] = str(size)
        notes |= sizes.told(wish, size)
    if isinstance(scale := given.get("scale"), (int, float)):
        if options.scale_field:
            low, high = options.scale_range
            fields[options.scale_field] = round(low + (high - low) * scale, 3)
        else:
            notes["ignored"] = ["scale"]
    return {**fields, **options.extra}, notes


def _size(options: Options, wish: Size) -> Size:
    offered = [size for text in options.sizes if (size := sizes.read(text)) is not None]
    if offered:
        return sizes.nearest(wish, offered)
    return sizes.within(wish, options.least_pixels, options.most_pixels, options.multiple)

"""What a provider's refusal means: an error of the run, and whether the work was surely not taken on."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from officina.engines.remote.call import Answer
from officina.errors import RunError

MOST_CHARS = 300

_LINK = re.compile(r"\b\w+://\S+")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error, and whether the provider surely did not begin: then asking again cannot be paid twice."""

    error: RunError
    untouched: bool = False
    asked_s: float = 0.0
    """How long the provider wants to be left alone before it is asked again."""


Judge = Callable[[Answer], Refusal | None]
"""Reads an answer as its protocol means it; None when it is no refusal."""


def by_status(answer: Answer, words: str = "", *, blocked: bool = False) -> Refusal | None:
    """Judge by the HTTP status alone; `words` are the provider's own, `blocked` tells of a content filter."""
    if answer.ok:
        return None
    words = words or f"HTTP {answer.status}"
    if blocked:
        return content_refused(words)
    meaning = _MEANINGS.get(answer.status) or _MEANINGS.get(answer.status // 100) or rejected
    return meaning(words)


def rejected(words: str) -> Refusal:
    """The input is not one that the provider takes."""
    message = f"The provider refused the input: {quoted(words)}."
    return Refusal(RunError("provider_rejected", message), untouched=True)


def content_refused(words: str, *, retry: bool = False) -> Refusal:
    """A content filter has spoken."""
    message = f"The provider's content filter refused: {quoted(words)}; change the prompt or the pictures."
    return Refusal(RunError("content_refused", message, retry=retry), untouched=True)


def unauthorized(words: str) -> Refusal:
    """The credentials are the operator's, so the caller can do nothing."""
    message = f"The provider refuses this server's credentials: {quoted(words)}; tell the operator."
    return Refusal(RunError("provider_unauthorized", message), untouched=True)


def no_credit(words: str) -> Refusal:
    """The operator's account is empty; waiting does not fill it."""
    message = f"This server's account at the provider has no credit left: {quoted(words)}; tell the operator."
    return Refusal(RunError("provider_limited", message, retry=False), untouched=True)


def busy(words: str) -> Refusal:
    """A rate, or too many runs at once; it passes."""
    message = f"The provider allows no more for now: {quoted(words)}; try again later."
    return Refusal(RunError("provider_limited", message), untouched=True)


def failed(words: str, *, free: bool = False) -> Refusal:
    """The provider says that it failed; `free` where it does not charge for that, however far it had come."""
    message = f"The provider failed: {quoted(words)}; try again later."
    return Refusal(RunError("provider_failed", message), untouched=free)


def full(words: str) -> Refusal:
    """The provider has no room, so it has not begun."""
    return failed(words, free=True)


def redirecting(words: str) -> Refusal:
    """An authorized call is never sent on to where somebody else says."""
    message = f"The provider redirects ({quoted(words)}), which is not followed; tell the operator."
    return Refusal(RunError("provider_failed", message, retry=False), untouched=True)


def no_object() -> Refusal:
    """An answer that ought to be a JSON object is none; some proxy's page, perhaps."""
    return Refusal(nonsense("no JSON object", retry=True))


def nonsense(what: str, *, retry: bool = False) -> RunError:
    """The provider answered what its protocol does not know."""
    return RunError("provider_failed", f"The provider answered nonsense: {what}.", retry=retry)


def quoted(words: str) -> str:
    """Give a provider's words fit to be read by a caller: one line, not long, no links, no full stop."""
    plain = _LINK.sub("(link)", " ".join(words.split()))
    short = plain if len(plain) <= MOST_CHARS else f"{plain[:MOST_CHARS]}…"
    return short.rstrip(" .;") or "it gives no reason"


def first_text(facts: Mapping[str, Any], names: Collection[str]) -> str:
    """The first of these members that is a text, or the `message` of one that is an object."""
    for name in names:
        value = facts.get(name)
        if isinstance(value, Mapping):
            value = value.get("message")
        if isinstance(value, str) and value:
            return value
    return ""


_MEANINGS: Mapping[int, Callable[[str], Refusal]] = {
    3: redirecting,
    4: rejected,
    5: failed,
    401: unauthorized,
    402: no_credit,
    403: unauthorized,
    408: failed,
    429: busy,
    503: busy,
    507: full,
}
"""What an HTTP status means, or else its first digit."""

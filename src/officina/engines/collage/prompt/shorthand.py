"""What people write short, before it is split into words: steps, arrows, @image1, small JSON objects."""

from __future__ import annotations

import re

ARROW = "→"
"""Every arrow becomes this one."""
_ARROWS = re.compile(r"[-=]+>|[⇒➡➔➜⟶🡒]")
_NAMES = re.compile(r"@(?=\w)|(?<=[^\W_])_(?=[^\W_])")
_FIRST_STEP = re.compile(r"\s*\(?(?:1|[aA])[.)](?=\s)")
_STEP = re.compile(r"(?<![^\s;,])\(?(?:[1-9]|1\d|[a-h])[.)](?=\s)")
_BULLET = re.compile(r"^[ \t]*(?:[-–—*•·▪◦]|\(?\d{1,2}[.)]|\(?[a-h]\))(?=\s)", re.MULTILINE)
_OBJECT = re.compile(r"(?P<request>\s*(?:POST|PUT|PATCH|GET)\s+\S+)?\s*\{.*\}\s*", re.DOTALL)
_PAIR = re.compile(r"\"(?P<key>\w[\w ]*)\"\s*:\s*(?:\"(?P<value>[^\"]*)\")?")
_TEXTUAL = re.compile(
    r"text|caption|title|headline|testo|scritta|titolo|texto|titre|texte|légende|schrift", re.IGNORECASE
)


def spelled_out(prompt: str) -> str:
    """The prompt with signs of short hand as plain marks, every character at its place."""
    text = _ARROWS.sub(lambda found: ARROW + " " * (len(found.group()) - 1), prompt)
    text = _NAMES.sub(" ", text)
    text = _BULLET.sub(_stop, text)
    return _STEP.sub(_stop, text) if _FIRST_STEP.match(prompt) else text


def _stop(found: re.Match[str]) -> str:
    """A full stop instead of a step's number: what stands before it is finished."""
    return "." + " " * (len(found.group()) - 1)


def without_object(prompt: str) -> str:
    """A JSON object without braces and quotation marks, every character at its place.

    A text to write stays quoted.
    """
    found = _OBJECT.fullmatch(prompt)
    if not found:
        return prompt
    request = len(found["request"] or "")
    prompt = " " * request + prompt[request:]
    return _PAIR.sub(_unquoted, re.sub(r"[{}\[\]]", " ", prompt))


def _unquoted(found: re.Match[str]) -> str:
    whole = found.group()
    kept = found.span("value") if _TEXTUAL.search(found["key"]) else (-1, -1)
    begin, end = kept[0] - found.start() - 1, kept[1] - found.start()
    return "".join(" " if sign == '"' and at not in (begin, end) else sign for at, sign in enumerate(whole))

"""Sentences for callers: why a JSON value does not fit its JSON Schema, every reason with its path."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from officina.errors import Problem

Path = tuple[str | int, ...]

REFERENCE = (
    r"^(?:[Hh][Tt][Tt][Pp][Ss]?://[^\x00-\x20\x7f/?#]"  # a URL with a host
    r"|[Dd][Aa][Tt][Aa]:[^,]*,"  # a data: URI
    r"|file_[0-9a-f]{32}$)"  # the id of an upload
)
"""What may stand in a field of files, by shape alone; whether it can be fetched shows later."""

_REFERENCE = re.compile(REFERENCE.replace("$", r"\Z"))
"""Python's `$` would let a line end through."""
_MAX_SHOWN = 60
_MAX_OPTIONS = 30
_MAX_ITEMS = 10_000
"""Items of one array that are looked at: a list of a million breaches is told by its first."""

_NOUNS: Mapping[str, str] = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "boolean": bool,  # first, since to Python it is a number too
    "number": (int, float),
    "string": str,
    "array": list,
    "object": dict,
}
_REFERENCE_FORMATS = frozenset({"image_uri", "video_uri", "audio_uri"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://")
_ACCEPTED = (
    "give an https:// or http:// URL, a data: URI that holds the file, "
    "or the id of an upload (file_ and 32 hex digits)"
)


@dataclass(frozen=True, slots=True)
class _Limit:
    """A keyword that bounds a number, or the length of a text or list."""

    kind: str
    broken: Callable[[Any, Any], bool]
    words: str
    unit: str = ""

    def sentence(self, bound: Any, measured: Any) -> str:
        unit = f" {self.unit}{'' if bound == 1 else 's'}" if self.unit else ""
        return f"{self.words} {bound}{unit}, got {show(measured)}"


_LIMITS: Mapping[str, _Limit] = {
    "minItems": _Limit("array", operator.lt, "at least", "item"),
    "maxItems": _Limit("array", operator.gt, "at most", "item"),
    "minLength": _Limit("string", operator.lt, "at least", "character"),
    "maxLength": _Limit("string", operator.gt, "at most", "character"),
    "minimum": _Limit("number", operator.lt, "must be at least"),
    "maximum": _Limit("number", operator.gt, "must be at most"),
    "exclusiveMinimum": _Limit("number", operator.le, "must be more than"),
    "exclusiveMaximum": _Limit("number", operator.ge, "must be less than"),
}


def explain(schema: Mapping[str, Any], value: Any, loc: Path) -> Iterator[Problem]:
    """Every problem that we have words for; lazy, so that the reader decides how many are enough."""
    if sentence := _wrong_type(schema, value):
        yield Problem(loc, sentence, "type")
    elif "enum" in schema and not any(_same(option, value) for option in schema["enum"]):
        yield Problem(loc, _not_an_option(schema["enum"], value), "enum")
    elif _is_broken_reference(schema, value):
        yield Problem(loc, _not_a_reference(value), "format")
    else:
        yield from _limit_problems(schema, value, loc)
        if isinstance(value, list):
            yield from _item_problems(schema, value, loc)
        elif isinstance(value, dict):
            yield from _member_problems(schema, value, loc)


def is_reference(text: str) -> bool:
    """Whether a text has the shape of something that can be fetched."""
    return _REFERENCE.match(text) is not None


def did_you_mean(word: str, options: Iterable[Any]) -> str:
    """`; did you mean "prompt"?` when one of the options is near, else nothing."""
    names = {str(option).casefold(): str(option) for option in islice(options, 500)}
    near = difflib.get_close_matches(word[:100].casefold(), names, n=1)
    return f'; did you mean "{names[near[0]]}"?' if near else ""


def ended(sentence: str) -> str:
    """The sentence with a full stop, unless it ends by itself."""
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def show(value: object, *, quote: str = '"', limit: int = _MAX_SHOWN) -> str:
    """A value as a caller would recognise it, never longer than a few words."""
    if isinstance(value, str):
        return quote + (value if len(value) <= limit else value[: limit - 1] + "…") + quote
    if isinstance(value, list):
        return "an empty list" if not value else f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    return show(msgspec.json.encode(value).decode(), quote="", limit=limit)


def kind_of(value: object) -> str:
    """The JSON type of a decoded value; a boolean is no number here."""
    return next(
        (kind for kind, types in _KINDS.items() if isinstance(value, types)),
        "null" if value is None else "unknown",
    )


def _wrong_type(schema: Mapping[str, Any], value: object) -> str | None:
    named = schema.get("type", ())
    types = (named,) if isinstance(named, str) else tuple(named)
    if not types or any(_is_a(name, value) for name in types):
        return None
    wanted = " or ".join(_NOUNS[name] for name in types if name != "null" or len(types) == 1)
    return f"must be {wanted}, got {show(value)}{_type_hint(types, value)}"


def _is_a(name: str, value: object) -> bool:
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return kind_of(value) == ("number" if name == "integer" else name)


def _type_hint(types: tuple[str, ...], value: object) -> str:
    if "array" in types and isinstance(value, str):
        return "; put it into [ ] even when there is only one"
    if isinstance(value, str) and _unquoted_fits(types, value):
        return "; leave out the quotes"
    if value is None:
        return "; leave the field out to mean nothing"
    return ""


def _unquoted_fits(types: tuple[str, ...], text: str) -> bool:
    try:
        value = msgspec.json.decode(text[:_MAX_SHOWN])
    except (msgspec.MsgspecError, RecursionError):
        return False
    return any(_is_a(name, value) for name in types)


def _same(option: object, value: object) -> bool:
    return option == value and isinstance(option, bool) == isinstance(value, bool)


def _not_an_option(options: list[Any], value: object) -> str:
    told = [option for option in options if option is not None]
    listed = ", ".join(show(option, quote="") for option in told[:_MAX_OPTIONS])
    more = f" and {len(told) - _MAX_OPTIONS} more" if len(told) > _MAX_OPTIONS else ""
    hint = did_you_mean(value, told) if isinstance(value, str) else ""
    return f"must be one of: {listed}{more}; got {show(value)}{hint}"


def _is_broken_reference(schema: Mapping[str, Any], value: object) -> bool:
    of_files = schema.get("format") in _REFERENCE_FORMATS
    return of_files and isinstance(value, str) and not is_reference(value)


def _not_a_reference(value: str) -> str:
    if not value.strip():
        return f"is empty; {_ACCEPTED}"
    if value != value.strip():
        return f"{show(value)} has blanks around it; {_ACCEPTED}"
    scheme = _SCHEME.match(value)
    if scheme and scheme[1].lower() not in ("http", "https"):
        return f"{scheme[1]}:// addresses are not fetched; {_ACCEPTED}"
    if value[:5].lower() == "data:":
        return f"{show(value)} is not a data: URI: no comma between its type and its content"
    return f"{show(value)} is not something the server can fetch; {_ACCEPTED}"


def _limit_problems(schema: Mapping[str, Any], value: Any, loc: Path) -> Iterator[Problem]:
    kind = kind_of(value)
    measured = value if kind == "number" else len(value) if kind in ("array", "string") else None
    for keyword, limit in _LIMITS.items():
        if keyword in schema and limit.kind == kind and limit.broken(measured, schema[keyword]):
            yield Problem(loc, limit.sentence(schema[keyword], measured), keyword)


def _item_problems(schema: Mapping[str, Any], value: list[Any], loc: Path) -> Iterator[Problem]:
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return
    enough = min(schema.get("maxItems", _MAX_ITEMS), _MAX_ITEMS)
    for index, item in enumerate(islice(value, enough)):
        yield from explain(items, item, (*loc, index))


def _member_problems(schema: Mapping[str, Any], value: dict[str, Any], loc: Path) -> Iterator[Problem]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    unknown = tuple(islice((name for name in value if name not in properties), _MAX_ITEMS))
    for name in schema.get("required", ()):
        if name not in value:
            sent = difflib.get_close_matches(name, [key[:100] for key in unknown[:500]], n=1)
            hint = f'; you sent "{sent[0]}"' if sent else ""
            yield Problem((*loc, name), f"{name} is required{hint}", "required")
    for name, child in properties.items():
        if name in value:
            yield from explain(child, value[name], (*loc, name))
    if schema.get("additionalProperties") is False:
        for name in unknown:
            hint = did_you_mean(name, properties)
            yield Problem(
                (*loc, show(name, quote="")),
                f"{show(name)} is not a field of this model{hint}",
                "unknown_field",
            )

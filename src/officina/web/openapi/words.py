"""Says in words what a schema of JSON Schema demands, for pages that people and agents read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from officina.explain import REFERENCE

Schema = Mapping[str, Any]

_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} character",
    "maxLength": "at most {} character",
    "minItems": "at least {} item",
    "maxItems": "at most {} item",
    "multipleOf": "a multiple of {}",
    "format": "format `{}`",
}
_COUNTED = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
_TOLD_ELSEWHERE = frozenset(
    {"$ref", "$schema", "title", "description", "type", "properties", "required", "items", "prefixItems"}
    | {"examples", "default", "anyOf", "x-validations", "validations", "additionalProperties"}
)


class Member(msgspec.Struct, frozen=True):
    """One member of an object: what it is, every rule it keeps, and what it means."""

    name: str
    kind: str
    is_required: bool
    rules: tuple[str, ...]
    meaning: str
    target: str = ""
    """The name of the component that it refers to, if any."""


def members(schema: Schema) -> list[Member]:
    """The members of an object, in the schema's order."""
    required = schema.get("required", ())
    return [
        Member(name, kind(node), name in required, tuple(rules(node)), _meaning(node), target(node))
        for name, node in schema.get("properties", {}).items()
    ]


def kind(schema: Schema) -> str:
    """The type in words: `list of string`, `number or null`, or the name of a component."""
    if "$ref" in schema:
        return _component(schema["$ref"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(each) for each in schema["anyOf"]))
    types = schema.get("type", ())
    types = (types,) if isinstance(types, str) else tuple(types)
    if "array" in types and isinstance(schema.get("items"), Mapping):
        others = [name for name in types if name != "array"]
        return " or ".join([f"list of {kind(schema['items'])}", *others])
    if types:
        return " or ".join(types)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return " or ".join(dict.fromkeys(_type_of(value) for value in values)) or "anything"


def rules(schema: Schema) -> Iterator[str]:
    """Every rule of a schema, each in words; what has no words of its own is shown as it is written."""
    for name, value in schema.items():
        if name == "enum":
            yield "one of " + ", ".join(f"`{_shown(each)}`" for each in value)
        elif name == "const":
            yield f"always `{_shown(value)}`"
        elif name == "pattern" and value == REFERENCE:
            yield "a URL, a `data:` URI, or the id of an upload"
        elif name in _LIMITS:
            yield _LIMITS[name].format(_shown(value)) + ("s" if name in _COUNTED and value != 1 else "")
        elif name not in _TOLD_ELSEWHERE:
            yield f"{name} `{_shown(value)}`"
    if isinstance(schema.get("items"), Mapping):
        yield from (f"each: {rule}" for rule in rules(schema["items"]))
    for each in schema.get("x-validations", ()):
        rule = re.sub(r"\s*([<>=≤≥]+)\s*$", r" \1 ", each["validation_rule"])
        yield f"`{rule}{each['validation_value']}`: {each['validation_error']}"
    if "default" in schema:
        yield f"`{_shown(schema['default'])}` unless given"


def target(schema: Schema) -> str:
    """The component that a schema leads to, directly, in a list, or as one of two."""
    if "$ref" in schema:
        return _component(schema["$ref"])
    inner = [schema["items"]] if isinstance(schema.get("items"), Mapping) else schema.get("anyOf", ())
    return next((found for each in inner if (found := target(each))), "")


def _meaning(node: Schema) -> str:
    title, text = str(node.get("title", "")), str(node.get("description", ""))
    return f"{title}. {text}" if title and text else title or text


def _component(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _type_of(value: Any) -> str:
    return {str: "string", bool: "boolean", int: "integer", float: "number"}.get(type(value), "null")

"""A schema of the dialect as a table that people read: one row a field, with every rule in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from officina.web.site.locale import Locale

_KINDS = ("image", "video", "audio")
_TYPES = frozenset({"string", "number", "float", "integer", "boolean", "object", "any"})
"""Those that have a word; the dialect lets a schema name others, which are shown as they are."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: in our words, or (`own`) in the schema's."""

    words: Markup
    own: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One field. `path` is `loras[].scale` inside a list of objects; the default is JSON."""

    path: str
    type: Markup
    required: bool
    title: str
    description: str
    rules: tuple[Rule, ...]
    default: str
    depth: int


def rows(schema: Mapping[str, Any], t: Locale, prefix: str = "", depth: int = 0) -> Iterator[Row]:
    """Every field of an object schema, and below it those of the objects in it."""
    required = schema.get("required", ())
    for name, node in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield Row(
            path=path,
            type=_type(node, t),
            required=name in required,
            title=str(node.get("title", "")),
            description=str(node.get("description", "")),
            rules=tuple(_rules(node, t)),
            default=json.dumps(node["default"], ensure_ascii=False) if "default" in node else "",
            depth=depth,
        )
        items = node.get("items")
        if isinstance(items, Mapping) and items.get("properties"):
            yield from rows(items, t, f"{path}[].", depth + 1)
        elif node.get("properties"):
            yield from rows(node, t, f"{path}.", depth + 1)


def _type(node: Mapping[str, Any], t: Locale) -> Markup:
    given = node.get("type", ())
    names = [given] if isinstance(given, str) else list(given)
    kind, many = _media(node)
    if node.get("format") == "uri":
        word = t("schema.url")
    elif kind:
        word = t(f"schema.{kind}s" if many else f"schema.{kind}")
    elif "array" in names:
        items = node.get("items")
        word = t("schema.list_of", items=_type(items, t)) if isinstance(items, Mapping) else t("schema.list")
    else:
        main = next((name for name in names if name != "null"), "any")
        word = t(f"schema.{main}") if main in _TYPES else _code(main)
    return t("schema.or_null", type=word) if "null" in names else word


def _media(node: Mapping[str, Any]) -> tuple[str, bool]:
    for form, many in ((node.get("format"), False), (_items(node).get("format"), True)):
        kind, _, rest = str(form or "").partition("_")
        if kind in _KINDS and rest in {"uri", "uris"}:
            return kind, many or rest == "uris"
    return "", False


def _rules(node: Mapping[str, Any], t: Locale) -> Iterator[Rule]:
    for low, high, word in (
        ("minItems", "maxItems", "items"),
        ("minLength", "maxLength", "characters"),
        ("minimum", "maximum", "value"),
        ("exclusiveMinimum", "exclusiveMaximum", "open_value"),
    ):
        yield from _range(node.get(low), node.get(high), word, t)
    if "pattern" in node:
        yield Rule(t("schema.pattern", pattern=_code(node["pattern"])))
    if "enum" in node:
        options = Markup(" ").join(_code(option) for option in node["enum"])
        yield Rule(t("schema.one_of", options=options))
    for each in (*node.get("validations", ()), *_items(node).get("validations", ())):
        rule = f"{each['validation_rule']} {each['validation_value']}"
        yield Rule(t("schema.each_file", rule=_code(rule)), str(each.get("validation_error", "")))


def _range(low: Any, high: Any, word: str, t: Locale) -> Iterator[Rule]:
    if low is not None and high is not None:
        yield Rule(t(f"schema.{word}_between", low=low, high=high))
    elif low is not None:
        yield Rule(t(f"schema.{word}_least", low=low))
    elif high is not None:
        yield Rule(t(f"schema.{word}_most", high=high))


def _code(value: Any) -> Markup:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Markup("<code>{}</code>").format(text)


def _items(node: Mapping[str, Any]) -> Mapping[str, Any]:
    items = node.get("items")
    return items if isinstance(items, Mapping) else {}

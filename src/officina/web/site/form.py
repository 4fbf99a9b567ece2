"""The form of a model: one field for each entry of its input schema, in the words that scripts need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from officina.catalog import Entry
from officina.dialect import worded
from officina.model import MediaField, MediaRule
from officina.web.site.explore import words_of

Control = Literal["files", "text", "shape", "choice", "number", "switch", "json"]

_LONG_TEXT = frozenset({"prompt", "negative_prompt", "text", "description", "lyrics"})
"""Fields that people write sentences into, whatever their length."""
_SHAPES = ("width×height", "aspect_ratio", "image_size", "size")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength")
_COUNTS = ("minItems", "maxItems")


class Field(msgspec.Struct, frozen=True, rename="camel"):
    """One field: how it is asked for, and every rule that can be checked before a run."""

    name: str
    title: str
    description: str
    tongue: str
    """The language of its title, description and rules, where it is not the page's."""
    control: Control
    required: bool
    nullable: bool
    is_folded: bool
    """Whether it waits among the advanced ones: a run makes sense without it."""
    limits: Mapping[str, float]
    """Bounds of a value, a text or a list, by their JSON Schema keywords."""
    integer: bool = False
    multiline: bool = False
    options: tuple[Any, ...] = ()
    pattern: str = ""
    media: str = ""
    """`image`, `video` or `audio`, for files."""
    many: bool = False
    rules: tuple[MediaRule, ...] = ()
    schema: Mapping[str, Any] = {}
    """What it takes, for a field that can only be written as JSON."""


def fields(entry: Entry, code: str) -> list[Field]:
    """The form of a model in one language, in the order of its schema."""
    words, tongue = words_of(entry.model, code)
    media = {each.name: _worded(each, words) for each in entry.spec.media}
    nodes: Mapping[str, Any] = worded(entry.spec.json_schema, words)["properties"]
    own = "" if tongue == code else tongue
    return [_field(entry, name, node, media.get(name), own) for name, node in nodes.items()]


def _worded(field: MediaField, words: Mapping[str, str]) -> MediaField:
    rules = tuple(
        msgspec.structs.replace(each, error=words.get(each.error, each.error)) for each in field.rules
    )
    return msgspec.structs.replace(field, rules=rules)


def _field(entry: Entry, name: str, node: Mapping[str, Any], media: MediaField | None, tongue: str) -> Field:
    types = _types(node)
    control = "files" if media else _control(name, node, types)
    required = name in entry.spec.required
    return Field(
        name=name,
        title=str(node.get("title") or name),
        description=str(node.get("description") or ""),
        tongue=tongue,
        control=control,
        required=required,
        nullable="null" in types,
        is_folded=not required and control not in {"files", "shape"} and name not in _LONG_TEXT,
        limits={key: node[key] for key in (*_BOUNDS, *_COUNTS) if key in node},
        integer="integer" in types and "number" not in types,
        multiline=control == "text" and (name in _LONG_TEXT or node.get("maxLength", 0) > 120),
        options=tuple(each for each in node.get("enum", ()) if each is not None),
        pattern=str(node.get("pattern", "")) if not media else "",
        media=media.kind if media else "",
        many=media.many if media else False,
        rules=media.rules if media else (),
        schema=node if control == "json" else {},
    )


def _types(node: Mapping[str, Any]) -> tuple[str, ...]:
    given = node.get("type", ())
    return (given,) if isinstance(given, str) else tuple(given)


def _control(name: str, node: Mapping[str, Any], types: tuple[str, ...]) -> Control:
    plain = [each for each in types if each != "null"]
    if node.get("enum"):
        return "shape" if name in _SHAPES else "choice"
    if plain in (["number"], ["integer"], ["integer", "number"], ["number", "integer"]):
        return "number"
    if plain == ["boolean"]:
        return "switch"
    return "text" if plain == ["string"] else "json"

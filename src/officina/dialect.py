"""The schema dialect: translate a published input schema once, then check every body against it.

The dialect looks like JSON Schema and is not quite: `type: float`, `format: image_uri`, `validations` on
files. jsonschema-rs decides whether a body is valid; `explain` only finds the words for why not.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any, cast, get_args

import jsonschema_rs
import msgspec

from officina.errors import CatalogError, Problem
from officina.explain import REFERENCE, Path, did_you_mean, explain, kind_of, show
from officina.model import MediaField, MediaKind, MediaRule, Metric, Operator

MAX_PROBLEMS = 100
"""Problems, and ignored keys, told of one body: a hostile body shall not make a huge answer."""

_JSON_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_MEDIA_FORMAT = re.compile(r"(image|video|audio)_uris?")
_METRICS = get_args(Metric)
_RULE = re.compile(r"\s*([A-Za-z_/]+)\s*(\S+)\s*")
_OPERATORS: Mapping[str, Operator] = {
    "<=": "<=", "≤": "<=", ">=": ">=", "≥": ">=", "<": "<", ">": ">", "==": "==",
}  # fmt: skip
_LARGEST_WHOLE_FLOAT = 2.0**63
_SAID = ("title", "description", "validation_error")


class Checked(msgspec.Struct, frozen=True):
    """What came of checking a body: the input to run, or every problem; and the keys nobody reads."""

    input: dict[str, Any]
    """The known keys with the defaults of optional fields; empty when there are problems."""
    problems: tuple[Problem, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A compiled input schema."""

    media: tuple[MediaField, ...]
    json_schema: Mapping[str, Any]
    """The same schema as JSON Schema 2020-12."""
    required: tuple[str, ...]
    defaults: Mapping[str, Any]
    """Of optional fields only: the defaults of required ones are demo values, never filled in."""
    known: frozenset[str]
    whole: tuple[str, ...]
    """Fields of whole numbers, where a client may have sent 4.0 for 4."""
    texts: tuple[str, ...]
    """Fields of free text, such as a prompt: neither files nor a choice."""
    validator: jsonschema_rs.Validator

    def check(self, body: object, *, strict: bool = False) -> Checked:
        """Check a decoded JSON body; `strict` makes a problem of every unknown key."""
        if not isinstance(body, dict):
            sentence = f"the body must be a JSON object, got {show(body)}"
            return Checked({}, (Problem(("body",), sentence, "not_an_object"),))
        unknown = self._unknown(body)
        if (unknown and strict) or not self._is_valid(body):
            return Checked({}, self._problems(body, strict))
        return Checked(self._filled(body, unknown), (), tuple(show(name, quote="") for name in unknown))

    def _unknown(self, body: dict[str, Any]) -> tuple[str, ...]:
        if body.keys() <= self.known or self.json_schema.get("additionalProperties", False) is not False:
            return ()
        return tuple(islice((name for name in body if name not in self.known), MAX_PROBLEMS))

    def _is_valid(self, body: dict[str, Any]) -> bool:
        try:
            return self.validator.is_valid(body)
        except ValueError:  # nested deeper than the validator follows
            return False

    def _problems(self, body: dict[str, Any], strict: bool) -> tuple[Problem, ...]:
        closed = {"additionalProperties": False} if strict else {}
        schema = {**closed, **self.json_schema}
        problems = tuple(islice(explain(schema, body, ("body",)), MAX_PROBLEMS))
        return problems or (self._unexplained(body),)

    def _unexplained(self, body: dict[str, Any]) -> Problem:
        """A breach of a keyword that `explain` has no words for, in the words of the validator."""
        try:
            self.validator.validate(body)
        except jsonschema_rs.ValidationError as error:
            return Problem(
                ("body", *error.instance_path), show(error.message, quote="", limit=200), error.kind.name
            )
        except ValueError:
            pass
        return Problem(("body",), "the body is nested too deeply", "type")

    def _filled(self, body: dict[str, Any], unknown: tuple[str, ...]) -> dict[str, Any]:
        filled = {k: v for k, v in body.items() if k in self.known} if unknown else dict(body)
        for name, default in self.defaults.items():
            if name not in filled:
                filled[name] = copy.deepcopy(default) if isinstance(default, list | dict) else default
        for name in self.whole:
            value = filled.get(name)
            if isinstance(value, float) and abs(value) < _LARGEST_WHOLE_FLOAT:
                filled[name] = int(value)
        return filled


def compile_schema(schema: Mapping[str, Any]) -> InputSpec:
    """Compile a published input schema; raises CatalogError with every problem in its `detail`."""
    problems = tuple(_schema_problems(schema))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise CatalogError(f"{place(problems[0].loc)}{problems[0].msg}{more}", detail=problems)
    properties: Mapping[str, Any] = schema["properties"]
    required = tuple(schema.get("required", ()))
    translated = to_json_schema(schema)
    return InputSpec(
        media=tuple(field for name, node in properties.items() if (field := _media_field(name, node))),
        json_schema=translated,
        required=required,
        defaults={k: v["default"] for k, v in properties.items() if "default" in v and k not in required},
        known=frozenset(properties),
        whole=tuple(name for name, node in properties.items() if _is_whole(node)),
        texts=tuple(name for name, node in properties.items() if _is_text(node)),
        validator=_validator(translated),
    )


def place(loc: Path) -> str:
    """`image_urls.validations.2: `, the start of a sentence about that place in a schema."""
    steps = ".".join(str(step) for step in loc if step != "properties")
    return f"{steps}: " if steps else ""


def to_json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a schema of the dialect into JSON Schema 2020-12."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_translated(schema)}


def _validator(translated: dict[str, Any]) -> jsonschema_rs.Validator:
    """`mask` keeps callers' values out of messages; `offline` keeps a `$ref` from opening a connection."""
    return jsonschema_rs.Draft202012Validator(translated, mask="this value", offline=True)


# --- translation ------------------------------------------------------------------------------------------


def _translated(node: Mapping[str, Any]) -> dict[str, Any]:
    out = {key: value for key, value in node.items() if key not in ("type", "validations")}
    types = _types(node)
    if types:
        out["type"] = types[0] if len(types) == 1 else list(types)
    if "null" in types and None not in out.get("enum", [None]):
        out["enum"] = [*out["enum"], None]
    if "properties" in out:
        out["properties"] = {name: _translated(child) for name, child in out["properties"].items()}
    if isinstance(out.get("items"), Mapping):
        out["items"] = _translated(out["items"])
    _mark_references(out, types)
    return out


def _types(node: Mapping[str, Any]) -> tuple[str, ...]:
    """The JSON types of a node; none when it names a type that we do not know: then anything goes."""
    types = tuple("number" if name == "float" else name for name in _as_tuple(node.get("type", ())))
    if not types or not _JSON_TYPES.issuperset(types):
        types = _types_of_files(node)
    defaults_to_null = "default" in node and node["default"] is None
    return (*types, "null") if types and defaults_to_null and "null" not in types else types


def _types_of_files(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Files without a usable `type`: a list when there are items, or when the format is plural."""
    if _format(_items(node)) or (_format(node) and node["format"].endswith("s")):
        return ("array",)
    return ("string",) if _format(node) else ()


def _mark_references(out: dict[str, Any], types: tuple[str, ...]) -> None:
    """Where files stand, let only references to files through."""
    kind = _format(out)
    if kind and "array" in types:
        del out["format"]
        out["items"] = {"type": "string", "format": f"{kind}_uri", "pattern": REFERENCE, **_items(out)}
    elif kind:
        out.setdefault("pattern", REFERENCE)


def _format(node: Mapping[str, Any]) -> MediaKind | None:
    """The kind of file that a node's own format names."""
    found = _MEDIA_FORMAT.fullmatch(str(node.get("format")))
    return cast("MediaKind", found[1]) if found else None


def _media_field(name: str, node: Mapping[str, Any]) -> MediaField | None:
    kind = _format(node) or _format(_items(node))
    if kind is None:
        return None
    rules = tuple(_media_rule(entry) for entry in _validations(node))
    return MediaField(name, kind, many="array" in _types(node), rules=rules)


def _media_rule(entry: Mapping[str, Any]) -> MediaRule:
    metric, operator = _split_rule(entry["validation_rule"])
    return MediaRule(
        metric=cast("Metric", metric),
        operator=_OPERATORS[operator],
        value=float(entry["validation_value"]),
        error=entry["validation_error"],
    )


def _split_rule(rule: object) -> tuple[str, str]:
    """`width/height≥` as metric and operator; empty strings when it has another form."""
    found = _RULE.fullmatch(rule) if isinstance(rule, str) else None
    return (found[1], found[2]) if found else ("", "")


def _is_whole(node: Mapping[str, Any]) -> bool:
    types = _types(node)
    return "integer" in types and "number" not in types


def _is_text(node: Mapping[str, Any]) -> bool:
    return "string" in _types(node) and "enum" not in node and _format(node) is None


def _items(node: Mapping[str, Any]) -> Mapping[str, Any]:
    items = node.get("items")
    return items if isinstance(items, Mapping) else {}


def _validations(node: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*_as_tuple(node.get("validations", ())), *_as_tuple(_items(node).get("validations", ())))


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


# --- what is wrong with a schema --------------------------------------------------------------------------


def _schema_problems(schema: object) -> Iterator[Problem]:
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        yield Problem((), 'the schema must be an object with `"type": "object"`', "type")
        return
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        yield Problem((), "the schema needs `properties`: one entry for each input field", "properties")
        return
    yield from _required_problems(schema.get("required", []), properties)
    broken = list(_node_problems(schema, ()))
    if not broken:
        for name, node in properties.items():
            broken += _file_problems(node, ("properties", name))
    yield from broken or _keyword_problems(schema)


def _required_problems(required: object, properties: Mapping[str, Any]) -> Iterator[Problem]:
    if not isinstance(required, list):
        yield Problem(("required",), "`required` must be a list of field names", "required")
        return
    for name in required:
        if not isinstance(name, str) or name not in properties:
            sentence = f"{show(name)} is required but not among the properties"
            yield Problem(("required",), sentence + did_you_mean(str(name), properties), "required")


def _node_problems(node: object, where: Path) -> Iterator[Problem]:
    """What would make the translation stumble, at any depth."""
    if not isinstance(node, Mapping):
        yield Problem(where, f"a field is described by an object, got {show(node)}", "type")
        return
    if any(not isinstance(name, str) for name in _as_tuple(node.get("type", ()))):
        yield Problem((*where, "type"), "a type is a string, or a list of strings", "type")
    if not isinstance(node.get("enum", []), list):
        yield Problem((*where, "enum"), "`enum` is a list of values", "enum")
    children = node.get("properties", {})
    if not isinstance(children, Mapping):
        yield Problem((*where, "properties"), "`properties` is an object of fields", "properties")
        return
    for name, child in children.items():
        yield from _node_problems(child, (*where, "properties", name))
    if _items(node):
        yield from _node_problems(_items(node), (*where, "items"))


def _file_problems(node: Mapping[str, Any], where: Path) -> Iterator[Problem]:
    depths = set(_depths_of_files(node))
    if depths - {(), ("items",)}:
        sentence = "files are fetched for fields at the top only: give this file a field of its own there"
        yield Problem(where, f"{sentence}, with a `type` and a `format`", "format")
    if depths and {"string", "array"} <= set(_types(node)):
        yield Problem(where, "a field of files is one string or a list of them: choose one type", "type")
    entries = _validations(node)
    if entries and not depths:
        sentence = (
            "`validations` are rules for files: give the field a `format` such as image_uri, or drop them"
        )
        yield Problem((*where, "validations"), sentence, "validations")
    for index, entry in enumerate(entries):
        if sentence := _rule_problem(entry):
            yield Problem((*where, "validations", index), sentence, "validations")


def _depths_of_files(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every file format below a field, wherever it hides: `items`, `properties`, `anyOf`."""
    if isinstance(node, Mapping):
        if _format(node):
            yield path
        for key, child in node.items():
            yield from _depths_of_files(child, (*path, key))
    elif isinstance(node, list):
        for child in node:
            yield from _depths_of_files(child, (*path, ""))


def _rule_problem(entry: object) -> str:
    if not isinstance(entry, Mapping):
        keys = "validation_rule, validation_value, validation_error"
        return f"a rule is an object of {keys}, got {show(entry)}"
    metric, operator = _split_rule(entry.get("validation_rule"))
    if metric not in _METRICS:
        known = f"its metric must be one of: {', '.join(_METRICS)}{did_you_mean(metric, _METRICS)}"
        return f"the rule {show(entry.get('validation_rule'))} is not known: {known}"
    if operator not in _OPERATORS:
        return f"the operator {show(operator)} is not known: write one of {' '.join(_OPERATORS)}"
    if not _is_number(entry.get("validation_value")):
        return f"validation_value must be a number, got {show(entry.get('validation_value'))}"
    error = entry.get("validation_error")
    if not isinstance(error, str) or not error.strip():
        return "validation_error must be the sentence that a caller reads when a file breaks the rule"
    return ""


def _is_number(value: Any) -> bool:
    try:
        return kind_of(value) in ("number", "string") and isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def _keyword_problems(schema: Mapping[str, Any]) -> Iterator[Problem]:
    """What JSON Schema itself has against the translation, such as `"maxLength": "800"`."""
    try:
        _validator(to_json_schema(schema))
    except jsonschema_rs.ValidationError as error:
        yield Problem(tuple(error.instance_path), show(error.message, quote="", limit=300), error.kind.name)


def sentences(schema: Mapping[str, Any]) -> Iterator[str]:
    """What a published schema says to people: titles, descriptions and errors of its fields, some twice."""
    for node in _fields_in(schema):
        yield from (said for key in _SAID if isinstance(said := node.get(key), str) and said)


def worded(schema: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """The schema with the sentences of its fields in other words, where there are some."""
    said: dict[str, Any] = copy.deepcopy(dict(schema))
    for node in _fields_in(said):
        node.update({key: words[node[key]] for key in _SAID if node.get(key) in words})
    return said


def _fields_in(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for node in schema.get("properties", {}).values():
        items = node.get("items")
        for each in (node, items if isinstance(items, dict) else {}):
            yield each
            yield from each.get("validations", ())
            yield from _fields_in(each)

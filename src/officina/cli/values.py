"""From the words of a command line to the input of a model, by the schema that the model publishes.

`name=value` sets a field; a list takes its name more than once, or JSON. In a field of files `@boat.jpg` is a
local file. `@body.json` alone is a whole input, `@-` one from stdin.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from officina.cli.exits import Code, Stop
from officina.explain import did_you_mean, is_reference, show

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_MEDIA = re.compile(r"(image|video|audio)_uris?")

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine, to be uploaded in the place where it stands in an input."""

    path: Path


def read(words: Sequence[str], schema: Schema | None, body: Path | None = None) -> dict[str, Any]:
    """Make an input of the words, on top of a JSON file; local files stay LocalFile.

    Without a schema (a server that publishes none), values are JSON where they can be, else text.

    Raises:
        Stop: a word cannot be understood, or does not fit its field.
    """
    fields: Mapping[str, Schema] = (schema or {}).get("properties", {})
    made: dict[str, Any] = {}
    for path in [*([body] if body else []), *(Path(word[1:]) for word in words if word.startswith("@"))]:
        made |= _body(path)
    made = {name: _with_files(value, fields.get(name, {})) for name, value in made.items()}
    given: dict[str, list[str]] = {}
    for word in words:
        if not word.startswith("@"):
            name, value = _split(word)
            given.setdefault(_field(name, fields), []).append(value)
    return made | {name: _value(name, values, fields.get(name)) for name, values in given.items()}


def files(value: Any) -> Iterator[LocalFile]:
    """Every local file in an input, in order."""
    if isinstance(value, LocalFile):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from files(each)


def replaced(value: Any, by: Callable[[LocalFile], Any]) -> Any:
    """The input with something else in the place of each local file."""
    if isinstance(value, LocalFile):
        return by(value)
    if isinstance(value, Mapping):
        return {name: replaced(each, by) for name, each in value.items()}
    return [replaced(each, by) for each in value] if isinstance(value, list) else value


def _body(path: Path) -> dict[str, Any]:
    is_stdin = str(path) == "-"
    try:
        text = sys.stdin.buffer.read() if is_stdin else path.read_bytes()
        return msgspec.json.decode(text, type=dict[str, Any])
    except OSError as error:
        raise Stop(f"The input {path} cannot be read: {error.strerror}.", Code.BAD_INPUT) from None
    except (msgspec.MsgspecError, RecursionError) as error:
        name = "stdin" if is_stdin else str(path)
        raise Stop(f"The input from {name} is not a JSON object: {error}.", Code.BAD_INPUT) from None


def _with_files(value: Any, schema: Schema) -> Any:
    """Take `@path` in a JSON body for a local file, where the schema wants files."""
    if isinstance(value, list):
        return [_with_files(each, schema) for each in value]
    is_file = isinstance(value, str) and value.startswith("@") and _takes_files(schema)
    return _local(value) if is_file else value


def _split(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise Stop(
            f"{show(word)} is not name=value.",
            todo="Give inputs as in prompt='make it red' image_urls=@boat.jpg; options begin with --.",
        )
    return name, value


def _field(name: str, fields: Mapping[str, Schema]) -> str:
    """The field of that name; `×`, which few keyboards have, may be typed as x."""
    if not fields or name in fields:
        return name
    near = [field for field in fields if _plain(field) == _plain(name)]
    if len(near) == 1:
        return near[0]
    hint = did_you_mean(name, fields) or f"; it has {', '.join(fields)}"
    raise Stop(f"{show(name)} is not a field of this model{hint}", Code.BAD_INPUT)


def _plain(name: str) -> str:
    return name.casefold().replace("×", "x").replace("*", "x").replace("-", "_")


def _value(name: str, values: list[str], schema: Schema | None) -> Any:
    if schema is None:
        parsed = [_json_or_text(value) for value in values]
        return parsed[0] if len(parsed) == 1 else parsed
    if "array" in _types(schema):
        return _list(name, values, schema)
    if len(values) > 1:
        raise Stop(f"{name} is given {len(values)} times, and takes one value.", Code.BAD_INPUT)
    return _one(name, values[0], schema)


def _list(name: str, values: list[str], schema: Schema) -> list[Any]:
    if len(values) == 1 and values[0].lstrip().startswith("["):
        listed = _json(name, values[0])
        return [_with_files(each, schema) for each in listed] if isinstance(listed, list) else listed
    items = {**schema.get("items", {}), "format": _format(schema)}
    return [_one(name, value, items) for value in values]


def _one(name: str, text: str, schema: Schema) -> Any:
    """One value as the first of the field's types that it fits."""
    if _takes_files(schema):
        return _file(name, text)
    if "enum" in schema:
        return _option(text, schema["enum"])
    types = _types(schema)
    for kind in types:
        found = _READERS.get(kind, _no)(text)
        if found is not _MISFIT:
            return found
    wanted = " or ".join(_NOUNS.get(kind, kind) for kind in types)
    raise Stop(f"{name} must be {wanted}, got {show(text)}.", Code.BAD_INPUT)


def _file(name: str, text: str) -> Any:
    if text.startswith("@"):
        return _local(text)
    if not is_reference(text) and Path(text).is_file():
        todo = f"Upload it as {name}=@{text}"
        raise Stop(f"{name}={text} names a file of this machine.", Code.BAD_INPUT, todo=todo)
    return text


def _local(text: str) -> LocalFile:
    path = Path(text[1:]).expanduser()
    if not path.is_file():
        raise Stop(f"There is no file {path}.", Code.BAD_INPUT)
    return LocalFile(path)


def _option(text: str, options: Sequence[Any]) -> Any:
    """One of the options, which may be shortened as far as it stays the only one; else what was typed."""
    plain = _plain(text)
    exact = [each for each in options if _plain(_shown(each)) == plain]
    begun = [each for each in options if plain and _plain(_shown(each)).startswith(plain)]
    return exact[0] if exact else begun[0] if len(begun) == 1 else text


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _types(schema: Schema) -> tuple[str, ...]:
    named = schema.get("type", "string")
    return (named,) if isinstance(named, str) else tuple(sorted(named, key=lambda kind: kind == "string"))


def _takes_files(schema: Schema) -> bool:
    return bool(_MEDIA.fullmatch(_format(schema)))


def _format(schema: Schema) -> str:
    return str(schema.get("format") or schema.get("items", {}).get("format") or "")


class _Misfit:
    """What a reader gives for a text that is not of its type."""


_MISFIT = _Misfit()


def _number(text: str) -> Any:
    found = _json_or_text(text.strip())
    return found if isinstance(found, int | float) and not isinstance(found, bool) else _MISFIT


def _integer(text: str) -> Any:
    found = _number(text)
    return int(found) if found is not _MISFIT and float(found).is_integer() else _MISFIT


def _boolean(text: str) -> Any:
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else _MISFIT


def _object(text: str) -> Any:
    found = _json_or_text(text)
    return found if isinstance(found, dict) else _MISFIT


def _null(text: str) -> Any:
    return None if text == "null" else _MISFIT


def _no(text: str) -> Any:  # noqa: ARG001
    return _MISFIT


_READERS: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "integer": _integer,
    "number": _number,
    "float": _number,
    "boolean": _boolean,
    "object": _object,
    "null": _null,
}
_NOUNS: Mapping[str, str] = {
    "integer": "a whole number",
    "number": "a number",
    "float": "a number",
    "boolean": "true or false",
    "object": "a JSON object",
}


def _json_or_text(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text


def _json(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Stop(f"{name} begins like JSON and is not: {error}.", Code.BAD_INPUT) from None

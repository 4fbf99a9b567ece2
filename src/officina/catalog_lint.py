"""What is wrong with a folder of models, every finding as a sentence that says what to do."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from officina import catalog
from officina.dialect import InputSpec, place, sentences
from officina.errors import CatalogError
from officina.explain import did_you_mean, ended, explain, show
from officina.model import Model, Texts

LANGUAGES = ("en", "it")
"""Every model speaks at least these."""

_COVER_BYTES = 60_000
_FOR_PEOPLE = re.compile(r"(README|LICENSE|NOTICE|CREDITS)(\.\w+)?")
_CATEGORY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(?:\s*[/:]\s*(\d+(?:\.\d+)?))?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_BOUNDS = (("minItems", "maxItems"), ("minLength", "maxLength"), ("minimum", "maximum"))
_SOME_UPLOAD = f"file_{'0' * 32}"
_PARTS = frozenset({"input.json", "output.json", "example.json"})

_Remark = tuple[str, str]


class Finding(msgspec.Struct, frozen=True):
    """One thing wrong: with which model, in which of its files, and what to do about it."""

    model: str
    where: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the server knows, for a catalog to be held against; an empty set is not checked."""

    engines: Collection[str] = ()
    formats: Collection[str] = ()
    """Names of picture formats."""
    options: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Iterable[str]]] = field(
        default_factory=dict
    )
    """For an engine, what finds all that is wrong with a model's options, given its input schema too."""


@dataclass(slots=True)
class _Draft:
    """A model as far as it could be read."""

    model_id: str
    folder: Path
    known: Known
    facts: dict[str, Any] | None = None
    schema: dict[str, Any] = field(default_factory=dict)
    spec: InputSpec | None = None
    texts: dict[str, dict[str, Any]] = field(default_factory=dict)
    output: dict[str, Any] | None = None
    example: dict[str, Any] | None = None


def lint(root: Path, known: Known | None = None) -> list[Finding]:
    """Find everything that is wrong with the models below a folder; an empty list is a clean bill."""
    try:
        found = catalog.find(root)
    except CatalogError as error:
        return [Finding("", root.name, error.message)]
    findings = [finding for model_id, folder in found for finding in _lint_one(model_id, folder, known)]
    return [*findings, *_folders_without_facts(root)]


def _lint_one(model_id: str, folder: Path, known: Known | None) -> Iterator[Finding]:
    draft = _Draft(model_id, folder, known or Known())
    for check in (_read, *_CHECKS):
        for where, sentence in check(draft):
            yield Finding(model_id, where, ended(sentence))


# --- reading what can be read -----------------------------------------------------------------------------


def _read(draft: _Draft) -> Iterator[_Remark]:
    yield from _reading(draft, catalog.FACTS, _read_facts)
    yield from _reading(draft, "input.json", _read_schema)
    yield from _reading(draft, "texts", _read_texts)
    yield from _reading(draft, "output.json", _read_output)
    yield from _reading(draft, "example.json", _read_example)


def _reading(draft: _Draft, where: str, read: Callable[[_Draft], None]) -> Iterator[_Remark]:
    try:
        read(draft)
    except CatalogError as error:
        if not error.detail:
            yield where, error.message
        for problem in error.detail:
            yield where, f"{place(problem.loc)}{problem.msg}"


def _read_facts(draft: _Draft) -> None:
    draft.facts = catalog.read_facts(draft.folder)


def _read_schema(draft: _Draft) -> None:
    draft.schema, draft.spec = catalog.read_schema(draft.folder)


def _read_texts(draft: _Draft) -> None:
    draft.texts = catalog.read_texts(draft.folder)


def _read_output(draft: _Draft) -> None:
    draft.output = catalog.read_json(draft.folder, "output.json")


def _read_example(draft: _Draft) -> None:
    draft.example = catalog.read_json(draft.folder, "example.json")


# --- the checks -------------------------------------------------------------------------------------------


def _check_id(draft: _Draft) -> Iterator[_Remark]:
    if problem := catalog.id_problem(draft.model_id):
        yield "", f"{problem} Rename the folder."


def _check_facts(draft: _Draft) -> Iterator[_Remark]:
    if draft.facts is None:
        return
    for sentence in catalog.unknown_keys(draft.facts):
        yield catalog.FACTS, sentence
    own = {key: value for key, value in draft.facts.items() if key in catalog.KEYS}
    try:
        model = catalog.build(draft.model_id, own, texts={}, input_schema={}, output_schema={}, example={})
    except CatalogError as error:
        yield catalog.FACTS, error.message.removeprefix(f"{catalog.FACTS}: ")
        return
    for sentence in (*_fact_sentences(model), *_unknown_names(model, draft.known)):
        yield catalog.FACTS, sentence


def _fact_sentences(model: Model) -> Iterator[str]:
    if not model.categories:
        yield 'categories is empty: name at least one, such as "image-to-image".'
    for name in model.categories:
        if not _CATEGORY.fullmatch(name):
            yield f"The category {show(name)} must be lower-case words joined by hyphens."
    for name, value in (("deadline_s", model.deadline_s), ("cost", model.cost)):
        if not 0 < value < math.inf:
            yield f"{name} must be a number above 0, got {value}."
    if model.max_attempts < 1:
        yield f"max_attempts must be at least 1, got {model.max_attempts}."
    if not 0 <= model.price.base_usd < math.inf:
        yield f"price.base_usd must be a number of dollars from 0 up, got {model.price.base_usd}."
    if not model.accepts:
        yield 'accepts is empty: name the formats that the model takes, such as ["jpeg", "png"].'


def _unknown_names(model: Model, known: Known) -> Iterator[str]:
    if known.engines and model.engine not in known.engines and ":" not in model.engine:
        hint = did_you_mean(model.engine, known.engines)
        yield f"No engine is called {show(model.engine)}; known: {', '.join(sorted(known.engines))}{hint}"
    for name in model.accepts:
        if known.formats and name not in known.formats:
            hint = did_you_mean(name, known.formats)
            yield f"No format is called {show(name)}; known: {', '.join(sorted(known.formats))}{hint}"


def _check_options(draft: _Draft) -> Iterator[_Remark]:
    facts = draft.facts or {}
    check = draft.known.options.get(str(facts.get("engine")))
    options = facts.get("options", {})
    if check is not None and draft.spec is not None and isinstance(options, dict):
        yield from ((catalog.FACTS, sentence) for sentence in check(options, draft.schema))


def _check_texts(draft: _Draft) -> Iterator[_Remark]:
    keys = ("display_name", "description")
    for language in sorted({*LANGUAGES, *draft.texts}):
        where = f"texts/{language}.toml"
        if language not in draft.texts:
            yield where, f"The file is missing: write {' and '.join(keys)} in that language."
            continue
        text = draft.texts[language]
        for key in keys:
            if not str(text.get(key, "")).strip():
                yield where, f"{key} is missing or empty: every language needs it."
            elif not isinstance(text[key], str):
                yield where, f"{key} must be a text in quotes, got {show(text[key])}."
        for key in text.keys() - set(Texts.__struct_fields__):
            yield where, f"{key} is read by nobody: drop it{did_you_mean(key, keys)}"
        if language != "en" and "schema" in text:
            yield from ((where, sentence) for sentence in _unworded(text["schema"], draft.schema))


def _unworded(words: object, schema: Mapping[str, Any]) -> Iterator[str]:
    """What a translation of the schema lacks, or has for nothing."""
    if not isinstance(words, Mapping) or not all(isinstance(each, str) for each in words.values()):
        yield "schema must be a table of sentences of input.json with their translations."
        return
    said = tuple(dict.fromkeys(sentences(schema)))
    for each in said:
        if not words.get(each, "").strip():
            yield f"schema lacks a translation of {show(each)}."
    for each in words:
        if each not in said:
            hint = did_you_mean(each, said)
            yield f"schema translates {show(each)}, which input.json does not say: drop it{hint}"


def _check_fields(draft: _Draft) -> Iterator[_Remark]:
    for name, node in draft.schema.get("properties", {}).items():
        for sentence in _field_sentences(draft, name, node):
            yield "input.json", f"{name}: {sentence}"


def _field_sentences(draft: _Draft, name: str, node: Mapping[str, Any]) -> Iterator[str]:
    if draft.spec is None:
        return
    if not str(node.get("title", "")).strip():
        yield "give the field a title, the label that people see."
    for low, high in _BOUNDS:
        if low in node and high in node and node[low] > node[high]:
            yield f"{low} {node[low]} is above {high} {node[high]}, so nothing can ever fit."
    if "default" in node:
        for problem in explain(draft.spec.json_schema["properties"][name], node["default"], ()):
            at = "".join(f"[{step}]" for step in problem.loc)
            yield f"its own default{at} does not fit: {problem.msg}"


def _check_rules(draft: _Draft) -> Iterator[_Remark]:
    """A rule's sentence that names other numbers than the rule would send callers astray."""
    for media in draft.spec.media if draft.spec else ():
        for rule in media.rules:
            told = _numbers(rule.error)
            if told and not any(_agree(number, rule.value) for number in told):
                bound = f"{rule.metric} {rule.operator} {rule.value:g}"
                yield "input.json", f"{media.name}: {show(rule.error)} does not name the bound of {bound}."


def _numbers(sentence: str) -> list[Fraction]:
    """The numbers of a sentence, `1/3` and `16:9` as fractions."""
    pairs = _NUMBER.findall(_THOUSANDS.sub("", sentence))
    return [Fraction(top) / (Fraction(bottom or 1) or 1) for top, bottom in pairs]


def _agree(told: Fraction, bound: float) -> bool:
    """Whether a told number is the bound, as precisely as the bound is written: 1/3 is 0.33."""
    decimals = len(f"{bound:.12f}".rstrip("0").partition(".")[2])
    return round(float(told), decimals) == round(bound, decimals)


def _check_output(draft: _Draft) -> Iterator[_Remark]:
    if draft.output is None:
        return
    output = draft.output.get("output")
    members = output.get("properties") if isinstance(output, dict) else None
    if not isinstance(members, dict) or not members:
        shape = '{"output": {"type": "object", "properties": {"images": …}}}'
        yield "output.json", f"The output schema must have the shape {shape}."


def _check_example(draft: _Draft) -> Iterator[_Remark]:
    if draft.example is None or draft.spec is None:
        return
    for name in catalog.local_names(draft.example, draft.spec.media):
        if catalog.inside(draft.folder, name) is None:
            yield "example.json", f"The file {show(name)} is not in the model's folder: add it there."
    body = {key: _as_uploads(value, key, draft.spec) for key, value in draft.example.items()}
    for problem in draft.spec.check(body, strict=True).problems:
        yield "example.json", f"{place(problem.loc[1:])}{problem.msg}"


def _as_uploads(value: Any, name: str, spec: InputSpec) -> Any:
    """The example's local files are uploaded before it is run, so stand an upload in for each."""
    local = set(catalog.local_names({name: value}, spec.media))
    if isinstance(value, list):
        return [_SOME_UPLOAD if isinstance(v, str) and v in local else v for v in value]
    return _SOME_UPLOAD if isinstance(value, str) and value in local else value


def _check_files(draft: _Draft) -> Iterator[_Remark]:
    read = {catalog.FACTS, catalog.WORKFLOW, *_PARTS, *catalog.COVERS}
    if draft.example is not None and draft.spec is not None:
        read |= set(catalog.local_names(draft.example, draft.spec.media))
    for path in _files_of(draft.folder):
        name = path.relative_to(draft.folder).as_posix()
        is_text = name.startswith("texts/") and path.suffix == ".toml" and name.count("/") == 1
        if name not in read and not is_text and not _FOR_PEOPLE.fullmatch(path.name):
            yield name, "Nobody reads this file: drop it, or refer to it in example.json."
        if name in catalog.COVERS and path.stat().st_size > _COVER_BYTES:
            yield name, f"A cover has at most {_COVER_BYTES:,} bytes: it is in every list of models."


def _files_of(folder: Path) -> Iterator[Path]:
    """The files of a model, without hidden ones and without those of models further down."""
    for at, folders, files in os.walk(folder):
        here = Path(at)
        if here != folder and catalog.FACTS in files:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (here / name for name in sorted(files) if not name.startswith("."))


def _folders_without_facts(root: Path) -> Iterator[Finding]:
    for at, _, files in os.walk(root):
        if _PARTS.intersection(files) and catalog.FACTS not in files:
            where = Path(at).relative_to(root).as_posix()
            yield Finding(
                where, catalog.FACTS, f"The folder has a model's files but no {catalog.FACTS}: add one."
            )


_CHECKS: tuple[Callable[[_Draft], Iterator[_Remark]], ...] = (
    _check_id,
    _check_facts,
    _check_options,
    _check_texts,
    _check_fields,
    _check_rules,
    _check_output,
    _check_example,
    _check_files,
)

"""The catalog: every model that this server offers, each one folder of data whose path is its id.

bytedance/dreamina-4-0/edit/
   model.toml     engine, options, categories, price, limits
   input.json     the input schema, exactly as it is published
   output.json    the output schema, likewise
   example.json   an input to try; its files lie in example/
   texts/en.toml  what people read, one file for each language
   workflow.json  for engines that run one: their option `workflow`
   cover.webp     a small picture of its work, for lists of models; it may be missing
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from officina.dialect import InputSpec, compile_schema
from officina.errors import CatalogError
from officina.explain import did_you_mean, ended, is_reference
from officina.model import Choice, MediaField, Model, Price, read_label
from officina.settings import EngineChoice, EngineChoices

SHIPPED = Path(__file__).with_name("models")
"""The models that come with Officina."""

PLUG_INS = "officina.models"
"""The entry-point group under which other packages name a package of theirs that holds folders of models."""

FACTS = "model.toml"
WORKFLOW = "workflow.json"
FIRST = "bytedance/dreamina-4-0/edit"
"""Listed before all others."""

COVERS = ("cover.webp", "cover.jpg", "cover.png")
"""What a cover may be called."""

RESERVED = frozenset({"api", "api.md", "categories", "openapi.json"})
"""Last segments that are routes of ours, beside every model's own."""

OPERATORS = {"max_running", "requires"}
"""What the operator says of a model in the settings, never its folder."""
KEYS = (
    frozenset(Model.__struct_fields__)
    - {"id", "texts", "input_schema", "output_schema", "example"}
    - OPERATORS
)
"""What model.toml may say; the rest of a model has files of its own."""

_SEGMENT = re.compile(r"[A-Za-z0-9_.-]+")
_SEGMENTS = range(2, 6)
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the catalog with its compiled input schema."""

    model: Model
    spec: InputSpec
    example_files: Mapping[str, Path]
    """The example's local files, by the names that the example calls them."""
    cover: Path | None = None
    """A small picture for lists of models."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every model offered, in the order of listing."""

    entries: Mapping[str, Entry]

    def get(self, model_id: str) -> Entry | None:
        """The model of that id."""
        return self.entries.get(model_id)

    def search(
        self, text: str = "", *, category: str = "", kind: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[tuple[Entry, ...], int]:
        """One page of the models that fit, and how many fit in all; `text` is sought in id and texts."""
        found = tuple(e for e in self.entries.values() if _fits(e.model, text.casefold(), category, kind))
        return found[offset : offset + limit], len(found)

    def categories(self) -> tuple[str, ...]:
        """Every category that some model has, in alphabetical order."""
        return tuple(sorted({name for entry in self.entries.values() for name in entry.model.categories}))


def load(
    folders: Sequence[Path] = (SHIPPED,),
    engines: Mapping[str, EngineChoices] | None = None,
) -> Catalog:
    """Read every model below the folders; of two with one id, the later folder's wins.

    Raises:
        CatalogError: the first thing that is wrong; `officina models check` tells them all.
    """
    entries: dict[str, Entry] = {}
    for root in folders:
        for model_id, folder in find(root):
            entries[model_id] = read(model_id, folder)
    for model_id, choice in (engines or {}).items():
        entries[model_id] = _with_engine(entries, model_id, choice)
    return Catalog(MappingProxyType(dict(sorted(entries.items(), key=lambda item: item[0] != FIRST))))


def folders(operators: Sequence[str | Path] = ()) -> list[Path]:
    """Where models are looked for: the shipped ones, those of installed plug-ins, the operator's own.

    Raises:
        CatalogError: a plug-in names something that is no package of folders.
    """
    return [SHIPPED, *(_plugged_in(each) for each in entry_points(group=PLUG_INS)), *map(Path, operators)]


def _plugged_in(point: EntryPoint) -> Path:
    try:
        found = find_spec(point.value)
    except ImportError:
        found = None
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise CatalogError(
            f"The plug-in {point.name!r} names {point.value!r}, which is no installed package."
        )
    return Path(places[0])


def published(entry: Entry, public_url: str, *, include_schema: bool = False) -> dict[str, Any]:
    """A model as the API lists it."""
    model, english = entry.model, entry.model.texts["en"]
    listed = {
        "model_id": model.id,
        "display_name": english.display_name,
        "description": english.description,
        "categories": model.categories,
        "kind": model.kind,
        "base_price_usd": model.price.base_usd,
        "price_unit": model.price.unit,
        "pricing_note": model.price.note,
        "model_url": f"{public_url.rstrip('/')}/models/{model.id}",
        "inputs": tuple(model.input_schema["properties"]),
        "required_inputs": entry.spec.required,
        "engine": model.engine,
    }
    if include_schema:
        listed |= {"input_schema": model.input_schema, "output_schema": model.output_schema}
    return listed


def id_problem(model_id: str) -> str:
    """Why no model can have this id; empty for a well-formed one."""
    segments = model_id.split("/")
    if len(segments) not in _SEGMENTS:
        return f"An id has {_SEGMENTS[0]} to {_SEGMENTS[-1]} segments, such as provider/model/edit."
    if any(not _SEGMENT.fullmatch(segment) or segment in {".", ".."} for segment in segments):
        return "The segments of an id consist of letters, digits, dots, hyphens and underscores."
    if segments[-1] in RESERVED:
        return f"The last segment cannot be {segments[-1]}: it is the name of a route."
    return ""


# --- reading one folder -----------------------------------------------------------------------------------


def find(root: Path) -> list[tuple[str, Path]]:
    """The id and folder of every model below a folder, by id; hidden folders are passed over.

    Raises:
        CatalogError: there is no such folder, or no model in it.
    """
    if not root.is_dir():
        raise CatalogError(f"The models folder {root.name!r} does not exist: create it, or mend the setting.")
    found = sorted(_walk(root))
    if not found:
        raise CatalogError(
            f"The models folder {root.name!r} holds no model: put one at provider/model/{FACTS} below it."
        )
    return found


def read(model_id: str, folder: Path) -> Entry:
    """Read one model.

    Raises:
        CatalogError: the first thing that is wrong with it.
    """
    try:
        return _read(model_id, folder)
    except CatalogError as error:
        where = model_id if model_id != "." else folder.name
        hint = "`officina models check` lists every problem."
        raise CatalogError(f"{where}: {error.message} {hint}", detail=error.detail) from None


def unknown_keys(facts: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for every key of model.toml that nobody reads."""
    yield from _unknown(facts, KEYS, "")
    yield from _unknown(facts.get("price"), Price.__struct_fields__, "price.")


def read_facts(folder: Path) -> dict[str, Any]:
    """What model.toml says; the options have the workflow, where there is one."""
    facts = read_toml(folder, FACTS)
    options = facts.get("options", {})
    if (folder / WORKFLOW).exists() and isinstance(options, Mapping):
        facts["options"] = {**options, "workflow": read_json(folder, WORKFLOW)}
    return facts


def read_texts(folder: Path) -> dict[str, dict[str, Any]]:
    """What people read, by language."""
    return {
        path.stem: read_toml(folder, f"texts/{path.name}") for path in sorted(folder.glob("texts/*.toml"))
    }


def read_toml(folder: Path, name: str) -> dict[str, Any]:
    """A TOML file of a model."""
    try:
        return tomllib.loads(_text(folder, name))
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{name} is not valid TOML: {error}.") from None


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object of a model."""
    try:
        return msgspec.json.decode(_text(folder, name), type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CatalogError(f"{name} is not a valid JSON object: {error}.") from None


def read_schema(folder: Path) -> tuple[dict[str, Any], InputSpec]:
    """The published input schema and what it compiles to."""
    schema = read_json(folder, "input.json")
    try:
        return schema, compile_schema(schema)
    except CatalogError as error:
        raise CatalogError(ended(f"input.json: {error.message}"), detail=error.detail) from None


def build(model_id: str, facts: Mapping[str, Any], **parts: Any) -> Model:
    """Make the model of what was read, so that every value has its type."""
    try:
        return msgspec.convert({**facts, **parts, "id": model_id}, Model)
    except msgspec.ValidationError as error:
        place = "texts" if "$.texts" in str(error) else FACTS
        raise CatalogError(f"{place}: {error}.") from None


def local_names(example: Mapping[str, Any], fields: Sequence[MediaField]) -> Iterator[str]:
    """The files of an example that are neither URLs nor data: paths inside the model's folder."""
    for field in fields:
        value = example.get(field.name)
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and not is_reference(name):
                yield name


def inside(folder: Path, name: str) -> Path | None:
    """The file of that relative name, unless it is missing or lies outside the folder."""
    path = (folder / name).resolve()
    return path if path.is_file() and path.is_relative_to(folder.resolve()) else None


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    for at, folders, files in os.walk(root, followlinks=True):
        here = Path(at).relative_to(root)
        if FACTS in files:
            yield here.as_posix(), Path(at)
        deep = len(here.parts) >= _DEEPEST  # a link that leads back up would go on for ever
        folders[:] = [] if deep else sorted(name for name in folders if not name.startswith("."))


def _read(model_id: str, folder: Path) -> Entry:
    if problem := id_problem(model_id):
        raise CatalogError(problem)
    facts = read_facts(folder)
    for sentence in unknown_keys(facts):
        raise CatalogError(f"{FACTS}: {sentence}")
    schema, spec = read_schema(folder)
    texts = read_texts(folder)
    if "en" not in texts:
        raise CatalogError("texts/en.toml is missing: give the model a display_name and a description.")
    example = read_json(folder, "example.json")
    output = read_json(folder, "output.json")
    model = build(model_id, facts, texts=texts, input_schema=schema, output_schema=output, example=example)
    names = local_names(example, spec.media)
    cover = next((path for name in COVERS if (path := inside(folder, name))), None)
    return Entry(
        model, spec, MappingProxyType({n: path for n in names if (path := inside(folder, n))}), cover
    )


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CatalogError(f"{name} is missing.") from None
    except UnicodeDecodeError:
        raise CatalogError(f"{name} is not UTF-8 text.") from None
    except OSError as error:
        raise CatalogError(f"{name} cannot be read: {error.strerror}.") from None


def _unknown(given: object, known: Collection[str], prefix: str) -> Iterator[str]:
    for key in given if isinstance(given, Mapping) else ():
        if key not in known:
            hint = did_you_mean(key, sorted(known)) or f"; known: {', '.join(sorted(known))}"
            yield ended(f"{prefix}{key} is unknown{hint}")


def _with_engine(entries: Mapping[str, Entry], model_id: str, chosen: EngineChoices) -> Entry:
    entry = entries.get(model_id)
    if entry is None:
        hint = did_you_mean(model_id, entries) or "; `officina models` lists those offered"
        raise CatalogError(ended(f"An engine is chosen for {model_id!r}, which is not a model here{hint}"))
    choices = [chosen] if isinstance(chosen, EngineChoice) else chosen
    if not choices:
        raise CatalogError(f"The list of engines for {model_id!r} is empty: name one, or leave it out.")
    first, *others = (
        Choice(each.engine, _begun_like(entries, each.options), each.deadline_s) for each in choices
    )
    twice = [each.engine for each in others if each.engine == first.engine or others.count(each) > 1]
    if twice:
        raise CatalogError(f"The engine {twice[0]!r} is named twice for {model_id!r}: once is enough.")
    model = msgspec.structs.replace(
        entry.model,
        engine=first.engine,
        options=first.options,
        others=tuple(others),
        deadline_s=first.deadline_s or entry.model.deadline_s,
        requires=tuple(dict.fromkeys(read_label(each) for choice in choices for each in choice.requires)),
        max_running=min((each.max_running for each in choices if each.max_running), default=None),
    )
    return Entry(model, entry.spec, entry.example_files, entry.cover)


def _begun_like(entries: Mapping[str, Entry], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options that begin as those of another model, the one that their `like` names."""
    if "like" not in options:
        return options
    other = entries.get(str(options["like"]))
    if other is None:
        hint = did_you_mean(str(options["like"]), entries)
        raise CatalogError(ended(f"Options are to be like those of {options['like']!r}, no model here{hint}"))
    own = {name: value for name, value in options.items() if name != "like"}
    return {**other.model.options, **own}


def _fits(model: Model, text: str, category: str, kind: str) -> bool:
    words = (model.id, *(word for t in model.texts.values() for word in (t.display_name, t.description)))
    return (
        (not category or category in model.categories)
        and (not kind or kind == model.kind)
        and any(text in word.casefold() for word in words)
    )

"""`officina models`: what can be run, and whether the folders of models are in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from officina.cli import options, show, target
from officina.cli.exits import EPILOG, Code, Stop

models = typer.Typer(
    help="What can be run here; and `check`, for those who make models.",
    no_args_is_help=True,
    add_completion=False,
    epilog=EPILOG,
)

Offline = Annotated[
    bool, typer.Option("--offline", help="Read the catalog of this machine, as the settings name it.")
]


@dataclass(frozen=True, slots=True)
class _Catalog:
    """Where the models are read: a server, or this machine."""

    url: str | None
    key: str | None
    config: Path | None
    offline: bool

    def all(self, screen: show.Screen) -> list[Mapping[str, Any]]:
        """Every model, as the API publishes it."""
        if self.offline:
            return _local(self.config)
        from officina_client import ConnectionProblem

        try:
            with target.connect(target.find(self.url, self.key, config=self.config)) as client:
                return [each.raw for each in client.models(include_schema=True)]
        except ConnectionProblem:
            if self.url:
                raise
            screen.say("No server answers here; this is the catalog of this machine.")
            return _local(self.config)


def _local(config: Path | None) -> list[Mapping[str, Any]]:
    from officina import catalog
    from officina.settings import load

    settings = load(config=config).settings
    found = catalog.load(catalog.folders(settings.models), settings.engines).entries.values()
    return [catalog.published(entry, target.address_of(settings), include_schema=True) for entry in found]


@models.command("list")
def list_(
    search: Annotated[str, typer.Argument(help="Text to find in ids and descriptions.")] = "",
    *,
    offline: Offline = False,
    config: options.Config = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """List the models: of the server, or of this machine when there is none."""
    with show.screen(as_json) as screen:
        found = _Catalog(url, key, config, offline).all(screen)
        kept = [each for each in found if search.casefold() in _searchable(each)]
        rows = [
            (
                each["model_id"],
                each.get("display_name", ""),
                each.get("engine", ""),
                _joined(each, "categories"),
            )
            for each in kept
        ]
        human: Any = show.table(("MODEL", "NAME", "ENGINE", "CATEGORIES"), rows) if rows else "No model fits."
        schemas = ("input_schema", "output_schema")
        short = [{name: value for name, value in each.items() if name not in schemas} for each in kept]
        screen.give({"models": short}, human)


@models.command("show")
def show_(
    model: Annotated[str, typer.Argument(help="Id of the model.", show_default=False)],
    *,
    offline: Offline = False,
    config: options.Config = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Show one model: what it is, and every field of its input."""
    from officina.explain import did_you_mean

    with show.screen(as_json) as screen:
        found = {each["model_id"]: each for each in _Catalog(url, key, config, offline).all(screen)}
        chosen = found.get(model.strip("/"))
        if chosen is None:
            raise Stop(f"There is no model {model!r}{did_you_mean(model, found)}", Code.BAD_INPUT)
        screen.give(chosen, Group(_about(chosen), "", _fields(chosen)))


@models.command("check")
def check(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Folders of models, beside the shipped one.")
    ] = None,
    *,
    as_json: options.Json = False,
) -> None:
    """Check the shipped models, and those of the folders, without a server; exits with 1 on findings."""
    with show.screen(as_json) as screen:
        from officina import catalog, catalog_lint
        from officina.engines import known as known_engines
        from officina.picture import PROBED

        known = catalog_lint.Known(engines=known_engines().keys(), formats=PROBED)
        roots = (catalog.SHIPPED, *(folders or ()))
        findings = [finding for root in roots for finding in catalog_lint.lint(root, known)]
        count = sum(len(catalog.find(root)) for root in roots if root.is_dir()) if not findings else 0
        lines = [f"{'/'.join(filter(None, (f.model, f.where)))}: {f.sentence}" for f in findings]
        screen.give(
            {"findings": [{"model": f.model, "where": f.where, "sentence": f.sentence} for f in findings]},
            "\n".join(lines) if lines else f"{count} model{'s' * (count != 1)} checked: nothing is wrong.",
        )
        if findings:
            raise SystemExit(Code.FAILED)


def _searchable(model: Mapping[str, Any]) -> str:
    return " ".join(
        str(model.get(name, "")) for name in ("model_id", "display_name", "description")
    ).casefold()


def _joined(model: Mapping[str, Any], name: str) -> str:
    return ", ".join(model.get(name) or ())


def _about(model: Mapping[str, Any]) -> Any:
    lines = [
        ("Id", model["model_id"]),
        ("Description", model.get("description")),
        ("Engine", model.get("engine")),
        ("Categories", _joined(model, "categories")),
        ("Page", model.get("model_url")),
    ]
    return show.facts(lines, title=str(model.get("display_name", "")))


def _fields(model: Mapping[str, Any]) -> Any:
    schema = model.get("input_schema") or {}
    required = schema.get("required", ())
    rows = [
        (f"{name}{'*' * (name in required)}", _kind(node), _default(node, name in required), _bounds(node))
        for name, node in schema.get("properties", {}).items()
    ]
    return show.table(("INPUT (* required)", "TYPE", "DEFAULT", "ALLOWED"), rows)


def _kind(node: Mapping[str, Any]) -> str:
    named = node.get("type", "")
    word = named if isinstance(named, str) else " or ".join(named)
    held = node.get("items", {})
    of = held.get("format") or held.get("type")
    return f"{word} of {of}" if of else str(node.get("format") or word)


def _default(node: Mapping[str, Any], is_required: bool) -> str:
    """The default of an optional field; that of a required one is a demo, never filled in."""
    value = node.get("default")
    return "" if is_required or value is None else value if isinstance(value, str) else str(value).lower()


def _bounds(node: Mapping[str, Any]) -> str:
    told = []
    if "enum" in node:
        told.append(", ".join(map(str, node["enum"])))
    for low, high, unit in (("minimum", "maximum", ""), ("minItems", "maxItems", " items")):
        if low in node or high in node:
            told.append(f"{node.get(low, '')} to {node.get(high, '')}{unit}")
    if "maxLength" in node:
        told.append(f"at most {node['maxLength']} characters")
    told += _rules(node.get("validations", ()))
    return "; ".join(told)


def _rules(validations: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(each["validation_error"]).rstrip(".") for each in validations))

"""`officina engines`: what can do the work here, and what is missing for the rest."""

from __future__ import annotations

from typing import Any

from officina.cli import options, show


def engines(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """List the engines: whether each is installed here, and the models that it serves by the settings."""
    with show.screen(as_json) as screen:
        from officina import catalog
        from officina import engines as table
        from officina.settings import load

        settings = load(config=config).settings
        models = [
            entry.model
            for entry in catalog.load(catalog.folders(settings.models), settings.engines).entries.values()
        ]
        here = table.available()
        found: list[dict[str, Any]] = [
            {
                "engine": name,
                "summary": entry.summary,
                "installed": name in here,
                "extra": entry.extra,
                "models": [m.id for m in models if any(each.engine == name for each in m.choices)],
            }
            for name, entry in table.known().items()
        ]
        rows = [(each["engine"], _state(each), str(len(each["models"])), each["summary"]) for each in found]
        screen.give({"engines": found}, show.table(("ENGINE", "HERE", "MODELS", "WHAT IT DOES"), rows))


def _state(engine: dict[str, Any]) -> str:
    if engine["installed"]:
        return "installed"
    return f"pip install 'officina[{engine['extra']}]'" if engine["extra"] else "not installed"

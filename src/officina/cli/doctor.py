"""`officina doctor`: whether everything is as it should be here, and what to do where it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Group
from rich.text import Text

from officina.cli import checks, options, postgres_checks, show, target
from officina.cli.checks import Finding
from officina.cli.exits import Code
from officina.errors import SettingsError
from officina.settings import Loaded, Settings, load

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    *,
    data: options.Data = None,
    config: options.Config = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Look at the settings, the program, the data folder and the server; exits with 1 if anything fails."""
    from officina import logs

    logs.configure("console", "error")  # what is found is told below, not beside it
    with show.screen(as_json) as screen:
        wrong = ""
        try:
            loaded = load({"data": data}, config=config)
        except SettingsError as error:
            wrong = error.message
            loaded = Loaded(Settings(data=data) if data else Settings(), {})
        found = [*_settings(wrong), *_all(loaded.settings)]
        if not wrong:
            found += checks.server(loaded.settings, target.find(url, key, data, config))
        rows = loaded.shown()
        machine: dict[str, Any] = {
            "settings": [{"name": name, "value": value, "source": source} for name, value, source in rows],
            "findings": [{"about": f.about, "grade": f.grade, "text": f.text, "hint": f.hint} for f in found],
        }
        settings = show.table(("SETTING", "VALUE", "FROM"), rows)
        screen.give(machine, Group(settings, "", _told(found), "", _summary(found)))
        if any(finding.grade == "fail" for finding in found):
            raise SystemExit(Code.FAILED)


def _settings(wrong: str) -> Iterator[Finding]:
    if wrong:
        yield Finding("Settings", "fail", wrong, "What follows was looked at with the defaults.")


def _all(settings: Settings) -> Iterator[Finding]:
    yield from checks.program()
    yield from checks.weights()
    for check in (*checks.CHECKS, postgres_checks.database):
        yield from check(settings)


def _told(found: list[Finding]) -> Text:
    width = max(len(finding.about) for finding in found)
    lines = []
    for finding in found:
        grade = (f"{finding.grade:<5}", _STYLES[finding.grade])
        line = Text.assemble(grade, (f"{finding.about:<{width}}  ", "bold"), finding.text)
        if finding.hint:
            line.append(f"\n{'':<{width + 7}}{finding.hint}", style="dim")
        lines.append(line)
    return Text("\n").join(lines)


def _summary(found: list[Finding]) -> str:
    count = Counter(finding.grade for finding in found)
    if not count["fail"] and not count["warn"]:
        return "All is well."
    return f"{count['fail']} failed, {count['warn']} to look at, {count['ok']} well."

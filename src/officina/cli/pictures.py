"""Brings the pictures of a result to this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from officina.cli.show import Screen

if TYPE_CHECKING:
    from officina_client import Client, Result

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


def make(folder: Path) -> None:
    """Make the folder, best done before a run: if it cannot be made, nothing was run in vain."""
    folder.mkdir(parents=True, exist_ok=True)


def save(client: Client, result: Result, folder: Path, name: str = "") -> list[Path]:
    """Download every output as `<name or request id>-<n>.<suffix>`; their paths."""
    make(folder)
    stem = name or result.request_id
    names = {url: f"{stem}-{n}{_suffix(url)}" for n, url in enumerate(result.urls, start=1)}
    return [client.download(url, folder / each) for url, each in names.items()]


def give(screen: Screen, result: Result, paths: list[Path]) -> None:
    """Print a result: where its pictures are, here or at the server."""
    machine = {**result.raw, "files": [str(path) for path in paths]}
    screen.give(machine, "\n".join(map(str, paths)) if paths else "\n".join(result.urls))


def _suffix(url: str) -> str:
    suffix = Path(unquote(urlsplit(url).path)).suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ""

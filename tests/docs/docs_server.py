"""A real server for what the pages tell people to run, with the models and the engine that the pages make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docs_pages import page

MADE_BY = ("how-to/write-an-engine.md", "how-to/add-a-model.md")
READY_S = 60


@dataclass(frozen=True)
class Served:
    """Where the server is, its first key, and the folder that people would work in."""

    url: str
    key: str
    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program of the pages finds around it."""
        ours = {"OFFICINA_URL": self.url, "OFFICINA_KEY": self.key, "BASE": self.url, "KEY": self.key}
        return {**_clean(), **ours, "PYTHONPATH": str(self.folder / "engines")}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in that folder, to its end."""
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120
        )


def write_files(folder: Path) -> None:
    """Write every file that the pages spell out."""
    for name in MADE_BY:
        for fence in page(name).fences("python", "json", "toml"):
            if "/" in fence.file:
                path = folder / fence.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(fence.text, encoding="utf-8")


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Start `officina serve` as the pages say, on a free port, and stop it at the end."""
    command = [sys.executable, "-m", "officina", "serve", "--json", "--port", "0", "--models", "models"]
    environment = {**_clean(), "PYTHONPATH": "engines"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        key = Path(told["first_key_file"]).read_text(encoding="ascii").strip()
        yield Served(told["url"], key, folder)
    finally:
        process.terminate()
        process.wait(READY_S)
        assert process.stdout is not None
        process.stdout.close()


def _clean() -> dict[str, str]:
    here = str(Path(sys.executable).parent)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OFFICINA_")}
    return {**kept, "PATH": f"{here}{os.pathsep}{kept.get('PATH', '')}"}

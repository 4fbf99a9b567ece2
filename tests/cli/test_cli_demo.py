"""`officina demo`: from nothing to a picture, and nothing left behind."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path

from cli_scene import Shell, said
from PIL import Image

from officina.cli.exits import Code


def test_the_demo_makes_a_picture_and_leaves_nothing_else(shell: Shell) -> None:
    shell.environment["TMPDIR"] = str(_made(shell.folder / "tmp"))
    shell.environment["OFFICINA_WORKERS"] = "0"  # the demo minds no settings of this machine
    (shell.folder / "officina.toml").write_text("workers = 0")
    done = shell("demo", "--json")
    assert done.json["status"] == "succeeded"
    (file,) = done.json["files"]
    assert Path(file).parent.name == "demo-output"
    with Image.open(shell.folder / file) as picture:
        assert min(picture.size) >= 1024
    assert list((shell.folder / "tmp").glob("officina*")) == []
    assert not (shell.folder / "officina-data").exists()
    assert "officina demo --keep" in done.err


def test_a_kept_demo_serves_its_picture_until_it_is_interrupted(shell: Shell) -> None:
    with shell.started("demo", "--keep") as process:
        assert said(process, "Serving at http://127.0.0.1:")
        assert process.stdout is not None
        path, url = process.stdout.readline().strip(), process.stdout.readline().strip()
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.read() == (shell.folder / path).read_bytes()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == Code.OK


def test_a_demo_that_cannot_write_its_picture_says_so(shell: Shell) -> None:
    (shell.folder / "file").write_text("")
    assert "file" in shell("demo", "--out", "file/pictures", code=Code.DISK).err


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder

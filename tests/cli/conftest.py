"""Shells, and the servers that the tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_scene import Shell

import pictures


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell in the folder of a server without a worker: what is submitted waits."""
    shell = _with_picture(tmp_path_factory.mktemp("idle"))
    with shell.serving():
        yield shell


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell in the folder of a server with one worker."""
    shell = _with_picture(tmp_path_factory.mktemp("busy"))
    with shell.serving(workers=1):
        yield shell


def _with_picture(folder: Path) -> Shell:
    (folder / "boat.jpg").write_bytes(pictures.saved("JPEG", (320, 240)))
    return Shell(folder)

"""Checks what a run says that it made, before any of it leaves the worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from officina.child.frames import Done
from officina.errors import RunError


@dataclass(frozen=True, slots=True)
class Made:
    """A file that a run made: its place in the result, counted from 0, and where it lies."""

    n: int
    kind: Literal["image", "video"]
    path: Path
    size_bytes: int


def made_files(done: Done, scratch: Path, max_bytes: int) -> tuple[Made, ...]:
    """List the files of a result: pictures first, then videos.

    Raises:
        RunError: there are none, or one is missing, outside the run's folder, or too large.
    """
    named: list[tuple[Literal["image", "video"], str]] = [("image", each) for each in done.images]
    named += [("video", each) for each in done.videos]
    if not named:
        raise RunError("engine_failed", "The engine ended without giving a picture or a video.")
    root = scratch.resolve()
    return tuple(_made(n, kind, Path(name), root, max_bytes) for n, (kind, name) in enumerate(named))


def _made(n: int, kind: Literal["image", "video"], path: Path, root: Path, max_bytes: int) -> Made:
    real = path.resolve()
    if not real.is_relative_to(root):
        raise RunError("engine_failed", f"The engine named output {n} outside of the run's own folder.")
    if not real.is_file():
        raise RunError("engine_failed", f"The engine named output {n}, but did not write it.")
    size_bytes = real.stat().st_size
    if size_bytes > max_bytes:
        message = f"Output {n} has {size_bytes} bytes, more than this server keeps ({max_bytes})."
        raise RunError("output_refused", message, measured=size_bytes, limit=max_bytes)
    return Made(n, kind, real, size_bytes)

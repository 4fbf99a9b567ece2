"""Fetches what the nodes of a workflow saved, in the order of the workflow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from officina.engines.comfyui.aside import Aside
from officina.engines.comfyui.server import Server
from officina.errors import RunError
from officina.picture import SNIFF_BYTES, sniff
from officina.run import Result


def files_of(
    entry: Mapping[str, Any], order: Collection[str], only: Collection[str] = ()
) -> list[Mapping[str, Any]]:
    """The files of a prompt's entry in the history: of the nodes in that order, then of any others.

    What nodes say lies under names of their choice (`images`, `gifs`, `videos`, …), so a file is told by its
    `filename`. Mere previews, of type `temp`, count only when there is nothing else.
    """
    outputs = entry.get("outputs") or {}
    nodes = [*(each for each in order if each in outputs), *(each for each in outputs if each not in order)]
    found = [file for node in nodes if not only or node in only for file in _files(outputs[node])]
    kept = [file for file in found if file.get("type") != "temp"] or found
    return list({tuple(str(file.get(name, "")) for name in _NAME): file for file in kept}.values())


_NAME = ("type", "subfolder", "filename")


def fetch(files: list[Mapping[str, Any]], server: Server, aside: Aside, folder: Path) -> Result:
    """Bring the files into a folder, and tell pictures from videos by their bytes.

    Raises:
        RunError: there is neither a picture nor a video among them.
    """
    paths = [folder / f"{n}.part" for n in range(len(files))]
    aside.each(lambda each: server.save(*each), zip(files, paths, strict=True))
    result = Result()
    for path in paths:
        result = _sorted_in(result, path)
    if not (result.images or result.videos):
        message = "The workflow ended without a picture or a video: none of its nodes has saved one."
        raise RunError("engine_failed", message)
    return result


def _files(said: object) -> Iterator[Mapping[str, Any]]:
    for values in said.values() if isinstance(said, Mapping) else ():
        for value in values if isinstance(values, list | tuple) else ():
            if isinstance(value, Mapping) and isinstance(value.get("filename"), str) and value["filename"]:
                yield value


def _sorted_in(result: Result, path: Path) -> Result:
    with path.open("rb") as file:
        kind = sniff(file.read(SNIFF_BYTES))
    if kind is None or kind.kind not in {"image", "video"}:
        return result
    named = path.rename(path.with_suffix(kind.suffix if kind.suffix.startswith(".") else f".{kind.suffix}"))
    if kind.kind == "image":
        return replace(result, images=(*result.images, named))
    return replace(result, videos=(*result.videos, named))

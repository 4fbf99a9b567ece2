"""Where the weights of a model are on this machine, whether they are all there, and how they get here.

Nothing is downloaded but by `pull`, which its operator asks for. Engines read folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from officina.engines.diffusers.recipe import Lora, Recipe, read
from officina.errors import RunError

INDEX = "model_index.json"
"""What a folder of a pipeline begins with: its class, and the library and class of each component."""

_BESIDE = ("*.json", "*.md", "*.txt", "LICENSE*", "LICENCE*", "NOTICE*")


def is_folder(weights: str) -> bool:
    """Whether the option names a folder of this machine, not a repository of the hub."""
    return weights.startswith(("/", "./", "../", "~"))


def find(recipe: Recipe) -> Path:
    """The folder of a recipe's weights, complete.

    Raises:
        RunError: they are not here, or not all of them; the sentence names what to do.
    """
    folder = _place(recipe.weights, recipe.revision)
    lacking = list(missing(folder)) if folder else []
    if folder is not None and not lacking:
        return folder
    if is_folder(recipe.weights):
        what = f"lacks {_listed(lacking)}" if folder else "does not exist"
        raise _absent(
            f"The folder of weights that the options of this model name {what}; the operator mends it"
        )
    what = f"are incomplete here ({_listed(lacking)} missing)" if folder else "are not on this machine"
    raise _absent(
        f"The weights {recipe.weights} {what}; the operator gets them with "
        f"`officina models pull {recipe.weights}`"
    )


def lacks(options: Mapping[str, Any]) -> str:
    """What is missing here to serve a model with these options, as the end of a sentence; "" for nothing."""
    try:
        find(read(options))
    except RunError as error:
        return error.message.rstrip(".")
    return ""


def find_lora(lora: Lora) -> Path:
    """The folder that holds a LoRA's file.

    Raises:
        RunError: it is not here.
    """
    folder = _place(lora.weights, lora.revision)
    if folder is None or not (folder / lora.file).is_file():
        raise _absent(
            f"The LoRA {lora.file} is not on this machine; the operator gets it with `officina models pull`"
        )
    return folder


def missing(folder: Path) -> Iterator[str]:
    """What a pipeline's folder lacks, by the names of its own indexes."""
    index = _json(folder / INDEX)
    if index is None:
        yield INDEX
        return
    for name in components(index):
        part = folder / name
        if not part.is_dir():
            yield f"{name}/"
        for shards in sorted(part.glob("*.index.json")):
            files = sorted(set((_json(shards) or {}).get("weight_map", {}).values()))
            yield from (f"{name}/{file}" for file in files if not (part / file).is_file())


def components(index: Mapping[str, Any]) -> list[str]:
    """The components of a pipeline, each a folder beside its index."""
    return [
        name
        for name, kind in index.items()
        if not name.startswith("_") and isinstance(kind, list) and kind and kind[0] is not None
    ]


def pull(recipe: Recipe, to: Path | None = None) -> Path:
    """Download what a recipe names from the hub: into the hub's own cache, or the weights into a folder.

    What is there already is not downloaded again. Raises what the hub's client raises.
    """
    from huggingface_hub import hf_hub_download, snapshot_download

    where = {"revision": recipe.revision or None, "local_dir": to}
    index = _json(Path(hf_hub_download(recipe.weights, INDEX, **where))) or {}
    wanted = [*_BESIDE, *(f"{name}/*" for name in components(index))]  # no single-file copies beside them
    folder = Path(snapshot_download(recipe.weights, allow_patterns=wanted, **where))
    for lora in recipe.loras.values():
        if not is_folder(lora.weights):
            hf_hub_download(lora.weights, lora.file, revision=lora.revision or None)
    return folder


def _place(weights: str, revision: str) -> Path | None:
    if is_folder(weights):
        folder = Path(weights).expanduser()
        return folder if folder.is_dir() else None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import IncompleteSnapshotError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(weights, revision=revision or None, local_files_only=True))
    except IncompleteSnapshotError as error:
        return Path(error.snapshot_path)  # without what no pipeline needs; `missing` tells of the rest
    except LocalEntryNotFoundError:
        return None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _listed(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _absent(why: str) -> RunError:
    return RunError("engine_unavailable", f"{why}.", retry=False)

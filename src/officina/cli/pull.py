"""`officina models pull`: bring the weights of a model to this machine, once their licence is accepted."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from officina.cli import options, show
from officina.cli.exits import Code, Stop
from officina.errors import MissingExtra

if TYPE_CHECKING:
    from officina.engines.diffusers.recipe import Recipe
    from officina.model import Model

ENGINE = "diffusers"


def pull(
    model: Annotated[
        str, typer.Argument(help="Id of the model, or the name of its weights.", show_default=False)
    ],
    *,
    to: Annotated[
        Path | None, typer.Option(help="Folder for the weights. Without it: the cache of the hub's library.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept the licence that is shown.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Download the weights of a model; their licence is shown first, and must be accepted."""
    with show.screen(as_json) as screen:
        chosen = _chosen(model, config)
        recipe = _recipe(chosen)
        for name, value in _facts(chosen, recipe):
            screen.say(f"{name + ':':<10}{value}", style="")
        _accept(yes)
        with _explained(recipe.weights):
            from officina.engines.diffusers import weights

            folder = weights.pull(recipe, to)
        settings = _settings(chosen, to) if to else ""
        done = f"The weights {recipe.weights} are here."
        block = (
            f"\n\nIn the settings, this has the model read them from there:\n\n{settings}" if settings else ""
        )
        screen.give(
            {"model_id": chosen.id, "weights": recipe.weights, "folder": str(folder), "settings": settings},
            done + block,
        )


def _chosen(name: str, config: Path | None) -> Model:
    """The model of that id on this machine, or one with such weights."""
    from officina import catalog
    from officina.explain import did_you_mean
    from officina.settings import load

    settings = load(config=config).settings
    folders = (catalog.SHIPPED, *map(Path, settings.models))
    entries = catalog.load(folders, settings.engines).entries
    if entry := entries.get(name.strip("/")):
        return entry.model
    for entry in entries.values():
        if entry.model.engine == ENGINE and entry.model.options.get("weights") == name:
            return entry.model
    raise Stop(f"There is no model {name!r}{did_you_mean(name, entries)}", Code.BAD_INPUT)


def _recipe(model: Model) -> Recipe:
    from officina.engines.diffusers import recipe, weights

    if model.engine != ENGINE:
        raise Stop(f"{model.id} is served by {model.engine}, which has no weights to pull.", Code.BAD_INPUT)
    found = recipe.read(model.options)
    if weights.is_folder(found.weights):
        raise Stop(f"{model.id} reads its weights from a folder of yours: {found.weights}.", Code.BAD_INPUT)
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtra(
            "Pulling weights needs the library huggingface_hub, not installed here: "
            f"pip install 'officina[{ENGINE}]'."
        )
    return found


def _facts(model: Model, recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield "Model", model.id
    yield "Weights", recipe.weights + (f" at {recipe.revision}" if recipe.revision else "")
    yield "Licence", recipe.licence + (f", {recipe.licence_url}" if recipe.licence_url else "")
    if recipe.download_gb:
        yield "Download", f"about {recipe.download_gb:g} GB"
    memory = recipe.memory
    yield "Needs", f"{memory.resident:g} GB on a GPU, or {memory.offload:g} GB when parts wait in RAM"
    for name, lora in recipe.loras.items():
        yield "LoRA", f"{name}: {lora.weights}"


def _accept(yes: bool) -> None:
    if yes:
        return
    if sys.stdin.isatty() and typer.confirm("Do you accept this licence?", err=True):
        return
    raise Stop("The licence was not accepted, so nothing was downloaded.", todo="--yes accepts it.")


@contextmanager
def _explained(weights: str) -> Iterator[None]:
    """Put what the hub's library raises into words."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        todo = "Accept its terms on its page there, and give your token in HF_TOKEN."
        raise Stop(
            f"{weights} is given out by its hub to known users only.", Code.KEY_REJECTED, todo=todo
        ) from None
    except (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.RemoteEntryNotFoundError,
    ) as error:
        raise Stop(
            f"The hub has no such weights as {weights}: {_first_line(error)}", Code.BAD_INPUT
        ) from None
    except (errors.HTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        todo = "Try again later: what has arrived is kept."
        raise Stop(f"The hub cannot be reached: {_first_line(error)}", Code.UNREACHABLE, todo=todo) from None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]


def _settings(model: Model, folder: Path) -> str:
    """The settings that have the model read its weights from a folder: every option, as they replace all."""
    own = {**model.options, "weights": str(folder.resolve())}
    lines = [f'[engines."{model.id}"]', f'engine = "{model.engine}"', "", f'[engines."{model.id}".options]']
    return "\n".join([*lines, *(f"{name} = {_toml(value)}" for name, value in own.items())])


def _toml(value: Any) -> str:
    """A value of an option in TOML; texts are written as JSON has them, which is the same there."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(str(key))} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return msgspec.json.encode(value).decode()

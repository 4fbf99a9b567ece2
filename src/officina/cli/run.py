"""`officina run` and `officina submit`: hand a model its input; `run` also waits and collects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from officina.cli import options, show, target, values

if TYPE_CHECKING:
    from officina_client import Client


class Priority(StrEnum):
    """Which of one's own requests go first; between keys only the fair share counts."""

    high = "high"
    normal = "normal"
    low = "low"


def _model_ids(incomplete: str) -> Iterator[str]:
    """The ids of the shipped models, for the shell's completion."""
    from officina import catalog

    yield from (model_id for model_id, _ in catalog.find(catalog.SHIPPED) if model_id.startswith(incomplete))


ModelId = Annotated[
    str, typer.Argument(metavar="MODEL", help="Its id.", autocompletion=_model_ids, show_default=False)
]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME=VALUE",
        help="The input, field by field; a list takes its name more than once, @boat.jpg is a local file. "
        "@body.json is a whole input, @- one from stdin.",
        show_default=False,
    ),
]
Input = Annotated[Path | None, typer.Option("--input", help="JSON file with the input; - for stdin.")]
Urgency = Annotated[Priority, typer.Option("--priority", help="Among the requests of the same key.")]


def run(  # noqa: PLR0913 - one parameter is one option
    model: ModelId,
    *,
    words: Words = None,
    body: Input = None,
    out: options.Out = Path(),
    name: Annotated[str, typer.Option(help="Name of the files, instead of the request id.")] = "",
    no_download: Annotated[bool, typer.Option("--no-download", help="Print the URLs only.")] = False,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds to wait for the end; the request goes on.", min=0.0)
    ] = None,
    priority: Urgency = Priority.normal,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Run a model, follow it to its end, and save its pictures.

    For example: officina run bytedance/dreamina-4-0/edit image_urls=@boat.jpg prompt="black and white"
    widthxheight=1024x1024

    Options of a choice may be shortened, and × typed as x. Ctrl-C cancels the request while it waits, and
    once more stops it while it runs.
    """
    from officina.cli import follow, pictures

    with show.screen(as_json) as screen, target.connect(target.find(url, key), patient=True) as client:
        if not no_download:
            pictures.make(out)
        request = _submit(client, model, _prepared(client, screen, model, words or [], body), priority)
        screen.say(f"Request {request['request_id']}")
        result = follow.follow(client, request["request_id"], screen, timeout)
        saved = [] if no_download else pictures.save(client, result, out, name)
        pictures.give(screen, result, saved)


def submit(
    model: ModelId,
    *,
    words: Words = None,
    body: Input = None,
    priority: Urgency = Priority.normal,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Submit a run and print its request id at once; `officina result ID` collects it later."""
    with show.screen(as_json) as screen, target.connect(target.find(url, key), patient=True) as client:
        request = _submit(client, model, _prepared(client, screen, model, words or [], body), priority)
        screen.give(request, str(request["request_id"]))


def _prepared(
    client: Client, screen: show.Screen, model: str, words: list[str], body: Path | None
) -> dict[str, Any]:
    """The input, its local files uploaded."""
    made = values.read(words, client.model(model).input_schema, body)

    def upload(file: values.LocalFile) -> str:
        screen.say(f"Uploading {file.path}")
        return client.upload(file.path).url

    uploaded = {file.path: upload(file) for file in dict.fromkeys(values.files(made))}
    return dict(values.replaced(made, lambda file: uploaded[file.path]))


def _submit(client: Client, model: str, made: Mapping[str, Any], priority: Priority) -> dict[str, Any]:
    urgency = None if priority is Priority.normal else priority.value
    submitted = client.submit(model, made, priority=urgency).submitted
    return dict(submitted.raw) if submitted else {}

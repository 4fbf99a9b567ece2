"""`officina workers`: who works for the server, on whatever machine, and letting one finish and end."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from officina.cli import options, show, target
from officina.cli.exits import EPILOG

workers = typer.Typer(
    help="The workers of a server: list, drain. Needs a key of scope admin.",
    no_args_is_help=True,
    add_completion=False,
    epilog=EPILOG,
)


@workers.command("list")
def list_(
    *,
    url: options.Url = None,
    key: options.Key = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """List the workers that were heard of in the last hour, with what they run."""
    with show.screen(as_json) as screen:
        with target.connect(target.find(url, key, data)) as client:
            found: list[dict[str, Any]] = client.call("GET", "/v1/workers")["workers"]
        rows = [
            (
                each["worker_id"],
                each["name"],
                _state(each),
                f"{each['busy']}/{each['slots'] or '?'}",
                ", ".join(each["engines"]),
                ", ".join(f"{name}={value}" for name, value in each["labels"].items()),
            )
            for each in found
        ]
        head = ("ID", "NAME", "STATE", "BUSY", "ENGINES", "LABELS")
        human: Any = show.table(head, rows) if rows else "No workers; `officina worker --help` tells of them."
        screen.give({"workers": found}, human)


@workers.command("drain")
def drain(
    worker_id: Annotated[
        str, typer.Argument(help="Id of the worker, as `workers list` shows it.", show_default=False)
    ],
    *,
    url: options.Url = None,
    key: options.Key = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Let a worker finish what it runs, and end; it takes no more requests."""
    with show.screen(as_json) as screen:
        with target.connect(target.find(url, key, data)) as client:
            said: dict[str, Any] = client.call("POST", f"/v1/workers/{worker_id}/drain")
        screen.give(said, f"{said['worker_id']} ({said['name']}) ends when its {said['busy']} runs have.")


def _state(worker: dict[str, Any]) -> str:
    if not worker["is_heard"]:
        return "silent"
    return "draining" if worker["is_draining"] else "alive"

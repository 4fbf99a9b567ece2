"""`officina worker`: a worker on this machine, for a gateway here or elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from officina.cli import show


def worker(  # noqa: PLR0913 - one parameter is one option
    *,
    gateway: Annotated[str, typer.Option(metavar="URL", help="Where the gateway is.", show_default=False)],
    key_file: Annotated[
        Path | None, typer.Option(help="File with a key of scope worker. Without it: OFFICINA_WORKER_KEY.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="How the gateway shows this worker; the host's name unless given.")
    ] = "",
    slots: Annotated[int, typer.Option(help="Concurrent runs.", min=1)] = 1,
    engines: Annotated[
        str, typer.Option(help="Names, separated by commas; every installed one unless given.")
    ] = "",
    drain: Annotated[
        float, typer.Option(help="Seconds that a run may take to end at a stop.", min=0.0)
    ] = 30.0,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="What models can ask for; more than once.")
    ] = None,
    allow_http: Annotated[
        bool, typer.Option("--allow-http", "--insecure-http", help="Allow plain http to another machine.")
    ] = False,
    log_format: Annotated[str, typer.Option(help="console, json or auto.")] = "auto",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Claim jobs from a gateway and run them, until Ctrl-C.

    Plain http is refused for gateways on other machines, since it would show the key to the network.
    """
    words = [
        *("--gateway", gateway, "--name", name, "--slots", str(slots), "--engines", engines),
        *("--drain", str(drain), "--log-format", log_format, "--log-level", log_level),
        *(word for each in label or () for word in ("--label", each)),
        *(("--key-file", str(key_file)) if key_file else ()),
        *(("--allow-http",) if allow_http else ()),
    ]
    with show.screen():
        # This process becomes the worker, so that it holds nothing of the command line in memory.
        os.execv(sys.executable, [sys.executable, "-m", "officina.worker", *words])  # noqa: S606

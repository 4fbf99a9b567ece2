"""Options that more than one command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout instead of text.")]

Url = Annotated[
    str | None,
    typer.Option(
        envvar="OFFICINA_URL",
        help="Address of the server. Without it: the one that serves the data folder here.",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        envvar="OFFICINA_KEY",
        help="API key. Without it: the first key of the data folder here, for its own server only.",
    ),
]
Data = Annotated[
    Path | None, typer.Option(help="The data folder. Without it: the one that the settings name.")
]
Config = Annotated[
    Path | None,
    typer.Option(help="Settings file. Without it: OFFICINA_CONFIG, or officina.toml in this folder."),
]
Out = Annotated[Path, typer.Option(help="Folder for the pictures; it is made when it is not there.")]
RequestId = Annotated[str, typer.Argument(help="The request_id that submit gave.", show_default=False)]

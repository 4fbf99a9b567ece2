"""`officina fleet`: workers on a cluster, as many as the queue asks for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from officina.cli import show
from officina.cli.exits import EPILOG, Stop
from officina.errors import MissingExtra

if TYPE_CHECKING:
    from officina.fleet.order import Errand

fleet = typer.Typer(
    help="Workers on a cluster, as many as the queue asks for: `ray` places them with Ray.",
    no_args_is_help=True,
    add_completion=False,
    epilog=EPILOG,
)


@fleet.callback()
def _group() -> None:
    """Workers on a cluster, as many as the queue asks for: `ray` places them with Ray."""


@fleet.command("ray")
def ray(  # noqa: PLR0913 - one parameter is one option
    *,
    gateway: Annotated[str, typer.Option(metavar="URL", help="Where the gateway is.", show_default=False)],
    address: Annotated[
        str,
        typer.Option(help="The Ray cluster, as HOST:PORT of its head; `auto` is the one of this machine."),
    ] = "auto",
    name: Annotated[
        str, typer.Option(help="Name of the fleet: it goes on with the workers that it finds by this name.")
    ] = "fleet",
    key: Annotated[
        str | None,
        typer.Option(envvar="OFFICINA_KEY", help="Key of scope admin, to ask the gateway what waits."),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="File with a key of scope worker, for the workers. Without it: OFFICINA_WORKER_KEY."
        ),
    ] = None,
    models: Annotated[
        str, typer.Option(help="Models whose jobs count, separated by commas; all of them unless given.")
    ] = "",
    engines: Annotated[
        str, typer.Option(help="Names, separated by commas; every one that a node has unless given.")
    ] = "",
    least: Annotated[int, typer.Option("--min", help="Workers that there are always.", min=0)] = 0,
    most: Annotated[int, typer.Option("--max", help="Workers that there are at most.", min=1)] = 8,
    slots: Annotated[int, typer.Option(help="Concurrent runs of each worker.", min=1)] = 1,
    gpus: Annotated[float, typer.Option(help="GPUs for each worker; 0.5 is half of one.", min=0.0)] = 0.0,
    cpus: Annotated[float, typer.Option(help="CPUs for each worker.", min=0.0)] = 1.0,
    resource: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=AMOUNT", help="What a node of the cluster must have; more than once."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="What models can ask for; more than once.")
    ] = None,
    drain: Annotated[
        float, typer.Option(help="Seconds that a run may take to end when its worker is let go.", min=0.0)
    ] = 30.0,
    quiet: Annotated[
        float, typer.Option(help="Seconds without need of a worker, before it is let go.", min=0.0)
    ] = 60.0,
    every: Annotated[float, typer.Option(help="Seconds between two looks at the queue.", min=0.1)] = 3.0,
    leave: Annotated[bool, typer.Option("--leave", help="At a stop, leave the workers running.")] = False,
    allow_http: Annotated[
        bool, typer.Option("--allow-http", "--insecure-http", help="Allow plain http to another machine.")
    ] = False,
    log_format: Annotated[str, typer.Option(help="console, json or auto.")] = "auto",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Place workers on a Ray cluster and keep as many as the queue asks for, until Ctrl-C.

    A stop lets all of them drain, unless --leave is given; a second one hurries. When this command dies, its
    workers live on, and the same command finds them again.
    """
    with show.screen():
        if importlib.util.find_spec("ray") is None:
            raise MissingExtra(
                "A fleet on Ray needs the library ray, not installed here: pip install 'officina[ray]'."
            )
        from officina import logs
        from officina.fleet.order import Bounds, Errand, Order, Share
        from officina.fleet.watch import Watch

        if least > most:
            raise Stop(f"--min {least} is more than --max {most}")
        errand = Errand(
            gateway.rstrip("/"),
            _worker_key(key_file),
            engines,
            slots,
            drain,
            tuple(label or ()),
            allow_http,
            log_level,
        )
        _check(errand)
        order = Order(
            name=_name(name),
            address=address,
            errand=errand,
            key=key or "",
            bounds=Bounds(least, most, slots, quiet, every),
            share=Share(gpus, cpus, dict(map(_amount, resource or ()))),
            models=tuple(each.strip() for each in models.split(",") if each.strip()),
            leave=leave,
            log_format=log_format,
        )
        logs.configure(log_format, log_level)
        sys.exit(Watch(order).keep())


def _name(text: str) -> str:
    if not text.isascii() or not text.replace("-", "").isalnum():
        raise Stop(f"A fleet cannot be named {text!r}; use letters, digits and hyphens")
    return text


def _amount(text: str) -> tuple[str, float]:
    """A resource of the cluster from how people write it, `a100=1`."""
    name, _, amount = text.partition("=")
    try:
        return name.strip(), float(amount or 1)
    except ValueError:
        raise Stop(f"--resource {text!r} must be NAME=AMOUNT, with a number") from None


def _worker_key(file: Path | None) -> str:
    from officina.settings import worker_key
    from officina.worker.serve import read_key

    return read_key(file) if file else worker_key()


def _check(errand: Errand) -> None:
    """Refuse here what every worker would refuse on its node."""
    from officina.worker.serve import WorkerOptions

    worker = WorkerOptions(errand.gateway, errand.key, slots=errand.slots, allow_http=errand.allow_http)
    worker.check()

"""`officina demo`: a server, a worker and one edit, from nothing to a picture; nothing else stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from officina.cli import options, pictures, show, target
from officina.cli.exits import Code, Stop

if TYPE_CHECKING:
    from officina.catalog import Entry
    from officina_client import Client, Result

_READY_S = 30.0
_END_S = 45.0
_LAST_LINES = 15


def demo(
    *,
    out: options.Out = Path("demo-output"),
    keep: Annotated[bool, typer.Option("--keep", help="Keep serving until Ctrl-C.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the picture.", min=1.0)] = 300.0,
    as_json: options.Json = False,
) -> None:
    """Start a server on a free port, run the first model's example on it, and save the picture.

    The server's data folder is a temporary one, which is removed at the end.
    """
    with show.screen(as_json) as screen, tempfile.TemporaryDirectory(prefix="officina-demo-") as folder:
        entry = _example()
        pictures.make(out)
        with _server(screen, Path(folder)) as found, target.connect(found, patient=True) as client:
            result = _run_example(client, screen, entry, timeout)
            paths = pictures.save(client, result, out)
            machine = {**result.raw, "files": [str(path) for path in paths], "url": found.url}
            screen.give(machine, "\n".join([*map(str, paths), *result.urls]))
            if keep:
                _wait(screen, found, Path(folder))
        if not keep:
            screen.say(
                "The server has ended. `officina demo --keep` keeps it, so that the URL goes on working."
            )
        screen.say("Next: `officina serve`, then `officina run` with pictures of your own.")


def _example() -> Entry:
    """The first model of the catalog, which has an example with pictures of its own."""
    from officina import catalog

    entry = catalog.read(catalog.FIRST, catalog.SHIPPED / catalog.FIRST)
    names = set(catalog.local_names(entry.model.example, entry.spec.media))
    if missing := sorted(names - entry.example_files.keys()):
        todo = "Install officina again."
        raise Stop(f"Pictures of the example are missing: {', '.join(missing)}.", Code.SETUP, todo=todo)
    return entry


def _run_example(client: Client, screen: show.Screen, entry: Entry, timeout: float) -> Result:
    """Submit the example as any caller would: over HTTP, its pictures uploaded first."""
    from officina.cli import follow

    screen.say(f"{entry.model.id}: {entry.model.example.get('prompt', '')!r}", style="bold")
    uploaded: dict[str, str] = {}
    for name, path in entry.example_files.items():
        screen.say(f"Uploading {path.name}")
        uploaded[name] = client.upload(path).url
    submitted = client.submit(entry.model.id, _with(entry.model.example, uploaded))
    screen.say(f"Request {submitted.request_id}")
    return follow.follow(client, submitted.request_id, screen, timeout)


def _with(example: Mapping[str, Any], uploaded: Mapping[str, str]) -> dict[str, Any]:
    """The example with the URLs of the uploads in the places of its local files."""

    def url_of(value: Any) -> Any:
        if isinstance(value, list):
            return [url_of(each) for each in value]
        return uploaded.get(value, value) if isinstance(value, str) else value

    return {name: url_of(value) for name, value in example.items()}


@contextmanager
def _server(screen: show.Screen, folder: Path) -> Iterator[target.Target]:
    """A server of its own settings, whatever those of this machine are."""
    data, log = folder / "data", folder / "log"
    command = [
        *(sys.executable, "-m", "officina", "serve", "--json", "--port", "0", "--host", "127.0.0.1"),
        *("--data", str(data), "--workers", "1", "--config", os.devnull, "--with-parent", str(os.getpid())),
        *("--drain-s", "5", "--log-format", "json"),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OFFICINA_")}
    screen.say("Starting a server")
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=environment, process_group=0
        )
    try:
        url = _url(process, log)
        screen.say(f"It serves at {url}")
        yield target.Target(url, target.first_key(data))
    finally:
        _end(process)


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    """The URL on the first line of the server, or the end of its log when there is no such line."""
    assert process.stdout is not None  # noqa: S101 - for the type checker: it was asked for
    timer = threading.Timer(_READY_S, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
    finally:
        timer.cancel()
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError, TypeError):
        process.wait()
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])
        said = tail or line.decode(errors="replace").strip() or "it said nothing"
        raise Stop(f"The server did not start:\n{said}", Code.UNREACHABLE) from None


def _wait(screen: show.Screen, found: target.Target, folder: Path) -> None:
    key_file = folder / "data" / target.FIRST_KEY_FILE
    screen.say(f"Serving at {found.url} until Ctrl-C; the key is in {key_file}", style="bold")
    try:
        signal.pause()
    except KeyboardInterrupt:
        screen.say("Ending the server")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server; it lets its worker hand back what runs."""
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()

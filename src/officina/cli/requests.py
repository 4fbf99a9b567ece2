"""`officina status`, `result`, `cancel`, `delete` and `requests`: what became of a request."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from officina.cli import options, pictures, show, target
from officina.cli.exits import Code, Stop

if TYPE_CHECKING:
    from officina_client import Client, Result

WaitStatus = Annotated[
    float | None, typer.Option(min=0.0, max=60.0, help="Seconds to wait for a change, 60 at most.")
]
WaitResult = Annotated[float | None, typer.Option(min=0.0, help="Seconds to wait for the end.")]
Download = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Save the pictures in this folder.")]
Force = Annotated[bool, typer.Option("--force", help="Stop it even when it runs already.")]


def status(
    request_id: options.RequestId,
    *,
    wait: WaitStatus = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Say where a request stands: waiting (and at which place), running, or ended."""
    with show.screen(as_json) as screen, target.connect(target.find(url, key)) as client:
        found = client.status(request_id, wait_s=wait)
        about = "about " if found.is_estimate else ""
        place = f", {about}number {found.queue_position}" if found.queue_position else ""
        screen.give(found.raw, found.status + place)


def result(
    request_id: options.RequestId,
    *,
    wait: WaitResult = None,
    download: Download = None,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Give the outcome of a request: the URLs of its pictures, or why there are none.

    Exits with 75 while the request has not ended.
    """
    with show.screen(as_json) as screen, target.connect(target.find(url, key), patient=True) as client:
        found = _result(client, request_id, wait)
        if found.status == "succeeded":
            paths = pictures.save(client, found, download) if download else []
            pictures.give(screen, found, paths)
            return
        if as_json:
            screen.give(found.raw, "")
            raise SystemExit(Code.FAILED if found.has_ended else Code.TRY_AGAIN)
        raise _no_pictures(found)


def _result(client: Client, request_id: str, wait_s: float | None) -> Result:
    from officina_client import RunCancelled, RunFailed, WaitTimeout

    if wait_s:
        with suppress(RunFailed, RunCancelled, WaitTimeout):
            return client.wait(request_id, timeout_s=wait_s)
    return client.result(request_id)


def _no_pictures(found: Result) -> Exception:
    from officina_client import RunFailed

    if found.error:
        problem = found.error
        return RunFailed(
            problem.message, type=problem.type, detail=problem.detail or (), request_id=found.request_id
        )
    if found.has_ended:
        return Stop("The request was cancelled.", Code.FAILED)
    return Stop(f"The request has not ended: {found.status}.", Code.TRY_AGAIN, todo="Wait with --wait 60.")


def cancel(
    request_id: options.RequestId,
    *,
    force: Force = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Cancel a request that waits; with --force, stop one that runs."""
    with show.screen(as_json) as screen, target.connect(target.find(url, key)) as client:
        outcome = client.cancel(request_id, force=force)
        screen.give(outcome.raw, f"{outcome.outcome}: the request is {outcome.status}")
        if outcome.is_cancelled:
            return
        if outcome.status == "in_progress":
            screen.say("It is told to stop." if force else "It runs already; --force stops it.")
        raise SystemExit(Code.FAILED)


def delete(
    request_id: options.RequestId,
    *,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Remove a request that has ended, with its pictures."""
    with show.screen(as_json) as screen, target.connect(target.find(url, key)) as client:
        client.delete(request_id)
        screen.give({"request_id": request_id, "deleted": True}, "deleted")


def requests(
    *,
    model: Annotated[str | None, typer.Option(help="Only those of this model.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state, such as failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """List the requests of your key, the newest first."""
    with show.screen(as_json) as screen, target.connect(target.find(url, key)) as client:
        found = list(client.requests(model=model, state=state, limit=limit))
        rows = [
            (
                each.request_id,
                each.status,
                each.model_id or "",
                _time(each.created_at),
                _time(each.finished_at),
            )
            for each in found
        ]
        columns = ("REQUEST", "STATUS", "MODEL", "SUBMITTED", "ENDED")
        human: Any = show.table(columns, rows) if rows else "There are no requests of this key."
        screen.give({"requests": [each.raw for each in found]}, human)


def _time(at: datetime | None) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""

"""`officina keys`: make, list and revoke API keys; through the server when one runs, else in its folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from officina.cli import folder, options, show, target
from officina.cli.exits import EPILOG
from officina.settings import load

if TYPE_CHECKING:
    from officina.queue.protocol import Queue
    from officina_client import Client

keys = typer.Typer(
    help="API keys: make, list, revoke. Needs a key of scope admin, or the data folder of a server at rest.",
    no_args_is_help=True,
    add_completion=False,
    epilog=EPILOG,
)


class Scope(StrEnum):
    """What a key may do."""

    caller = "caller"
    worker = "worker"
    admin = "admin"


def _either(
    where: tuple[str | None, str | None, Path | None],
    at_server: Callable[[Client], Any],
    in_folder: Callable[[Queue], Awaitable[Any]],
) -> Any:
    """Do something at the server that was named, else in the data folder, else at the folder's own server."""
    url, key, data = where
    place = None if url else load({"data": data}).settings.data
    if place and not folder.is_locked(place):
        return asyncio.run(_locked(place, in_folder))
    with target.connect(target.find(url, key, data)) as client:
        return at_server(client)


async def _locked(data: Path, in_folder: Callable[[Queue], Awaitable[Any]]) -> Any:
    async with folder.opened(data) as queue:
        return await in_folder(queue)


Rate = Annotated[float | None, typer.Option("--rate", help="Submits per minute, in the long run.", min=1e-6)]
Burst = Annotated[int | None, typer.Option(help="So many at once; a minute's worth unless given.", min=1)]
MaxWaiting = Annotated[int | None, typer.Option(help="Most requests that may wait.", min=1)]
MaxRunning = Annotated[int | None, typer.Option(help="Most that may run at one time.", min=1)]
DailyOutputs = Annotated[int | None, typer.Option(help="Most pictures and videos a day, UTC.", min=1)]
DailyUsd = Annotated[
    float | None, typer.Option(help="Most US dollars a day, by the models' prices.", min=1e-6)
]


def _named(*given: float | None) -> dict[str, float]:
    """The limits that were given, by name."""
    from officina.keys import KeyLimits

    return {
        name: value
        for name, value in zip(KeyLimits.__struct_fields__, given, strict=True)
        if value is not None
    }


@keys.command("create")
def create(  # noqa: PLR0913 - one parameter is one option
    name: Annotated[str, typer.Argument(help="Whose key it is, or what it is for.", show_default=False)],
    *,
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it may do: caller unless given; may be given more than once."),
    ] = None,
    rate: Rate = None,
    burst: Burst = None,
    max_waiting: MaxWaiting = None,
    max_running: MaxRunning = None,
    daily_outputs: DailyOutputs = None,
    daily_usd: DailyUsd = None,
    url: options.Url = None,
    key: options.Key = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Make a key and print it, this once; it is not kept anywhere."""
    scopes = [each.value for each in scope or [Scope.caller]]
    limits = _named(rate, burst, max_waiting, max_running, daily_outputs, daily_usd)

    async def in_folder(queue: Queue) -> dict[str, Any]:
        from officina.keys import KeyChange, mint, read_scopes

        made, secret = mint(name, read_scopes(scopes))
        await queue.add_key(KeyChange(limits=limits).of(made))
        return {"id": made.id, "name": made.name, "scopes": made.scopes, "key": secret}

    def at_server(client: Client) -> dict[str, Any]:
        return dict(client.create_key(name, scopes=scopes, limits=limits).raw)

    with show.screen(as_json) as screen:
        made = _either((url, key, data), at_server, in_folder)
        screen.say(f"{made['id']} for {made['name']} ({', '.join(made['scopes'])}); it is not shown again:")
        screen.give(made, str(made["key"]))


@keys.command("limit")
def limit(  # noqa: PLR0913 - one parameter is one option
    key_id: Annotated[
        str, typer.Argument(help="Id of the key, as `keys list` shows it.", show_default=False)
    ],
    *,
    rate: Rate = None,
    burst: Burst = None,
    max_waiting: MaxWaiting = None,
    max_running: MaxRunning = None,
    daily_outputs: DailyOutputs = None,
    daily_usd: DailyUsd = None,
    lift: Annotated[
        bool, typer.Option("--lift", help="Lift every limit that is not given; then the settings' hold.")
    ] = False,
    url: options.Url = None,
    key: options.Key = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Change what a key may take; what is not given stays. Holds from the next request on."""
    from officina.keys import KeyChange, KeyLimits
    from officina.web.keys import shown

    limits: dict[str, Any] = _named(rate, burst, max_waiting, max_running, daily_outputs, daily_usd)
    if lift:
        limits = {**dict.fromkeys(KeyLimits.__struct_fields__), **limits}

    async def in_folder(queue: Queue) -> dict[str, Any]:
        return shown(await queue.change_key(key_id, KeyChange(limits=limits)))

    def at_server(client: Client) -> dict[str, Any]:
        return dict(client.call("PATCH", f"/v1/keys/{key_id}", body={"limits": limits}))

    with show.screen(as_json) as screen:
        changed = _either((url, key, data), at_server, in_folder)
        screen.give(changed, f"{changed['id']} ({changed['name']}): {_limits(changed['limits'])}.")


@keys.command("list")
def list_(
    *,
    url: options.Url = None,
    key: options.Key = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """List the keys, without their secrets."""

    async def in_folder(queue: Queue) -> list[dict[str, Any]]:
        from officina.web.keys import shown

        return [shown(each) for each in await queue.keys()]

    def at_server(client: Client) -> list[dict[str, Any]]:
        return [dict(each.raw) for each in client.keys()]  # noqa: SIM118

    with show.screen(as_json) as screen:
        found = _either((url, key, data), at_server, in_folder)
        rows = [
            (
                each["id"],
                each["name"],
                ", ".join(each["scopes"]),
                each["hint"],
                _limits(each.get("limits", {})),
                "revoked" if each["revoked_at"] else _day(each["last_used_at"]),
            )
            for each in found
        ]
        human: Any = (
            show.table(("ID", "NAME", "SCOPES", "KEY", "LIMITS", "LAST USED"), rows) if rows else "No keys."
        )
        screen.give({"keys": found}, human)


@keys.command("revoke")
def revoke(
    key_id: Annotated[
        str, typer.Argument(help="Id of the key, as `keys list` shows it.", show_default=False)
    ],
    *,
    cancel_waiting: Annotated[
        bool, typer.Option("--cancel-waiting", help="Cancel its waiting requests; else they still run.")
    ] = False,
    url: options.Url = None,
    key: options.Key = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Revoke a key, at once and for good."""

    from officina.web.keys import shown

    async def in_folder(queue: Queue) -> dict[str, Any]:
        return shown(await queue.revoke_key(key_id, cancel_waiting=cancel_waiting))

    def at_server(client: Client) -> dict[str, Any]:
        query = {"cancel_waiting": cancel_waiting or None}
        return dict(client.call("DELETE", f"/v1/keys/{key_id}", query=query))

    with show.screen(as_json) as screen:
        revoked = _either((url, key, data), at_server, in_folder)
        screen.give(revoked, f"{revoked['id']} ({revoked['name']}) is revoked.")


def _limits(limits: dict[str, Any]) -> str:
    """The limits of a key's own, as people read them."""
    words = {
        "rate_per_min": "{:g} a minute",
        "burst": "{} at once",
        "max_waiting": "{} waiting",
        "max_running": "{} running",
        "daily_outputs": "{} outputs a day",
        "daily_usd": "{:g} USD a day",
    }
    told = [words[name].format(value) for name, value in limits.items() if value is not None]
    return ", ".join(told) or "no limits of its own"


def _day(at: str | None) -> str:
    return at[:16].replace("T", " ") if at else "never"

"""The options that every protocol has, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import httpx
import msgspec

from officina.errors import RunError, SettingsError
from officina.fetch.address import Reach
from officina.run import Result, Run

CarryOut = Callable[[Run], Result]
"""What a protocol makes of its options: it carries runs out."""

How = Literal["auto", "url", "inline"]
"""How inputs reach the provider: by public URL where there is one, by URL alone, or inside the order."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Common(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of any provider; sizes in MiB, times in seconds."""

    protocol: str
    base_url: str
    key_env: str = ""
    plain_http: bool = False
    """Whether the secret may travel unencrypted to another machine."""
    timeout_s: float = 60.0
    """The longest silence of the provider within one call."""
    connect_s: float = 10.0
    patience_s: float = 60.0
    """For how long a provider that is busy or cannot be reached is asked again within one attempt."""
    first_wait_s: float = 0.5
    longest_wait_s: float = 5.0
    """Waits between polls and between tries grow from the first to the longest."""
    repeatable: bool = False
    """Whether runs cost nothing there, so that one whose fate is unknown may be ordered again."""
    usd_per_output: float | None = None
    inputs: How = "auto"
    max_inline_mb: int = 48
    max_output_mb: int = 64
    output_hosts: tuple[str, ...] = ()
    """Hosts or CIDRs where results lie though they are private; the provider's own is always allowed."""
    prompt_field: str = "prompt"
    size_field: str = "width×height"
    exact_size: bool = True
    """Whether a picture of another size is brought to the one that was asked for."""
    extra: dict[str, Any] = {}
    """Members added to the provider's body as they are; they win over ours."""


_O = TypeVar("_O", bound=Common)


def chosen(kind: type[_O], options: Mapping[str, Any]) -> _O:
    """Read the options of a protocol.

    Raises:
        RunError: `engine_unavailable`: one is unknown or does not fit, or would send the secret in the clear.
    """
    try:
        found = msgspec.convert(dict(options), kind)
    except msgspec.ValidationError as error:
        raise wrong(str(error)) from None
    _check_url(found)
    try:
        Reach.parse((httpx.URL(found.base_url).host, *found.output_hosts))
    except SettingsError:
        raise wrong("base_url and output_hosts must hold host names, addresses or networks") from None
    return found


def _check_url(options: Common) -> None:
    try:
        url = httpx.URL(options.base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise wrong("base_url must be an address that begins with https:// or http://")
    if url.userinfo:
        raise wrong("base_url must not hold a user name or password")
    if url.scheme == "http" and options.key_env and url.host not in _LOOPBACK and not options.plain_http:
        raise wrong(
            "base_url would send the secret unencrypted; use https, or set plain_http on a safe network"
        )


def wrong(what: str) -> RunError:
    """Say that an option is wrong; no value is repeated, since it might be a secret in the wrong place."""
    message = f"The options of this engine are wrong: {what}; only the operator of this server can mend that."
    return RunError("engine_unavailable", message, retry=False)

"""Which server a command talks to, and with which key; and how `serve` lets itself be found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from officina.settings import Settings, load

if TYPE_CHECKING:
    from officina_client import Client

ADDRESS_FILE = "address"
"""In the data folder while a server runs: its URL."""
FIRST_KEY_FILE = "first-key"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and the key for it (empty: none is sent)."""

    url: str
    key: str = field(default="", repr=False)


@contextmanager
def announced(data: Path, url: str) -> Iterator[None]:
    """Leave the address of a running server in its data folder."""
    file = data / ADDRESS_FILE
    file.write_text(url + "\n", encoding="utf-8")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find(url: str | None, key: str | None, data: Path | None = None, config: Path | None = None) -> Target:
    """The server and the key that were given, or else those of the data folder on this machine.

    The first key of a folder is an admin's, so it goes by itself only to the folder's own server.

    Raises:
        SettingsError: the settings had to be read, and they are wrong.
    """
    if url and (key or not is_loopback(url)):
        return Target(url.rstrip("/"), key or "")
    settings = load({"data": data}, config=config).settings
    own = address_of(settings)
    chosen = (url or own).rstrip("/")
    if key is None and (data or _same_server(chosen, own)):
        key = first_key(settings.data)
    return Target(chosen, key or "")


def address_of(settings: Settings) -> str:
    """Where the server of these settings answers: as it said itself, else as it will by the settings."""
    with suppress(OSError):
        if said := (settings.data / ADDRESS_FILE).read_text(encoding="utf-8").strip():
            return said
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def first_key(data: Path) -> str:
    """The first key of a data folder; empty when it is not there, or not ours to read."""
    try:
        return (data / FIRST_KEY_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine, whatever happens to the network."""
    return urlsplit(url).hostname in _LOOPBACK


def connect(target: Target, *, patient: bool = False) -> Client:
    """Open a client; `patient` ones wait out a server that is being restarted."""
    from officina_client import Client, Retry

    retry = Retry() if patient else Retry(attempts=3, first_delay_s=0.2)
    return Client(target.url, target.key, retry=retry)


def _same_server(one: str, other: str) -> bool:
    a, b = urlsplit(one), urlsplit(other)
    same_host = a.hostname == b.hostname or (a.hostname in _LOOPBACK and b.hostname in _LOOPBACK)
    return a.scheme == b.scheme and same_host and a.port == b.port

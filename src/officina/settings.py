"""The settings: one frozen value, read once, from file < environment < flags.

The only module that reads the environment. Each field carries its help; the CLI, `officina doctor` and the
reference page are made from the fields.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from officina.errors import SettingsError

PREFIX = "OFFICINA_"
NOT_OURS = frozenset({"OFFICINA_URL", "OFFICINA_KEY", "OFFICINA_CONFIG", "OFFICINA_WORKER_KEY"})
"""Variables of that prefix that are not settings: the client's, the file's place, the worker's key."""

SECRET = frozenset({"database"})

DATABASE_FILE = "officina.db"
"""The database in the data folder, unless `database` names another."""
MOVED_FILE = f"{DATABASE_FILE}.moved"
"""What it is called once its rows are in PostgreSQL."""


class EngineChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's choice of what serves a model: `[engines."bytedance/dreamina-4-0/edit"]`.

    A list of them, `[[engines."…"]]`, is in order of preference: the next one answers while one is not ready.
    """

    engine: str
    options: dict[str, Any] = {}
    deadline_s: float = 0.0
    """Longest run on this engine, in seconds; 0: the model's own."""
    max_running: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """The most runs of the model at one time, over all workers: for a provider that allows no more.

    It holds for the model whichever engine answers; of several, the smallest.
    """
    requires: tuple[Annotated[str, msgspec.Meta(pattern=r"^[^=]+=")], ...] = ()
    """Labels that a worker must have to run the model, such as `["gpu=a100"]`; those of all its engines."""


EngineChoices = EngineChoice | list[EngineChoice]


def setting(default: Any, help: str) -> Any:  # noqa: A002
    """Declare a setting with its default and its one-line help."""
    if isinstance(default, dict):
        return field(default_factory=dict, metadata={"help": help})
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """Every setting of the gateway and its local workers."""

    data: Path = setting(Path("officina-data"), "Folder of the database, the files and the first key.")
    database: str = setting(
        "", "postgresql://… to share the queue with other gateways; empty: SQLite in the data folder."
    )
    host: str = setting("127.0.0.1", "Address to listen on; any but loopback needs public_url.")
    port: int = setting(8000, "Port to listen on; 0 takes a free one.")
    public_url: str = setting("", "The URL that callers use, for absolute links and the Host check.")
    store: str = setting(
        "", "Where files are kept: s3://, gs://, az:// with a bucket, or file:///; empty: the data folder."
    )
    store_endpoint: str = setting("", "URL of an S3 server other than Amazon's; empty: the provider's own.")
    store_http: bool = setting(False, "Allow plain http to a store that is not on this machine.")
    file_urls: str = setting(
        "proxied",
        "URLs of results: `proxied` by the gateway, `signed` by the store, or the bucket's public URL.",
    )
    file_urls_s: float = setting(3600.0, "How long a signed URL holds, in seconds.")
    models: tuple[str, ...] = setting((), "Further folders of models, added to the shipped ones.")
    engines: dict[str, EngineChoices] = setting(
        {}, "Which engine serves a model, and its options; or several, in order of preference."
    )
    fall_over_paid: bool = setting(
        False, "Let the next engine take over even when a run may have begun to cost money."
    )
    when_not_ready: str = setting(
        "queue", "What a submit does while no engine of its model is ready: `queue`, or `refuse` with 503."
    )
    warm: tuple[str, ...] = setting((), "Models whose engines workers load before they take any job.")
    workers: int = setting(1, "Worker processes that serve starts on this machine.")
    slots: int = setting(1, "Concurrent runs in each of them.")
    lease_s: float = setting(30.0, "How long a silent worker keeps a job, in seconds.")
    retry_s: float = setting(
        2.0, "Delay before a failed attempt is tried again; doubles each time, in seconds."
    )
    drain_s: float = setting(30.0, "How long a stopping worker may finish its run before handing it back.")
    child_idle_s: float = setting(600.0, "An engine unused for so long is ended to free its memory.")
    max_waiting: int = setting(10_000, "Most requests of one key that may wait.")
    max_running: int = setting(0, "Most requests of one key that may run at one time; 0: no limit.")
    rate_per_min: float = setting(0.0, "Most submits of one key per minute; 0: no limit.")
    max_body_mb: int = setting(64, "Largest JSON body, in MiB.")
    max_upload_mb: int = setting(50, "Largest uploaded or fetched file, in MiB.")
    max_inflight_mb: int = setting(256, "Most bytes of large bodies in memory at once, in MiB.")
    retention_days: float = setting(7.0, "How long ended requests, their outputs and uploads are kept.")
    disk_reserve_mb: int = setting(512, "Submits are refused when less disk than this is free, in MiB.")
    strict_inputs: bool = setting(False, "Refuse unknown input fields instead of ignoring them.")
    hide_foreign: bool = setting(False, "Answer 404 instead of 403 for a request of another key.")
    single_image: bool = setting(True, "Also give `output.image` when there is exactly one picture.")
    fetch_http: bool = setting(False, "Allow plain http for public input URLs.")
    fetch_hosts: tuple[str, ...] = setting((), "Hosts or CIDRs that inputs may come from though private.")
    fetch_timeout_s: float = setting(60.0, "Longest time to fetch one input, in seconds.")
    session_days: float = setting(14.0, "How long a browser stays signed in to the pages.")
    cors_origins: tuple[str, ...] = setting((), "Origins whose pages may call the API; `*` for all.")
    metrics_listen: str = setting("", "HOST:PORT to serve /metrics without a key; empty: admin key needed.")
    log_format: str = setting("auto", "`console`, `json`, or `auto`: console on a terminal.")
    log_level: str = setting("info", "`debug`, `info`, `warning` or `error`.")

    def check(self) -> None:
        """Refuse settings that contradict each other, with a sentence.

        Raises:
            SettingsError: what is wrong and what to do.
        """
        if self.host not in {"127.0.0.1", "localhost", "::1"} and not self.public_url:
            raise SettingsError(
                f"host = {self.host!r} is reachable from outside, so public_url must say under which URL; "
                'for example public_url = "https://officina.example.org".'
            )
        if self.database and not self.database.startswith(("postgresql://", "postgres://")):
            raise SettingsError(
                "database must be empty, or a URL like postgresql://user:password@host:5432/name."
            )
        if self.public_url and not self.public_url.startswith(("http://", "https://")):
            raise SettingsError(f"public_url = {self.public_url!r} must start with http:// or https://.")
        _at_least(self, 0, "port", "workers", "retention_days", "disk_reserve_mb", "drain_s", "retry_s")
        _at_least(self, 0, "max_running", "rate_per_min")
        _at_least(self, 1, "slots", "max_waiting", "max_body_mb", "max_upload_mb", "max_inflight_mb")
        _at_least(self, 0.01, "session_days")
        _at_least(self, 0.5, "lease_s", "child_idle_s", "fetch_timeout_s")
        _one_of(self, "when_not_ready", "queue", "refuse")
        _one_of(self, "log_format", "auto", "console", "json")
        _one_of(self, "log_level", "debug", "info", "warning", "error")


@dataclass(frozen=True)
class Loaded:
    """Settings, and for each name where its value came from."""

    settings: Settings
    sources: Mapping[str, str]

    def shown(self) -> list[tuple[str, str, str]]:
        """Rows (name, value, source) for people; secrets are masked."""
        rows = []
        for each in dataclasses.fields(Settings):
            value = getattr(self.settings, each.name)
            text = "********" if each.name in SECRET and value else _text(value)
            rows.append((each.name, text, self.sources.get(each.name, "default")))
        return rows


def load(
    flags: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Read the settings: the file, then the environment, then `flags` (None values are not set).

    The file is `config`, else $OFFICINA_CONFIG, else `officina.toml` in the working folder when it exists.

    Raises:
        SettingsError: an unknown name (with the nearest known one) or a value that does not fit.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    layers = (_from_file(config, environ), _from_environment(environ), ("flag", _given(flags or {})))
    for source, layer in layers:
        for name, value in layer.items():
            _known(name, source)
            values[name] = _convert(name, value, source)
            sources[name] = f"{source} {PREFIX}{name.upper()}" if source == "environment" else source
    settings = Settings(**values)
    settings.check()
    return Loaded(settings, sources)


def worker_key(environ: Mapping[str, str] | None = None) -> str:
    """The key that a worker was started with, from OFFICINA_WORKER_KEY; empty when there is none."""
    return (os.environ if environ is None else environ).get("OFFICINA_WORKER_KEY", "")


def names() -> tuple[str, ...]:
    """The name of every setting."""
    return tuple(each.name for each in dataclasses.fields(Settings))


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _from_file(config: Path | None, environ: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    named = config or (Path(environ["OFFICINA_CONFIG"]) if environ.get("OFFICINA_CONFIG") else None)
    path = named or Path("officina.toml")
    if named is None and not path.exists():
        return "file", {}
    try:
        return f"file {path}", tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from None


def _from_environment(environ: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    found = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    return "environment", {
        name.removeprefix(PREFIX).lower(): value for name, value in found.items() if name not in NOT_OURS
    }


def _known(name: str, source: str) -> None:
    if name in names():
        return
    near = difflib.get_close_matches(name, names(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else " `officina doctor` lists every setting."
    raise SettingsError(f"Unknown setting {name!r} ({source}).{hint}")


def _convert(name: str, value: Any, source: str) -> Any:
    wanted = typing.get_type_hints(Settings)[name]
    if isinstance(value, str) and typing.get_origin(wanted) is tuple:
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, str) and typing.get_origin(wanted) is dict:
        value = _decode_table(name, value, source)
    if isinstance(wanted, type) and issubclass(wanted, Path):
        return Path(value)
    try:
        return msgspec.convert(value, wanted, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name} = {value!r} ({source}) does not fit: {error}.") from None


def _decode_table(name: str, text: str, source: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{name} ({source}) must be a JSON object: {error}.") from None


def _at_least(settings: Settings, least: float, *fields: str) -> None:
    for name in fields:
        if getattr(settings, name) < least:
            raise SettingsError(f"{name} = {getattr(settings, name)!r} must be at least {least}.")


def _one_of(settings: Settings, name: str, *allowed: str) -> None:
    if getattr(settings, name) not in allowed:
        raise SettingsError(f"{name} = {getattr(settings, name)!r} must be one of {', '.join(allowed)}.")


def _text(value: Any) -> str:
    if isinstance(value, (tuple, dict, types.MappingProxyType)):
        return str(msgspec.json.encode(value), "utf-8")
    return str(value)

"""Where the store is: the settings `store`, `store_endpoint`, `store_http` and `file_urls`, read and checked.

Credentials and regions come from the provider's usual environment variables, which obstore reads itself.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from obstore.store import AzureStore, GCSStore, S3Store

from officina import __version__
from officina.errors import SettingsError
from officina.settings import Settings

KINDS = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
LONGEST_SIGNED_S = 7 * 86400.0
"""What providers allow at most."""
_ALSO = {"s3a": "s3", "aws": "s3", "minio": "s3", "r2": "s3", "gcs": "gs", "google": "gs"}
_ALSO |= {"azure": "az", "abfs": "az", "abfss": "az", "folder": "file", "local": "file"}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_CONNECT_S, _SILENCE_S = 1.0, 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, or a bucket with a prefix in it."""

    shown: str
    """How people read it; never with a secret."""
    folder: Path | None = None
    scheme: str = ""
    bucket: str = ""
    prefix: str = ""
    endpoint: str = ""
    is_public: bool = False
    """Whether whoever fetches a file, such as a content network, may keep it."""
    options: dict[str, Any] = field(default_factory=dict)

    def open(self) -> Any:
        """The obstore object of a bucket."""
        more = {"endpoint": self.endpoint} if self.endpoint else {}
        kind: Any = KINDS[self.scheme]
        return kind(self.bucket, prefix=self.prefix or None, **self.options, **more)


def place_of(settings: Settings) -> Place:
    """Where the settings put the store.

    Raises:
        SettingsError: what is wrong with them, and what to do.
    """
    _check_file_urls(settings)
    if not settings.store:
        folder = settings.data / "files"
        return _folder(settings, folder, f"the folder {folder}")
    url = urlsplit(settings.store)
    if url.username or url.password or url.query or url.fragment:
        raise SettingsError(
            "store must be a plain address such as s3://bucket/prefix; credentials and options do not belong "
            "into it: they come from the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if url.scheme == "file":
        return _folder(settings, Path(unquote(url.path)), settings.store)
    if url.scheme not in KINDS:
        raise SettingsError(_unknown(settings.store, url))
    if not url.netloc:
        raise SettingsError(f"store = {settings.store!r} names no bucket; for example s3://bucket/prefix.")
    return _bucket(settings, url)


def _folder(settings: Settings, folder: Path, shown: str) -> Place:
    if not folder.is_absolute() and settings.store:
        raise SettingsError(f"store = {settings.store!r} must name a folder from the root: file:///folder.")
    if settings.file_urls != "proxied":
        raise SettingsError(
            f"file_urls = {settings.file_urls!r} needs an object store; for files in a folder leave it "
            '"proxied", or set store to a bucket.'
        )
    return Place(shown, folder)


def _bucket(settings: Settings, url: SplitResult) -> Place:
    if settings.store_endpoint:
        _check_endpoint(settings, url.scheme)
    return Place(
        shown=settings.store,
        scheme=url.scheme,
        bucket=url.netloc,
        prefix=url.path.strip("/"),
        endpoint=settings.store_endpoint,
        is_public=settings.file_urls.startswith("http"),
        options=_options(settings),
    )


def _options(settings: Settings) -> dict[str, Any]:
    """Few tries and short times: a dead store shall be told of at once, by us."""
    plain = settings.store_http or settings.store_endpoint.startswith("http://")
    return {
        "client_options": {
            "allow_http": plain,
            "connect_timeout": timedelta(seconds=_CONNECT_S),
            "read_timeout": timedelta(seconds=_SILENCE_S),
            "timeout": timedelta(hours=1),
            "user_agent": f"officina/{__version__}",
        },
        "retry_config": {
            "max_retries": 1,
            "retry_timeout": timedelta(seconds=3),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(milliseconds=300),
                "base": 2,
            },
        },
    }


def _check_endpoint(settings: Settings, scheme: str) -> None:
    url = urlsplit(settings.store_endpoint)
    if scheme == "gs":
        raise SettingsError("store_endpoint is for s3:// and az:// alone; leave it empty for gs://.")
    if url.scheme not in {"http", "https"} or not url.hostname or url.username or url.query:
        raise SettingsError("store_endpoint must be a plain URL such as https://minio.example.org:9000.")
    if url.scheme == "http" and url.hostname not in _LOOPBACK and not settings.store_http:
        raise SettingsError(
            f"store_endpoint = {settings.store_endpoint!r} would send pictures in the clear; use https, or "
            "set store_http = true where the network between is private."
        )


def _check_file_urls(settings: Settings) -> None:
    how = settings.file_urls
    url = urlsplit(how)
    is_base = url.scheme in {"http", "https"} and bool(url.hostname) and not url.query
    if how not in {"proxied", "signed"} and not is_base:
        raise SettingsError(
            f'file_urls = {how!r} must be "proxied", "signed", or the public URL of the bucket, such as '
            "https://cdn.example.org."
        )
    if not 1 <= settings.file_urls_s <= LONGEST_SIGNED_S:
        raise SettingsError(
            f"file_urls_s = {settings.file_urls_s!r} must be from 1 to {LONGEST_SIGNED_S:.0f} seconds."
        )


def _unknown(store: str, url: SplitResult) -> str:
    if url.scheme in {"http", "https"}:
        return (
            f'store = {store!r} is the address of a server; give store = "s3://bucket/prefix", and this '
            "address as store_endpoint."
        )
    known = [*KINDS, "file"]
    near = _ALSO.get(url.scheme) or next(iter(difflib.get_close_matches(url.scheme, known, n=1)), "")
    hint = f"did you mean {near}://?" if near else f"it takes {', '.join(f'{each}://' for each in known)}."
    return f"store = {store!r} has no scheme that is known: {hint}"

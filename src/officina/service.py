"""The service: everything a gateway needs, built from settings; started and stopped as one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import math
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog

from officina import catalog as catalogs
from officina.catalog import Catalog
from officina.crew import Crew
from officina.errors import DiskFull, FolderInUse, SettingsError, Unavailable
from officina.examples import Examples
from officina.explain import did_you_mean
from officina.fetch.address import Reach, is_local
from officina.file_urls import FileUrls
from officina.job import new_secret
from officina.keyring import Keyring
from officina.keys import KeyLimits, mint
from officina.link import FetchPolicy
from officina.metrics import Metrics
from officina.model import Model
from officina.pace import Pace
from officina.probe import Probes
from officina.queue.protocol import Queue, Terms, Want
from officina.queue.sqlite import open_sqlite
from officina.readiness import Outages, Readiness, answering, for_worker
from officina.sessions import Sessions, cookie_name
from officina.settings import DATABASE_FILE, MOVED_FILE, Settings
from officina.store import Place, Store, open_store, place_of
from officina.submit import Intake, Limits
from officina.sweep import keep_sweeping

log = structlog.get_logger("officina.service")

MIB = 2**20
DISK_FRESH_S = 1.0


class Budget:
    """Bytes of large request bodies that may be in memory at once, over all connections."""

    def __init__(self, most_bytes: int) -> None:
        self._free_bytes = most_bytes

    def take(self, size_bytes: int) -> None:
        """Reserve; raises Unavailable when too much is under way."""
        if size_bytes > self._free_bytes:
            raise Unavailable("Too many large requests are under way; try again shortly.", retry_after=1)
        self._free_bytes -= size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Release what was reserved."""
        self._free_bytes += size_bytes


@dataclass(slots=True)
class Gateway:
    """The parts that the HTTP routes work with."""

    settings: Settings
    public_url: str
    catalog: Catalog
    queue: Queue
    place: Place
    store: Store
    file_urls: FileUrls
    keyring: Keyring
    sessions: Sessions
    examples: Examples
    intake: Intake
    probes: Probes
    bodies: Budget
    crew: Crew
    metrics: Metrics = field(default_factory=Metrics)
    pace: Pace = field(default_factory=Pace)
    outages: Outages = field(default_factory=Outages)
    started_at: float = field(default_factory=time.time)
    leaving: bool = False
    """Whether it shall get no new callers: its workers drain, and it answers until they have."""
    stopping: bool = False
    first_key: str = ""
    """The secret of the first key, when this start made it."""
    _disk_checked_at: float = float("-inf")
    _disk_ok: bool = True

    @property
    def cookie_name(self) -> str:
        """The cookie of a browser's session."""
        return cookie_name(self.public_url)

    def wants(
        self, engines: Sequence[str], warm: Sequence[str], labels: Mapping[str, str] | None = None
    ) -> list[Want]:
        """The models that a worker with these engines and labels shall run, and with which of them."""
        has = set((labels or {}).items())
        models = [each.model for each in self.catalog.entries.values() if has.issuperset(each.model.requires)]
        offered = self.crew.engines()
        chosen = [
            (model, for_worker(model, self.outages, self._offered(model, offered), engines))
            for model in models
        ]
        return [
            Want(model.id, each.engine, model.id in warm, model.max_running) for model, each in chosen if each
        ]

    def served_by(self, engines: Sequence[str]) -> list[str]:
        """The ids of the models that these engines can run, whoever is preferred at the moment."""
        models = [entry.model for entry in self.catalog.entries.values()]
        return [model.id for model in models if any(each.engine in engines for each in model.choices)]

    def engines(self) -> list[str]:
        """The engines that some model is served by."""
        models = [entry.model for entry in self.catalog.entries.values()]
        return sorted({each.engine for model in models for each in model.choices})

    def offered(self, model: Model) -> set[str]:
        """The engines of the workers that were heard of lately, take jobs, and may run the model."""
        return self.crew.engines(model.requires)

    def _offered(self, model: Model, by_all: set[str]) -> set[str]:
        return self.offered(model) if model.requires else by_all

    def slots(self, engine: str) -> int:
        """How many runs of an engine can go on at once, over all workers that were heard of lately."""
        return sum(each.said.slots for each in self.crew.there() if engine in each.said.engines)

    def readiness(self, model: Model) -> Readiness:
        """Which engine answers for a model now, or why none does."""
        return answering(model, self.outages, self.offered(model))

    def fetch_policy(self) -> FetchPolicy:
        """What workers may fetch, by the operator's settings."""
        return fetch_policy(self.settings)

    @property
    def public_files_url(self) -> str:
        """Where anybody can fetch our files, up to their name; empty when nobody outside can."""
        url = urlsplit(self.public_url)
        public = url.scheme == "https" and not is_local(url.hostname or "")
        return f"{self.public_url}/files/" if public else ""

    def check_disk(self) -> None:
        """Raise DiskFull when less is free than the reserve, before anything is written."""
        now = time.monotonic()
        if now - self._disk_checked_at > DISK_FRESH_S:
            beside = self.store.free_bytes()  # files may lie on a disk of their own
            free = min(shutil.disk_usage(self.settings.data).free, beside if beside is not None else math.inf)
            self._disk_ok = free >= self.settings.disk_reserve_mb * MIB
            self._disk_checked_at = now
        if not self._disk_ok:
            raise DiskFull(
                f"Less than {self.settings.disk_reserve_mb} MiB of the disk are free, so nothing new "
                "is accepted; the operator must free space or lower disk_reserve_mb."
            )

    def stop(self) -> None:
        """Let every long wait end, so that connections can close."""
        self.stopping = True
        self.queue.wakes.notify(["stop"])


@contextlib.asynccontextmanager
async def open_gateway(settings: Settings, public_url: str) -> AsyncIterator[Gateway]:
    """Open the data folder and build the gateway; sweeps run until the context ends.

    Raises:
        OperatorError: another server uses the folder, the database is damaged or newer, a model is wrong.
    """
    Reach.parse(settings.fetch_hosts)
    place_of(settings)
    with lock(settings.data):
        catalog = load_catalog(settings)
        terms = Terms(
            lease_s=settings.lease_s,
            retry_base_s=settings.retry_s,
            retention_s=settings.retention_days * 86400.0,
            limits=usual_limits(settings),
        )
        queue = await open_queue(settings, terms)
        try:
            gateway = build(settings, public_url, catalog, queue)
            await _try_store(gateway)
            gateway.first_key = await first_key(settings.data, queue)
            await queue.lose(local_workers(settings.data))
            await gateway.crew.refresh()
            async with _sweeping(gateway), gateway.probes:
                yield gateway
            await gateway.keyring.flush()
        finally:
            await queue.close()


def fetch_policy(settings: Settings) -> FetchPolicy:
    """What may be fetched, by the operator's settings."""
    return FetchPolicy(
        allow_http=settings.fetch_http,
        allow_hosts=settings.fetch_hosts,
        max_file_bytes=settings.max_upload_mb * MIB,
        total_timeout_s=settings.fetch_timeout_s,
    )


def _mark(settings: Settings) -> str:
    """A mark of the terms that workers are told: gateways with the same settings have the same."""
    told = msgspec.json.encode([settings.lease_s, fetch_policy(settings)])
    return hashlib.sha256(told).hexdigest()[:16]


def usual_limits(settings: Settings) -> KeyLimits:
    """The limits of keys that have none of their own."""
    return KeyLimits(
        rate_per_min=settings.rate_per_min or None,
        max_waiting=settings.max_waiting,
        max_running=settings.max_running or None,
    )


def refuse_moved(data: Path) -> None:
    """Raise SettingsError when the database of a folder was moved, so that none is begun in its place."""
    if (data / MOVED_FILE).exists() and not (data / DATABASE_FILE).exists():
        raise SettingsError(
            f"The database of {data} was moved to PostgreSQL: set `database` to where it is now. To go back "
            f"to what it was before, rename {MOVED_FILE} to {DATABASE_FILE}."
        )


async def open_queue(settings: Settings, terms: Terms) -> Queue:
    """Open the queue that the settings name. Raises OperatorError."""
    if not settings.database:
        refuse_moved(settings.data)
        return open_sqlite(settings.data / DATABASE_FILE, terms)
    if (settings.data / DATABASE_FILE).exists():
        sentence = f"{DATABASE_FILE} in the data folder is not looked at: `officina migrate` moves it."
        log.warning("old_database", message=sentence)
    from officina.queue.postgres import open_postgres

    return await open_postgres(settings.database, terms)


def local_workers(data: Path) -> str:
    """How the names of the workers begin that a gateway starts itself: its own, by the name of its folder.

    Others may work on the same queue, so the name is made once and kept in the folder.
    """
    path = data / "gateway"
    if not path.exists():
        fresh = path.with_name("gateway.new")  # a kill leaves no empty name behind
        fresh.touch(mode=0o600)
        fresh.write_text(new_secret()[:12], encoding="ascii")
        fresh.replace(path)
    return f"local-{path.read_text(encoding='ascii')}-"


def build(settings: Settings, public_url: str, catalog: Catalog, queue: Queue) -> Gateway:
    """Put the parts together."""
    place = place_of(settings)
    store = open_store(place)
    limits = Limits(
        strict=settings.strict_inputs,
        max_waiting=settings.max_waiting,
        max_file_bytes=settings.max_upload_mb * MIB,
        retention_s=settings.retention_days * 86400.0,
        file_urls=_file_urls(public_url),
    )
    keyring = Keyring(queue)
    return Gateway(
        settings=settings,
        public_url=public_url,
        catalog=catalog,
        queue=queue,
        place=place,
        store=store,
        file_urls=FileUrls(settings, public_url, queue, store),
        keyring=keyring,
        sessions=Sessions(queue, keyring, settings.session_days * 86400.0),
        examples=Examples(queue, store),
        intake=Intake(catalog, queue, store, limits),
        probes=Probes(queue, store, fetch_policy(settings)),
        bodies=Budget(settings.max_inflight_mb * MIB),
        crew=Crew(queue, public_url, _mark(settings)),
    )


async def _try_store(gateway: Gateway) -> None:
    """Find out at the start whether files can be kept. A silent store is waited for: it may come back.

    Raises:
        SettingsError: it never will work like this.
    """
    try:
        await gateway.store.probe()
    except Unavailable as error:
        log.warning("store_away", message=error.message)


def load_catalog(settings: Settings) -> Catalog:
    """The shipped models, the operator's folders, and the operator's choice of engines."""
    missing = next((folder for folder in settings.models if not Path(folder).is_dir()), None)
    if missing:
        raise SettingsError(f"models names the folder {missing}, which does not exist.")
    catalog = catalogs.load(catalogs.folders(settings.models), settings.engines)
    unknown = next((each for each in settings.warm if catalog.get(each) is None), None)
    if unknown:
        hint = did_you_mean(unknown, catalog.entries)
        raise SettingsError(f"warm names {unknown!r}, which is not a model here{hint}")
    return catalog


async def first_key(data: Path, queue: Queue) -> str:
    """Make the first key when there is none: admin and caller, kept in `first-key`; its secret."""
    if await queue.keys():
        return ""
    key, secret = mint("first key", ("caller", "admin"))
    path = data / "first-key"
    path.touch(mode=0o600)
    path.write_text(secret + "\n", encoding="ascii")
    if await queue.add_first_key(key):
        return secret
    path.unlink()  # another gateway was quicker
    return ""


@contextlib.contextmanager
def lock(data: Path) -> Iterator[None]:
    """Hold the data folder for this process alone. Raises FolderInUse, SettingsError."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"The data folder {data} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise FolderInUse(
            f"Another officina server is using the data folder {data}; stop it, or give another folder "
            "with --data."
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.asynccontextmanager
async def _sweeping(gateway: Gateway) -> AsyncIterator[None]:
    task = asyncio.create_task(
        keep_sweeping(
            gateway.queue, gateway.store, gateway.keyring, gateway.crew, gateway.catalog.entries.keys()
        )
    )
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _file_urls(public_url: str) -> tuple[str, ...]:
    """Under which URLs our own files are known; loopback goes by more than one name."""
    urls = [f"{public_url}/files/"]
    for name in ("127.0.0.1", "localhost", "[::1]"):
        if f"//{name}:" in public_url:
            urls += [urls[0].replace(name, other, 1) for other in ("127.0.0.1", "localhost", "[::1]")]
    return tuple(dict.fromkeys(urls))

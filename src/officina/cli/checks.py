"""What `officina doctor` looks at, each finding with what to do about it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from officina.cli import folder, target
from officina.model import Model
from officina.settings import DATABASE_FILE, MOVED_FILE, Settings

Grade = Literal["ok", "warn", "fail"]
MIB = 2**20
_OLDEST_PYTHON = (3, 11)
_PROBE_S = 60.0
_LIBRARIES = "import cv2, numpy, onnxruntime, PIL; print(onnxruntime.__version__, cv2.__version__)"
_WEIGHTS_TABLE = "README.md"
_WEIGHT = re.compile(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, and a hint where it is not well."""

    about: str
    grade: Grade
    text: str
    hint: str = ""


Findings = Iterator[Finding]


def program() -> Findings:
    """Python, SQLite, and the libraries of the collage engine."""
    from officina import __version__

    version = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    is_new = sys.version_info >= _OLDEST_PYTHON
    yield Finding("officina", "ok" if is_new else "fail", f"{__version__} on {version}")
    yield _sqlite()
    yield _libraries()
    yield Finding("umask", "ok", f"{_umask():03o}; what the server writes is for its user alone in any case")


def _sqlite() -> Finding:
    import apsw

    from officina.queue.sqlite import OLDEST_SQLITE

    version = apsw.sqlitelibversion()
    if tuple(int(part) for part in version.split(".")) >= OLDEST_SQLITE:
        return Finding("SQLite", "ok", f"{version} (apsw)")
    return Finding("SQLite", "fail", f"{version} is too old", "Install a current apsw.")


def _libraries() -> Finding:
    """Import what the engine imports, in a process of its own: a broken library may end it."""
    command = [sys.executable, "-c", _LIBRARIES]
    quiet = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROBE_S, check=False, env=quiet
        )
    except subprocess.TimeoutExpired:
        return Finding(
            "Engine libraries", "fail", f"not imported in {_PROBE_S:g} s", "Is the disk very slow?"
        )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return Finding("Engine libraries", "fail", why, "Install officina again in a clean environment.")
    onnxruntime, opencv = done.stdout.split()
    return Finding("Engine libraries", "ok", f"onnxruntime {onnxruntime}, OpenCV {opencv}")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def weights() -> Findings:
    """The nets of the collage engine, against the table that is shipped with them."""
    from officina import engines

    place = Path(engines.__file__).parent / "collage" / "weights"
    try:
        digests = dict(_WEIGHT.findall((place / _WEIGHTS_TABLE).read_text(encoding="utf-8")))
    except OSError:
        digests = {}
    wrong = [name for name, digest in digests.items() if _digest(place / name) != digest]
    if digests and not wrong:
        yield Finding("Weights", "ok", f"{len(digests)} files as shipped")
        return
    text = f"damaged or missing: {', '.join(wrong)}" if wrong else "their table is missing"
    yield Finding("Weights", "fail", text, "Install officina again.")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def catalog(settings: Settings) -> Findings:
    """The models, and whether an engine serves each."""
    from officina import catalog as catalogs
    from officina.errors import OfficinaError

    try:
        found = catalogs.load(catalogs.folders(settings.models), settings.engines)
    except OfficinaError as error:
        yield Finding("Catalog", "fail", error.message)
        return
    yield Finding("Catalog", "ok", f"{len(found.entries)} models")
    for entry in found.entries.values():
        yield _answering(entry.model)


def _answering(model: Model) -> Finding:
    """Which engine of a model would answer on this machine, and what those lack that would be preferred."""
    from officina import engines

    lacks = [(each.engine, engines.lacking(each.engine, each.options)) for each in model.choices]
    able = next((engine for engine, lack in lacks if not lack), None)
    reasons = "; ".join(f"{engine}: {lack}" for engine, lack in lacks if lack)
    if able is None:
        hint = "A worker elsewhere must have it, or its requests wait."
        return Finding("Engine", "warn", f"nothing here can run {model.id} ({reasons})", hint)
    text = f"{able} answers for {model.id}" + (f" ({reasons})" if reasons else "")
    return Finding("Engine", "warn" if reasons else "ok", text)


def data(settings: Settings) -> Findings:
    """The data folder: who may read it, who uses it, how full its disk is, whether its database is sound."""
    place = settings.data
    if not place.is_dir():
        yield Finding("Data folder", "warn", f"{place} does not exist", "`officina serve` makes it.")
        return
    yield _permissions(place)
    in_use = folder.is_locked(place)
    yield Finding("In use", "ok", "by a running server" if in_use else "by nobody")
    free_mb = shutil.disk_usage(place).free // MIB
    reserve = settings.disk_reserve_mb
    hint = "Submits are refused: free some space, or lower disk_reserve_mb."
    enough = free_mb >= reserve
    text = f"{free_mb:,} MiB free, {reserve:,} kept in reserve"
    yield Finding("Disk", "ok" if enough else "fail", text, "" if enough else hint)
    if settings.database:
        yield from _left_behind(place)
    elif (place / MOVED_FILE).exists() and not (place / DATABASE_FILE).exists():
        text = "was moved to PostgreSQL, which `database` does not name"
        yield Finding("Database", "fail", text, "Set `database` to where it is now.")
    elif (place / DATABASE_FILE).exists():
        yield _database(place / DATABASE_FILE)


def _left_behind(place: Path) -> Findings:
    if (place / DATABASE_FILE).exists():
        text = f"{DATABASE_FILE} lies in the data folder, and is not looked at: `database` is set"
        hint = "`officina migrate` moves it. When that was done, move the file away."
        yield Finding("Old database", "warn", text, hint)


def _permissions(place: Path) -> Finding:
    found = place.stat()
    mode = stat.S_IMODE(found.st_mode)
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding("Data folder", "fail", f"{place} cannot be written", "Run as the user that owns it.")
    if mode & 0o077:
        hint = f"It holds keys and pictures: chmod 700 {place}"
        return Finding("Data folder", "warn", f"{place} is open to others ({mode:03o})", hint)
    return Finding("Data folder", "ok", f"{place} ({mode:03o})")


def _database(path: Path) -> Finding:
    import apsw

    from officina.queue.sqlite import VERSION

    damaged = "Stop the server and restore a back-up into a new folder."
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(5000)
            version = db.pragma("user_version")
            said = "; ".join(row[0] for row in db.execute("PRAGMA quick_check(3)"))
        finally:
            db.close()
    except apsw.Error as error:
        return Finding("Database", "fail", f"cannot be read: {error}", damaged)
    if said != "ok":
        return Finding("Database", "fail", f"damaged: {said}", damaged)
    if version > VERSION:
        text = f"of version {version}; this officina knows {VERSION}"
        return Finding("Database", "fail", text, "Upgrade officina.")
    return Finding("Database", "ok", f"sound, version {version}, {path.stat().st_size / MIB:,.1f} MiB")


def server(settings: Settings, found: target.Target) -> Findings:
    """The server of this folder, or the one that was named, and its workers."""
    from officina_client import ConnectionProblem, OfficinaApiError

    try:
        with target.connect(found) as client:
            ready = client.call("GET", "/readyz")
    except ConnectionProblem:
        locked = folder.is_locked(settings.data)
        hint = (
            f"One runs on {settings.data}: look at its log." if locked else "Start it with `officina serve`."
        )
        yield Finding("Server", "fail" if locked else "warn", f"nothing answers at {found.url}", hint)
        return
    except OfficinaApiError as error:
        yield Finding("Server", "fail", f"{found.url}: {error.message}")
        return
    yield Finding("Server", "ok", f"{found.url} is {ready.get('status')}")
    workers = ready.get("workers", 0)
    hint = "" if workers else "Requests wait: set workers to 1 or more, or start `officina worker`."
    yield Finding("Workers", "ok" if workers else "warn", f"{workers} heard of in the last minute", hint)


def exposure(settings: Settings) -> Findings:
    """Whether keys would travel in the clear."""
    url = urlsplit(settings.public_url)
    if url.scheme == "http" and not target.is_loopback(settings.public_url):
        hint = "Put a proxy with TLS in front, and give its https:// URL."
        yield Finding("public_url", "warn", f"{settings.public_url} shows keys to the network", hint)


def store(settings: Settings) -> Findings:
    """Where files are kept, whether that works, and how they are delivered."""
    import asyncio

    from officina.errors import OfficinaError
    from officina.store import open_store, place_of

    try:
        place = place_of(settings)
        if place.folder and not place.folder.is_dir():
            yield Finding("Store", "ok", f"{place.shown}, not made yet; {_delivery(settings)}")
            return
        asyncio.run(open_store(place).probe())
    except OfficinaError as error:
        yield Finding("Store", "fail", error.message)
        return
    yield Finding("Store", "ok", f"{place.shown} can be read and written; {_delivery(settings)}")


def _delivery(settings: Settings) -> str:
    how = {
        "proxied": "files are delivered by the gateway",
        "signed": f"results carry signed URLs, good for {settings.file_urls_s:g} s",
    }
    return how.get(settings.file_urls, f"results carry URLs of {settings.file_urls}")


CHECKS: tuple[Callable[[Settings], Findings], ...] = (exposure, catalog, data, store)
"""What follows from the settings alone."""

"""`python benchmarks/pages.py`: the CPU of each page, beside a bare Starlette route with the same bytes."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import apsw
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from benchmarks.folder import BODY, MODEL
from benchmarks.report import table
from officina.job import new_id
from officina.keys import Key, mint
from officina.service import Gateway, open_gateway
from officina.settings import Settings
from officina.web.app import build

URL = "http://127.0.0.1:8000"
ROUNDS, CALLS = 15, 15
MOST_MS = 5.0
"""What a page may cost."""
FEW, SHOWN, MANY = 10, 24, 10_000
"""Lengths of libraries: less than a page of them, a whole one, and hundreds."""
DAYS_S = 30 * 86_400.0
"""The library grew over this time."""
PAGES = (
    ("explore", "/it/", MANY),
    ("API", f"/it/models/{MODEL}/api", MANY),
    ("playground", f"/it/models/{MODEL}", MANY),
    (f"generations, {FEW}", "/it/generations", FEW),
    (f"generations, {SHOWN}", "/it/generations", SHOWN),
    (f"generations, {MANY:,}", "/it/generations", MANY),
    (f"generations, {MANY:,}, one state", "/it/generations?state=failed", MANY),
    ("one generation", "/it/generations/{last}", MANY),
    ("keys", "/it/keys", MANY),
    ("usage", "/it/usage", MANY),
    ("usage, a year", "/it/usage?from={a_year_ago}", MANY),
    ("operate", "/it/operate", MANY),
    ("sign-in", "/it/sign-in", 0),
)
"""Name, path, and the reader by the length of the library; 0 is not signed in."""


class Figures(msgspec.Struct, frozen=True):
    """One page: CPU of a render, that of the same bytes from a bare route, and how many bytes they are."""

    name: str
    page_ms: float
    bare_ms: float
    size_bytes: int


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="officina-bench-") as name:
        found = asyncio.run(_measure(Path(name)))
    rows = [
        [
            each.name,
            f"{each.page_ms:.2f}",
            f"{each.page_ms / each.bare_ms:.0f}",
            f"{each.size_bytes / 1000:.0f}",
            "met" if each.page_ms <= MOST_MS else "MISSED",
        ]
        for each in found
    ]
    print(table(["page, signed in", "CPU ms", "of a bare route", "kB", f"at most {MOST_MS:g} ms"], rows))
    few, many = (next(each for each in found if each.name == f"generations, {n:,}") for n in (SHOWN, MANY))
    ratio = many.page_ms / few.page_ms
    print(f"\n{MANY:,} generations cost {ratio:.2f} of {SHOWN}, in CPU; a page shows {SHOWN}")


async def _measure(folder: Path) -> list[Figures]:
    async with open_gateway(Settings(data=folder / "data", retention_days=365), URL) as gateway:
        readers = {0: ("", ""), **{n: await _reader(gateway, folder / "data", n) for n in (FEW, SHOWN, MANY)}}
        words = {
            "last": readers[MANY][1],
            "a_year_ago": time.strftime("%Y-%m-%d", time.gmtime(time.time() - 364 * 86400)),
        }
        app = build(gateway)
        found = []
        for name, path, n in PAGES:
            print(name, file=sys.stderr, flush=True)
            cookie = f"{gateway.cookie_name}={readers[n][0]}" if n else ""
            found.append(await _page(app, name, path.format(**words), cookie))
    return found


async def _page(app: ASGIApp, name: str, path: str, cookie: str) -> Figures:
    """Page and bare route in turns; the best of the rounds, since what else the machine does only adds."""
    body = await _get(app, path, cookie)
    bare = _bare(path.partition("?")[0], body)
    pages: list[float] = []
    bares: list[float] = []
    for _ in range(ROUNDS):
        pages.append(await _cpu_ms(app, path, cookie))
        bares.append(await _cpu_ms(bare, path, cookie))
    return Figures(name, min(pages), min(bares), len(body))


def _bare(path: str, body: bytes) -> ASGIApp:
    async def same(request: Request) -> Response:  # noqa: ARG001
        return Response(body, media_type="text/html")

    return Starlette(routes=[Route(path, same)])


async def _cpu_ms(app: ASGIApp, path: str, cookie: str) -> float:
    """CPU of one call, of all threads: the lists are read in one."""
    began = time.process_time()
    for _ in range(CALLS):
        await _get(app, path, cookie)
    return 1000 * (time.process_time() - began) / CALLS


async def _get(app: ASGIApp, path: str, cookie: str) -> bytes:
    """The body that an ASGI server would send. Raises SystemExit for any status but 200."""
    parts: list[bytes] = []
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    place, _, query = path.partition("?")
    headers = [(b"host", b"127.0.0.1:8000"), (b"accept", b"text/html"), (b"cookie", cookie.encode())]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": place,
        "raw_path": place.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    if status != 200:
        raise SystemExit(f"{path} answered {status}")
    return b"".join(parts)


async def _reader(gateway: Gateway, data: Path, runs: int) -> tuple[str, str]:
    """A signed-in reader with so many runs behind them: the cookie, and the id of the last run."""
    key, secret = mint(f"reader of {runs}", ("caller", "admin"))
    await gateway.queue.add_key(key)
    last = await asyncio.to_thread(_fill, data, key, runs)
    return await gateway.sessions.sign_in(secret, "127.0.0.1"), last


def _fill(data: Path, key: Key, runs: int) -> str:
    db = apsw.Connection(str(data / "officina.db"))
    db.set_busy_timeout(5000)
    rows = list(_rows(key, runs))
    with db:
        db.executemany(
            "INSERT INTO jobs (id, model, key_id, level, tag, state, input, words, created_at, max_attempts,"
            " attempts, engine, started_at, finished_at, output, error)"
            " VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, 3, 1, 'collage', ?, ?, ?, ?)",
            rows,
        )
        db.executemany(
            "INSERT OR REPLACE INTO usage (day, model, key_id, succeeded, failed, cancelled, outputs,"
            " run_s, cost_usd)"
            " VALUES (date('now', ?), ?, ?, 30, 2, 1, 30, 90, 0.9)",
            [(f"-{day} days", MODEL, key.id) for day in range(365)],
        )
    db.close()
    return str(rows[-1][0])


def _rows(key: Key, runs: int) -> Iterator[tuple[Any, ...]]:
    """Runs as they stand once they have ended: of ten, nine made a picture, one failed."""
    began = time.time() - DAYS_S
    error = msgspec.json.encode({"type": "url_timeout", "message": "the file had not arrived."})
    for n in range(runs):
        at = began + n * DAYS_S / runs
        output = msgspec.json.encode({"images": [f"{n:032x}.png"]})
        ended = ("failed", None, error) if n % 10 == 5 else ("succeeded", output, None)
        state, made, failure = ended
        words = "a beautiful girl is sitting on the boat"
        yield new_id(), MODEL, key.id, float(n), state, BODY, words, at, at + 1, at + 4, made, failure


if __name__ == "__main__":
    main()

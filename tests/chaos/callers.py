"""The load: callers who submit, follow, wait, cancel and read files through whatever happens, and note what they were told."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp
from road_engines import png
from road_server import ECHO, PATIENT

PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=15)
MOST_OPEN = 8
"""How many requests of one caller may not have ended before it makes another."""
FOLLOW_S = 10.0
"""How long a caller follows one request; what has not ended then is looked at in the end."""
GATEWAY = re.compile(r"http://127\.0\.0\.1:\d+")
BROKEN = (aiohttp.ClientError, TimeoutError, OSError)


class Wish(NamedTuple):
    """What a caller asks for: a model, the engine's word, how long it takes, and how it may end."""

    model: str
    word: str
    seconds: float
    ends: frozenset[str]


WELL, BADLY = frozenset({"succeeded", "cancelled"}), frozenset({"failed", "cancelled"})
WISHES = {
    Wish(PATIENT, "give", 0, WELL): 40,
    Wish(PATIENT, "give", 0.1, WELL): 20,
    Wish(PATIENT, "give", 0.5, WELL): 15,
    Wish(PATIENT, "stumble", 0, WELL): 8,
    Wish(PATIENT, "crash_once", 0, WELL): 4,
    Wish(PATIENT, "refuse", 0, BADLY): 5,
    Wish(ECHO, "fail", 0, BADLY): 4,
    Wish(ECHO, "crash", 0, BADLY): 3,
    Wish(ECHO, "hang", 0, BADLY): 1,
}
"""Every kind of request, and how often it is made compared with the others."""


@dataclass
class Asked:
    """One acknowledged request, and all that its caller was told of it."""

    request_id: str
    wish: Wish
    digests: Sequence[str]
    """Of the pictures that went in, and have to come out; none where the engine makes its own."""
    result: str = ""
    """The first ended result, as it was read."""
    was_cancelled: bool = False
    """Whether a cancel was answered with `cancelled`."""
    events: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass
class Told:
    """What all callers together were told, and what contradicts the promise."""

    asked: dict[str, Asked] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """By idempotency key, the request that was answered."""
    broken: list[str] = field(default_factory=list)
    """Results, events and files that were not what they had been or had to be; in words."""
    strange: list[str] = field(default_factory=list)
    """Answers that no kill explains; in words."""
    unanswered: list[str] = field(default_factory=list)
    """Calls whose connection broke, or that were told to come again; in words."""
    repeated: int = 0
    """Submits that were sent again because nobody had answered them."""
    files_read: int = 0

    def result(self, found: dict[str, Any]) -> None:
        """Note an ended result; one that differs from the first is a contradiction."""
        asked = self.asked[found["request_id"]]
        text = GATEWAY.sub("", json.dumps(found, sort_keys=True))
        asked.result = asked.result or text
        if asked.result != text:
            self.broken.append(f"{asked.request_id} showed two results: {asked.result} and {text}")

    def event(self, asked: Asked, n: int, kind: str, data: str) -> None:
        """Note an event; one that was told before must be the same."""
        if n <= len(asked.events):
            if asked.events[n - 1] != (n, kind, data):
                self.broken.append(f"{asked.request_id} told two events {n}: {asked.events[n - 1]}, {data}")
        elif n == len(asked.events) + 1:
            asked.events.append((n, kind, data))
        else:
            self.broken.append(f"{asked.request_id} left out events before {n}")


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


class Line:
    """The way to whichever gateway answers, for one key."""

    def __init__(self, urls: Sequence[str], key: str, dice: random.Random, told: Told) -> None:
        self._urls = urls
        self._dice = dice
        self._told = told
        headers = {"Authorization": f"Bearer {key}"}
        # A connection for each call: one that is kept may be closed by its other end in the very moment of a
        # call, of which no caller can know whether it was heard.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        self.http = aiohttp.ClientSession(headers=headers, timeout=PATIENCE, connector=connector)

    def any(self) -> str:
        """One of the gateways."""
        return self._dice.choice(self._urls)

    async def ask(self, method: str, path: str, **options: Any) -> Answer | None:
        """Ask once; None when the connection broke, or the gateway says that it cannot at the moment."""
        try:
            async with self.http.request(method, self.any() + path, **options) as answer:
                found = Answer(answer.status, await answer.read())
        except BROKEN as error:
            return await self._later(f"{method} {path}: {error!r}")
        if found.status == 503:
            return await self._later(f"{method} {path}: {found.body!r}")
        if found.status >= 400:
            self._told.strange.append(f"{method} {path} was answered {found.status}: {found.body[:300]!r}")
        return found

    async def _later(self, why: str) -> None:
        self._told.unanswered.append(why)
        await asyncio.sleep(self._dice.uniform(0, 0.2))

    async def insist(self, method: str, path: str, **options: Any) -> Answer:
        """Ask until there is an answer."""
        while (found := await self.ask(method, path, **options)) is None:
            """Whoever asks has to wait."""
        return found


class Caller:
    """Makes one request after the other, each in its own way, until told that it is over."""

    def __init__(self, line: Line, told: Told, dice: random.Random, over: asyncio.Event) -> None:
        self._line = line
        self._told = told
        self._dice = dice
        self._over = over
        self._pictures: list[tuple[str, str]] = []
        self._mine: list[Asked] = []

    async def call(self) -> None:
        """Make requests until it is over, a few at a time, and follow some of them."""
        async with self._line.http:
            while not self._over.is_set():
                for _ in range(self._dice.randint(1, 4)):
                    await self._submit()
                open_ones = [each for each in self._mine if not each.result]
                if open_ones:
                    await self._live_through(self._dice.choice(open_ones))
                await self._look_back()
                while self._too_many():
                    await self._look_back(wait=3)

    def _too_many(self) -> bool:
        """Whether so many of its requests have not ended that it makes no more for now."""
        return not self._over.is_set() and sum(not each.result for each in self._mine) > MOST_OPEN

    async def _submit(self) -> None:
        (wish,) = self._dice.choices(list(WISHES), list(WISHES.values()))
        pictures = [await self._picture() for _ in range(self._dice.choice([0, 0, 1, 2]))]
        wanted = [each for each in pictures if each] if wish.word in {"give", "stumble"} else []
        name = f"{self._dice.getrandbits(64):016x}" if self._dice.random() < 0.5 else ""
        body = {
            "prompt": f"{wish.word} {name}",
            "seconds": wish.seconds,
            "image_urls": [file_id for file_id, _ in wanted],
        }
        headers = {"Idempotency-Key": name} if name else {}
        path = f"/v1/models/{wish.model}"
        answer = await self._line.ask("POST", path, json=body, headers=headers)
        while answer is None and name:
            self._told.repeated += 1
            answer = await self._line.ask("POST", path, json=body, headers=headers)
        if answer is None or answer.status != 200:
            return
        request_id = answer.json()["request_id"]
        if name:
            self._told.names[name] = request_id
        asked = Asked(request_id, wish, [digest for _, digest in wanted])
        self._mine.append(self._told.asked.setdefault(request_id, asked))

    async def _picture(self) -> tuple[str, str] | None:
        """An uploaded picture, perhaps one that was there before: its id, and its digest."""
        if self._pictures and self._dice.random() < 0.5:
            return self._dice.choice(self._pictures)
        data = png(self._dice.randint(20, 40), self._dice.randint(20, 40)) + self._dice.randbytes(300)
        answer = await self._line.ask("POST", "/v1/files", params={"filename": "a.png"}, data=data)
        if answer is None or answer.status != 201:
            return None
        self._pictures.append((answer.json()["id"], hashlib.sha256(data).hexdigest()))
        return self._pictures[-1]

    async def _live_through(self, asked: Asked) -> None:
        die = self._dice.random()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FOLLOW_S):
                if die < 0.08:
                    await self._cancel(asked, force=False)
                elif die < 0.2:
                    await asyncio.sleep(self._dice.uniform(0, 1))
                    await self._cancel(asked, force=True)
                if die < 0.5:
                    await self._wait(asked)
                elif die < 0.8:
                    await self._stream(asked)
                else:
                    await self._poll(asked)
                await self._read(asked)

    async def _cancel(self, asked: Asked, *, force: bool) -> None:
        path = f"/v1/requests/{asked.request_id}/cancel"
        answer = await self._line.ask("POST", path, params={"force": str(force).lower()})
        if answer is not None and answer.status == 202:
            asked.was_cancelled = answer.json()["outcome"] == "cancelled" or asked.was_cancelled

    async def _wait(self, asked: Asked) -> None:
        while not asked.result:
            await self._ask_result(asked, wait=10)

    async def _poll(self, asked: Asked) -> None:
        while True:
            answer = await self._line.ask("GET", f"/v1/requests/{asked.request_id}/status")
            if answer is not None and answer.json().get("status") in {"completed", "cancelled"}:
                return
            await asyncio.sleep(0.2)

    async def _stream(self, asked: Asked) -> None:
        """Follow the events; a stream that breaks goes on, at any gateway, after the last that was told."""
        while not (asked.events and asked.events[-1][1] == "ended"):
            try:
                await self._events(asked)
            except BROKEN as error:
                self._told.unanswered.append(f"events of {asked.request_id}: {error!r}")
            await asyncio.sleep(0.05)

    async def _events(self, asked: Asked) -> None:
        headers = {"Last-Event-ID": str(len(asked.events))}
        url = f"{self._line.any()}/v1/requests/{asked.request_id}/events"
        async with self._line.http.get(url, headers=headers) as answer:
            if answer.status != 200:
                self._told.unanswered.append(f"events of {asked.request_id}: {await answer.text()}")
                return
            async for n, kind, data in told_by(answer):
                self._told.event(asked, n, kind, data)

    async def _ask_result(self, asked: Asked, **params: Any) -> dict[str, Any] | None:
        answer = await self._line.ask("GET", f"/v1/requests/{asked.request_id}/result", params=params)
        if answer is None or answer.status != 200:
            return None
        found = answer.json()
        if "finished_at" in found:
            self._told.result(found)
        return found

    async def _read(self, asked: Asked) -> None:
        """Read the result, and the files in it."""
        found = await self._ask_result(asked)
        if found is not None and found["status"] == "succeeded":
            await read_files(self._line, self._told, asked, found)

    async def _look_back(self, wait: int = 0) -> None:
        """Read an older result again: it must not have changed. And see how one stands that has not ended."""
        open_ones = [each for each in self._mine if not each.result]
        for some in (self._mine[-100:], open_ones):
            if some:
                await self._ask_result(self._dice.choice(some), wait=wait)


async def read_files(line: Line, told: Told, asked: Asked, found: dict[str, Any]) -> None:
    """Read the files of a result, and compare them with what went in."""
    urls = found.get("output", {}).get("images", [])
    if not urls or (asked.digests and len(urls) != len(asked.digests)):
        told.broken.append(f"{asked.request_id} has {len(urls)} pictures: {found}")
        return
    for n, url in enumerate(urls):
        answer = await line.ask("GET", url[url.index("/files/") :])
        if answer is None:
            continue
        told.files_read += 1
        digest = hashlib.sha256(answer.body).hexdigest()
        if answer.status != 200 or (asked.digests and digest != asked.digests[n]):
            told.broken.append(f"{asked.request_id} has a wrong picture {n}: status {answer.status}")


async def told_by(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[int, str, str]]:
    """The events of a stream: number, kind and data."""
    block: dict[str, str] = {}
    async for raw in answer.content:
        word, _, value = raw.decode().rstrip("\n").partition(": ")
        if word:
            block[word] = value
        elif "id" in block:
            yield int(block["id"]), block["event"], block["data"]
        if not word and not value:
            block = {}

"""What every store promises, on a folder and on S3 alike."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from officina.errors import TooLarge, UnknownFile
from officina.store import Served, Store
from officina.store.protocol import once, put_bytes

Stores = Callable[[], Store]
PNG = Served("image/png")
LARGE = 12 * 2**20 + 7


def on(stores: Stores, work: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        await work(stores())

    asyncio.run(run())


async def whole(store: Store, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, start, end)])


ODD = ["uploads/a?b", "uploads/a%2e%2e", "uploads/a\nb", "", "uploads/", "uploads/ü", "uploads\\a"]


async def keys_of(store: Store, age_s: float = -5.0) -> set[str]:
    return {key async for group in store.older_than(age_s) for key in group}


def patterned(size_bytes: int) -> bytes:
    return random.Random(size_bytes).randbytes(size_bytes)


async def in_pieces(data: bytes, piece: int = 70_001) -> AsyncIterator[bytes]:
    for at in range(0, len(data), piece):
        yield data[at : at + piece]


@pytest.mark.parametrize("size_bytes", [1, 1000, 5 * 2**20, 5 * 2**20 + 1, LARGE])
def test_what_is_put_can_be_read_and_its_digest_is_told(stores: Stores, size_bytes: int) -> None:
    data = patterned(size_bytes)

    async def work(store: Store) -> None:
        put = await store.put("uploads/a", in_pieces(data), size_bytes, PNG)

        assert (put.size_bytes, put.sha256) == (size_bytes, hashlib.sha256(data).hexdigest())
        assert await whole(store, "uploads/a") == data

    on(stores, work)


@pytest.mark.parametrize(("start", "end"), [(0, 1), (5, 900), (2**20 - 3, 2**20 + 3), (LARGE - 1, LARGE)])
def test_a_range_gives_just_those_bytes(stores: Stores, start: int, end: int) -> None:
    data = patterned(LARGE)

    async def work(store: Store) -> None:
        await put_bytes(store, "jobs/j/1/0.png", data, PNG)

        assert await whole(store, "jobs/j/1/0.png", start, end) == data[start:end]

    on(stores, work)


@pytest.mark.parametrize("limit", [10, 6 * 2**20])
def test_a_file_over_the_limit_is_refused_and_nothing_is_kept(stores: Stores, limit: int) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(TooLarge):
            await store.put("uploads/a", in_pieces(patterned(LARGE)), limit, PNG)

        with pytest.raises(UnknownFile):
            await whole(store, "uploads/a")
        assert await keys_of(store) == set()

    on(stores, work)


@pytest.mark.parametrize("after", [1, 6 * 2**20])
def test_a_source_that_breaks_off_leaves_nothing_and_tells_its_own_error(stores: Stores, after: int) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(after)
        raise ConnectionAbortedError("gone")

    async def work(store: Store) -> None:
        with pytest.raises(ConnectionAbortedError):
            await store.put("uploads/a", broken(), LARGE, PNG)

        assert await keys_of(store) == set()

    on(stores, work)


def test_a_second_put_of_a_key_replaces_the_first(stores: Stores) -> None:
    async def work(store: Store) -> None:
        await put_bytes(store, "uploads/a", b"first")
        await put_bytes(store, "uploads/a", b"second")

        assert await whole(store, "uploads/a") == b"second"

    on(stores, work)


def test_many_files_are_deleted_at_once_and_those_that_are_gone_do_not_matter(stores: Stores) -> None:
    keys = [f"jobs/j/1/{n}.png" for n in range(30)]

    async def work(store: Store) -> None:
        for key in keys[::2]:
            await put_bytes(store, key, b"x")
        await put_bytes(store, "uploads/stays", b"x")

        await store.delete(keys)
        await store.delete(keys)

        assert await keys_of(store) == {"uploads/stays"}

    on(stores, work)


def test_only_files_of_that_age_are_listed_and_only_ours(stores: Stores) -> None:
    async def work(store: Store) -> None:
        for key in ("uploads/a", "jobs/j/1/0.png", "incoming/j/1/0", "other/things"):
            await put_bytes(store, key, b"x")

        assert await keys_of(store) == {"uploads/a", "jobs/j/1/0.png", "incoming/j/1/0"}
        assert await keys_of(store, age_s=3600) == set()

    on(stores, work)


def test_two_may_list_and_delete_at_the_same_time(stores: Stores) -> None:
    async def sweep(store: Store) -> None:
        async for group in store.older_than(-5.0):
            await store.delete(group)

    async def work(store: Store) -> None:
        for n in range(20):
            await put_bytes(store, f"uploads/{n}", b"x")

        await asyncio.gather(sweep(store), sweep(stores()))

        assert await keys_of(store) == set()

    on(stores, work)


@pytest.mark.parametrize(
    "key",
    [
        "../secret",
        "uploads/../../secret",
        "/etc/passwd",
        "uploads//a",
        "uploads/./a",
        "uploads/.a",
        "a\0b",
        *ODD,
    ],
)
def test_a_key_that_could_lead_elsewhere_is_refused(stores: Stores, key: str) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(UnknownFile):
            await store.put(key, once(b"x"), 10)
        with pytest.raises(UnknownFile):
            await whole(store, key)
        with pytest.raises(UnknownFile):
            await store.delete([key])

    on(stores, work)


def test_a_file_that_is_not_there_is_unknown(stores: Stores) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(UnknownFile):
            await whole(store, "uploads/none")
        with pytest.raises(UnknownFile):
            await store.look("uploads/none")
        with pytest.raises(UnknownFile):
            await store.copy("uploads/none", "uploads/b")

    on(stores, work)


def test_a_copy_has_the_same_bytes_and_headers(stores: Stores) -> None:
    async def work(store: Store) -> None:
        await put_bytes(store, "incoming/a", b"x" * 700, PNG)

        await store.copy("incoming/a", "jobs/j/1/0.png")
        seen = await store.look("jobs/j/1/0.png")

        assert (seen.size_bytes, seen.head) == (700, b"x" * 512)
        assert seen.headers == store.headers(PNG)

    on(stores, work)


def test_a_store_that_works_passes_its_probe_and_leaves_nothing(stores: Stores) -> None:
    async def work(store: Store) -> None:
        await store.probe()
        await store.check()

        assert await keys_of(store) == set()

    on(stores, work)


def test_sixty_puts_side_by_side_all_arrive(stores: Stores) -> None:
    async def work(store: Store) -> None:
        puts = [put_bytes(store, f"uploads/{n}", b"%d" % n, PNG) for n in range(60)]
        await asyncio.gather(*puts)

        assert [await whole(store, f"uploads/{n}") for n in range(60)] == [b"%d" % n for n in range(60)]

    on(stores, work)

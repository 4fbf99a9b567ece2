"""What only an object store does: parts, grants, headers; and how it is when it is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from officina.errors import Unavailable
from officina.settings import Settings
from officina.store import Served, Store, open_store, place_of
from officina.store.protocol import discard, put_bytes
from s3_server import BUCKET, S3Server

PNG = Served("image/png")


def opened(server: S3Server, folder: Path, **more: object) -> Store:
    settings = Settings(store=f"s3://{BUCKET}/{folder.name}", store_endpoint=server.url, **more)  # type: ignore[arg-type]
    return open_store(place_of(settings))


async def whole(store: Store, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.read(key)])


async def megabytes(count: int) -> AsyncIterator[bytes]:
    for n in range(count):
        yield bytes([n % 256]) * 2**20


def test_a_small_file_is_one_request_and_a_large_one_goes_in_parts(s3: S3Server, tmp_path: Path) -> None:
    async def run() -> None:
        store = opened(s3, tmp_path)
        await put_bytes(store, "uploads/small", b"x" * 1000)
        await store.put("uploads/large", megabytes(23), 2**30)

        assert (await store.look("uploads/large")).size_bytes == 23 * 2**20

    asyncio.run(run())
    puts = [line for line in s3.asked() if line.startswith("PUT") and tmp_path.name in line]
    assert len([line for line in puts if line.endswith("/uploads/small")]) == 1
    assert len([line for line in puts if "/uploads/large?partNumber" in line]) == 5


def test_parts_of_an_upload_that_broke_off_are_not_left_behind(s3: S3Server, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for each in megabytes(12):
            yield each
        raise ConnectionAbortedError("gone")

    async def run() -> None:
        with pytest.raises(ConnectionAbortedError):
            await opened(s3, tmp_path).put("uploads/a", broken(), 2**30)

    asyncio.run(run())
    assert s3.uploads_under_way() == 0


def test_a_grant_puts_exactly_one_object_with_its_headers(s3: S3Server, tmp_path: Path) -> None:
    async def run() -> None:
        store = opened(s3, tmp_path)
        grant = await store.grant_put("incoming/j/1/0", PNG, 60)
        assert grant is not None
        put = httpx.put(grant.url, content=b"picture", headers=grant.headers)

        assert put.is_success
        seen = await store.look("incoming/j/1/0")
        assert seen.headers == {
            "Content-Type": "image/png",
            "Content-Disposition": "inline",
            "Cache-Control": "private, max-age=86400, immutable",
        }
        assert "X-Amz-Expires=60" in grant.url
        assert "a-secret-of-the-store" not in grant.url

    asyncio.run(run())


def test_a_signed_url_gives_the_file_its_ranges_and_its_headers(s3: S3Server, tmp_path: Path) -> None:
    async def run() -> None:
        store = opened(s3, tmp_path)
        await put_bytes(store, "uploads/a", b"0123456789", PNG)
        grant = await store.grant_get("uploads/a", 60)
        assert grant is not None
        got = httpx.get(grant.url)
        part = httpx.get(grant.url, headers={"Range": "bytes=2-4"})

        assert (got.content, got.headers["content-type"]) == (b"0123456789", "image/png")
        assert (part.status_code, part.content) == (206, b"234")

    asyncio.run(run())


def test_what_is_no_media_is_stored_as_an_attachment(s3: S3Server, tmp_path: Path) -> None:
    async def run() -> None:
        store = opened(s3, tmp_path)
        await put_bytes(store, "uploads/a", b"<script>", Served("application/octet-stream", "ü.html"))
        headers = (await store.look("uploads/a")).headers

        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Content-Disposition"] == 'attachment; filename="?.html"'

    asyncio.run(run())


def test_only_a_public_bucket_lets_others_keep_its_files(s3: S3Server, tmp_path: Path) -> None:
    public = opened(s3, tmp_path, file_urls="https://cdn.example.org")

    assert public.headers(PNG)["Cache-Control"].startswith("public")
    assert opened(s3, tmp_path).headers(PNG)["Cache-Control"].startswith("private")


async def everything_is_unavailable(store: Store) -> None:
    for asked in (
        put_bytes(store, "uploads/a", b"x"),
        store.put("uploads/b", megabytes(8), 2**30),
        whole(store, "uploads/a"),
        store.delete(["uploads/a"]),
        store.look("uploads/a"),
        store.copy("uploads/a", "uploads/b"),
        store.check(),
        anext(aiter(store.older_than(0))),
    ):
        with pytest.raises(Unavailable) as told:
            await asked
        assert "try again" in told.value.message
        assert told.value.retry_after


def test_a_dead_store_is_told_at_once_and_is_used_again_when_it_is_back(
    mortal_s3: S3Server, tmp_path: Path
) -> None:
    async def run() -> None:
        store = opened(mortal_s3, tmp_path)
        await put_bytes(store, "uploads/a", b"x")
        mortal_s3.kill()

        await everything_is_unavailable(store)
        await discard(store, ["uploads/a"])

        mortal_s3.start()
        await put_bytes(store, "uploads/a", b"again")
        assert await whole(store, "uploads/a") == b"again"

    asyncio.run(run())


def test_a_silent_store_holds_nobody_up_for_long(mortal_s3: S3Server, tmp_path: Path) -> None:
    async def run() -> None:
        store = opened(mortal_s3, tmp_path)
        await put_bytes(store, "uploads/a", b"x")
        with mortal_s3.silent():
            begun = time.monotonic()
            gets = [whole(store, "uploads/a") for _ in range(200)]
            puts = [put_bytes(store, f"uploads/{n}", b"x") for n in range(200)]
            ends = await asyncio.gather(*gets, *puts, return_exceptions=True)
            took_s = time.monotonic() - begun
        assert {type(each) for each in ends} == {Unavailable}
        # Far from the minutes that 400 calls would wait one after the other.
        assert took_s < 30

        await until_it_answers(store)
        assert await whole(store, "uploads/a") == b"x"

    asyncio.run(run())


def test_a_bucket_that_was_removed_is_unavailable_and_not_an_unknown_file(
    mortal_s3: S3Server, tmp_path: Path
) -> None:
    async def run() -> None:
        store = opened(mortal_s3, tmp_path)
        httpx.delete(f"{mortal_s3.url}/{BUCKET}").raise_for_status()

        with pytest.raises(Unavailable):
            await whole(store, "uploads/a")

    asyncio.run(run())


async def until_it_answers(store: Store) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await store.check()
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return

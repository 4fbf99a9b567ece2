"""Inputs are fetched from hosts of every temper, side by side, and from our own uploads."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inputs import FREE, LOCAL, SEED, TOO_LARGE, TOO_WIDE, Names, fetch_url, refused, run, wanted
from officina.errors import RunError, SettingsError
from officina.fetch.address import IPAddress
from officina.fetch.admit import MEGABYTE, Fetched
from officina.fetch.fetcher import Fetcher
from officina.link import FetchPolicy
from officina.model import MediaField
from pictures import png_of, saved
from raw_server import Answer, Exchange, endless, reply, serving


async def fetch(
    answer: Answer, into: Path, *, path: str = "/x", policy: FetchPolicy = LOCAL, media: MediaField = SEED
) -> Fetched:
    async with serving({path: answer}) as server:
        return await fetch_url(server.url(path), into, media, policy=policy)


def test_a_picture_is_fetched_into_a_file_of_our_naming(tmp_path: Path) -> None:
    body = saved("JPEG")
    found = run(fetch(reply(body, Content_Type="text/html"), tmp_path, path="/a/..%2fcat.exe"))
    assert found == Fetched("image_urls", 0, tmp_path / "0-0.jpg", "image/jpeg", len(body), 40, 24)
    assert found.path.read_bytes() == body


def test_a_chunked_body_without_length_is_taken(tmp_path: Path) -> None:
    body = saved("PNG")
    head = b"HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:5], body[5:50], body[50:]))
    assert run(fetch(head + data + b"0\r\n\r\n", tmp_path)).path.read_bytes() == body


def test_only_a_plain_request_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async def scenario() -> list[Exchange]:
        answers: dict[str, Answer] = {"/x": reply(saved("PNG"), Set_Cookie="session=1; Path=/")}
        async with serving(answers) as server, Fetcher(LOCAL) as fetcher:
            for index in range(2):
                await fetcher.fetch(wanted(server.url("/x"), index=index), tmp_path)
            return server.exchanges

    _, second = run(scenario())
    assert second.headers.keys() == {"host", "user-agent", "accept", "accept-encoding"}
    assert second.headers["user-agent"].startswith("officina/")
    assert second.headers["accept"] == "image/jpeg, image/png, */*;q=0.1"
    assert second.headers["accept-encoding"] == "identity"


def test_no_url_is_written_to_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        run(fetch(reply(saved("PNG")), tmp_path))
    assert "127.0.0.1" not in caplog.text


def test_a_huge_png_is_refused_after_its_first_bytes(tmp_path: Path) -> None:
    error = refused(fetch(endless(png_of(5000, 4000)[:200]), tmp_path))
    assert (error.type, error.message) == ("validation_failed", TOO_WIDE)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_says_it_is_too_large_is_not_read(tmp_path: Path) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 Said\r\nContent-Length: 16777216\r\n\r\n")
        await exchange.until_it_leaves()

    error = refused(fetch(answer, tmp_path))
    assert (error.type, error.message) == ("validation_failed", TOO_LARGE)
    assert error.run_detail["measured"] == 16


def test_an_endless_file_is_cut_short_as_soon_as_it_is_too_large(tmp_path: Path) -> None:
    parts = [saved("JPEG")[:-2], *[bytes(MEGABYTE)] * 16]
    error = refused(fetch(endless(*parts), tmp_path))
    assert (error.type, error.run_detail["rule"]) == ("validation_failed", "file_size_mb<=")
    policy = FetchPolicy(allow_hosts=LOCAL.allow_hosts, max_file_bytes=10 * MEGABYTE)
    assert refused(fetch(endless(*parts), tmp_path, policy=policy, media=FREE)).type == "file_too_large"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_compressed_against_our_wish_is_unpacked(tmp_path: Path, encoding: str) -> None:
    body = saved("PNG", (600, 400)) + bytes(MEGABYTE)
    found = run(fetch(reply(gzip.compress(body), Content_Encoding=encoding), tmp_path))
    assert found.path.read_bytes() == body


def test_a_bomb_of_compression_is_stopped_at_the_limit(tmp_path: Path) -> None:
    bomb = gzip.compress(saved("JPEG")[:-2] + bytes(100 * MEGABYTE), 1)
    error = refused(fetch(reply(bomb, Content_Encoding="gzip"), tmp_path))
    assert error.message == TOO_LARGE
    assert error.run_detail["measured"] < 16


def test_broken_compression_is_told(tmp_path: Path) -> None:
    packed = gzip.compress(saved("JPEG", (300, 300)))
    broken = packed[:1000] + random.Random(1).randbytes(100) + packed[1100:]
    assert refused(fetch(reply(broken, Content_Encoding="gzip"), tmp_path)).type == "picture_damaged"


@pytest.mark.parametrize(
    ("status", "type_", "retry", "asked"),
    [
        (404, "url_not_found", False, 1),
        (403, "url_not_found", False, 1),
        (410, "url_not_found", False, 1),
        (304, "url_not_found", False, 1),
        (429, "url_server_error", True, 1),
        (500, "url_server_error", True, 2),
        (503, "url_server_error", True, 2),
    ],
)
def test_a_status_is_told_and_only_a_servers_failure_is_asked_again(
    tmp_path: Path, status: int, type_: str, retry: bool, asked: int
) -> None:
    async def scenario() -> int:
        async with serving({"/x": reply(status=status)}) as server, Fetcher(LOCAL) as fetcher:
            said = rf"^image_urls\[3\]: the host 127.0.0.1 answered {status}; "
            with pytest.raises(RunError, match=said) as caught:
                await fetcher.fetch(wanted(server.url("/x?secret=1"), index=3), tmp_path)
            assert (caught.value.type, caught.value.retry) == (type_, retry)
            assert caught.value.run_detail == {"field": "image_urls", "index": 3, "status": status}
            return len(server.exchanges)

    assert run(scenario()) == asked


@pytest.mark.parametrize(
    "first",
    [reply(status=502), b"", reply(saved("PNG"))[:-30], b"220 mail ready\r\n\r\n"],
    ids=["gateway error", "nothing", "broken off", "not http"],
)
def test_a_passing_failure_is_overcome(tmp_path: Path, first: bytes) -> None:
    said = [first, reply(saved("PNG"))]

    async def answer(exchange: Exchange) -> None:
        await exchange.send(said.pop(0))
        exchange.writer.close()

    assert run(fetch(answer, tmp_path)).path.read_bytes() == saved("PNG")


def test_a_host_that_stops_sending_times_out(tmp_path: Path) -> None:
    policy = FetchPolicy(allow_hosts=LOCAL.allow_hosts, read_timeout_s=0.05)
    error = refused(fetch(endless(saved("PNG")[:100]), tmp_path, policy=policy))
    assert (error.type, error.retry) == ("url_timeout", True)
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_drips_runs_out_of_time(tmp_path: Path) -> None:
    async def drip(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 Said\r\n\r\n" + saved("PNG")[:100])
        while True:
            await exchange.send(b"\0")
            await asyncio.sleep(0.01)

    policy = FetchPolicy(allow_hosts=LOCAL.allow_hosts, total_timeout_s=0.2)
    error = refused(fetch(drip, tmp_path, policy=policy))
    assert error.type == "url_timeout"
    assert "0.2 seconds" in error.message


def test_a_closed_port_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = refused(fetch_url(f"http://127.0.0.1:{taken.getsockname()[1]}/x", tmp_path))
    assert (error.type, error.retry) == ("url_unreachable", True)


@pytest.mark.parametrize(("errno", "retry"), [(socket.EAI_NONAME, False), (socket.EAI_AGAIN, True)])
def test_an_unknown_host_is_worth_a_retry_only_when_the_name_server_failed(
    tmp_path: Path, errno: int, retry: bool
) -> None:
    async def resolve(host: str, port: int) -> Sequence[IPAddress]:
        raise socket.gaierror(errno, "no")

    error = refused(fetch_url("https://nowhere.example/x", tmp_path, resolve=resolve))
    assert (error.type, error.retry) == ("url_unreachable", retry)
    assert "nowhere.example could not be found" in error.message


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org:22/x?sig=hunter2",
        "ftp://example.org/x?sig=hunter2",
        "hunter2",
        "http://a/?hunter2",
    ],
)
def test_messages_never_hold_the_query_of_a_url(tmp_path: Path, url: str) -> None:
    names = Names({"example.org": ["1.1.1.1"]})
    error = refused(fetch_url(url, tmp_path, policy=FetchPolicy(), resolve=names))
    assert "hunter2" not in error.message + repr(error.run_detail)


def test_a_wrong_list_of_hosts_is_the_operators_error() -> None:
    with pytest.raises(SettingsError):
        Fetcher(FetchPolicy(allow_hosts=("10.0.0.0/99",)))


UPLOAD = "file_" + "0a" * 16


@asynccontextmanager
async def open_upload(source: str) -> AsyncIterator[AsyncIterator[bytes]]:
    async def chunks() -> AsyncIterator[bytes]:
        body = saved("PNG")
        yield body[:30]
        yield body[30:]

    if source != UPLOAD:
        raise RunError("input_gone", "the upload has been deleted; upload it again.")
    yield chunks()


def test_uploads_pass_the_same_door(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Fetcher(FetchPolicy()) as fetcher:
            (found,) = await fetcher.fetch_all([wanted(UPLOAD)], tmp_path, open_upload)
            assert (found.width, found.height) == (40, 24)
            gone = wanted("file_" + "ff" * 16, index=1)
            with pytest.raises(RunError, match=r"^image_urls\[1\]: the upload has been deleted") as caught:
                await fetcher.fetch_all([gone], tmp_path, open_upload)
            assert caught.value.type == "input_gone"
            with pytest.raises(RunError, match="not an https URL"):
                await fetcher.fetch_all([wanted(UPLOAD)], tmp_path)

    run(scenario())


def test_bytes_from_elsewhere_are_admitted(tmp_path: Path) -> None:
    async def scenario() -> Fetched:
        async with open_upload(UPLOAD) as chunks, Fetcher(FetchPolicy()) as fetcher:
            return await fetcher.admit(wanted("anything"), chunks, tmp_path)

    assert run(scenario()).size_bytes == len(saved("PNG"))


def test_files_are_fetched_side_by_side_and_given_in_order(tmp_path: Path) -> None:
    async def scenario() -> list[Fetched]:
        met = asyncio.Barrier(10)

        async def together(exchange: Exchange) -> None:
            await met.wait()
            await exchange.send(reply(saved("PNG", (40 + int(exchange.path[1:]), 40))))

        async with (
            serving({f"/{number}": together for number in range(10)}) as server,
            Fetcher(LOCAL) as fetcher,
        ):
            files = [wanted(server.url(f"/{number}"), index=number) for number in range(10)]
            return await fetcher.fetch_all(files, tmp_path)

    found = run(scenario())
    assert [(each.index, each.width) for each in found] == [(number, 40 + number) for number in range(10)]


def test_no_more_than_the_allowed_number_is_fetched_at_once(tmp_path: Path) -> None:
    policy = FetchPolicy(allow_hosts=LOCAL.allow_hosts, max_parallel=2)
    at_once: set[str] = set()

    async def scenario() -> None:
        met = asyncio.Barrier(2)

        async def answer(exchange: Exchange) -> None:
            at_once.add(exchange.path)
            assert len(at_once) <= 2
            await met.wait()
            at_once.remove(exchange.path)
            await exchange.send(reply(saved("PNG")))

        async with (
            serving({f"/{number}": answer for number in range(8)}) as server,
            Fetcher(policy) as fetcher,
        ):
            files = [wanted(server.url(f"/{number}"), index=number) for number in range(8)]
            assert len(await fetcher.fetch_all(files, tmp_path)) == 8

    run(scenario())


def test_the_first_wrong_input_is_reported_however_late_it_fails(tmp_path: Path) -> None:
    async def scenario() -> None:
        later_one_failed, last_has_begun = asyncio.Event(), asyncio.Event()

        async def late(exchange: Exchange) -> None:
            await later_one_failed.wait()
            await exchange.send(reply(status=404))

        async def gone(exchange: Exchange) -> None:
            await last_has_begun.wait()
            await exchange.send(reply(status=410))

        async def stopped(exchange: Exchange) -> None:
            await exchange.send(b"HTTP/1.1 200 Said\r\n\r\n" + saved("PNG")[:100])
            last_has_begun.set()
            await exchange.until_it_leaves()
            later_one_failed.set()

        answers: dict[str, Answer] = {
            "/0": reply(saved("PNG")),
            "/1": late,
            "/2": gone,
            "/3": stopped,
        }
        async with serving(answers) as server, Fetcher(LOCAL) as fetcher:
            files = [wanted(server.url(f"/{number}"), index=number) for number in range(4)]
            await fetcher.fetch_all(files, tmp_path)

    error = refused(scenario())
    assert (error.run_detail["index"], error.run_detail["status"]) == (1, 404)
    assert [path.name for path in tmp_path.iterdir()] == ["0-0.png"]


def test_a_fetch_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario() -> None:
        body = endless(saved("PNG", (300, 300))[:5000])
        async with serving({"/x": body}) as server, Fetcher(LOCAL) as fetcher:
            task = asyncio.create_task(fetcher.fetch_all([wanted(server.url("/x"))], tmp_path))
            while not list(tmp_path.iterdir()):
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(scenario())
    assert list(tmp_path.iterdir()) == []


def test_fetching_needs_no_pillow() -> None:
    script = "import sys, officina.fetch.fetcher; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)

"""The whole road on an object store: a gateway, a worker, jobs, and their files."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from road_server import Server, serving, until

from officina.errors import UnknownFile
from officina.settings import Settings
from officina.store import Seen, open_store, place_of
from pictures import saved
from s3_server import BUCKET, S3Server

PICTURE = saved("PNG", (600, 400))


@contextmanager
def on_s3(s3: S3Server, folder: Path, *flags: str, workers: int = 1) -> Iterator[Server]:
    where = ("--store", f"s3://{BUCKET}/{folder.name}", "--store-endpoint", s3.url)
    with serving(folder / "data", *where, *flags, workers=workers) as server:
        yield server


def asked(s3: S3Server, folder: Path, method: str, part: str) -> list[str]:
    """What the store was asked under the prefix of a test."""
    start = f"{method} /{BUCKET}/{folder.name}/{part}"
    return [line for line in s3.asked() if line.startswith(start)]


def test_a_job_goes_its_whole_road_and_its_files_go_straight(s3: S3Server, tmp_path: Path) -> None:
    with on_s3(s3, tmp_path) as server:
        upload = server.upload(PICTURE)
        result = server.run({"prompt": "count", "image_urls": [upload["id"]]})
        urls = result["output"]["images"]
        pictures = [server.http.get(url) for url in urls]

        assert all(url.startswith(f"{server.url}/files/") for url in urls)
        assert [each.headers["content-type"] for each in pictures] == ["image/png"] * 3
        assert all(each.content.startswith(b"\x89PNG") for each in pictures)
        assert not list(server.data.glob("files"))
        below = psutil.Process(server.process.pid).children(recursive=True)
        assert below
        assert not any("AWS_SECRET_ACCESS_KEY" in each.environ() for each in below)
    puts = asked(s3, tmp_path, "PUT", "incoming/")
    assert len([line for line in puts if "X-Amz-Signature" in line]) == 3
    assert len([line for line in asked(s3, tmp_path, "GET", "uploads/") if "X-Amz-Signature" in line]) == 1


def test_files_are_proxied_with_ranges_etags_and_heads(s3: S3Server, tmp_path: Path) -> None:
    with on_s3(s3, tmp_path, workers=0) as server:
        url = server.upload(PICTURE)["url"]
        whole = server.http.get(url)
        part = server.http.get(url, headers={"Range": "bytes=2-5"})
        tail = server.http.get(url, headers={"Range": "bytes=-4"})
        beyond = server.http.get(url, headers={"Range": f"bytes={len(PICTURE)}-"})
        known = server.http.get(url, headers={"If-None-Match": whole.headers["etag"]})
        head = server.http.head(url)

    assert whole.content == PICTURE
    assert (part.status_code, part.content) == (206, PICTURE[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(PICTURE)}"
    assert tail.content == PICTURE[-4:]
    assert beyond.status_code == 416
    assert (known.status_code, known.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(PICTURE)
    assert whole.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_signed_results_come_from_the_store_and_only_to_those_with_a_key(
    s3: S3Server, tmp_path: Path
) -> None:
    with on_s3(s3, tmp_path, "--file-urls", "signed", "--file-urls-s", "77") as server:
        request_id = server.submit({"prompt": "copy", "image_urls": [server.upload(PICTURE)["id"]]})
        result = server.result(request_id)
        url = result["output"]["image"]
        share = server.http.post(f"/v1/requests/{request_id}/share").json()
        shared = server.client(None).get(share["result_url"]).json()["output"]["image"]
        got = httpx.get(url)
        listed = server.http.get("/v1/requests", params={"include_output": "true"}).json()["requests"][0]

        assert url.startswith(f"{s3.url}/{BUCKET}/{tmp_path.name}/jobs/{request_id}/1/0.png?")
        assert "X-Amz-Expires=77" in url
        assert (got.status_code, got.headers["content-type"]) == (200, "image/png")
        assert got.headers["content-disposition"] == "inline"
        assert listed["output"]["image"].startswith(s3.url)
        assert shared.startswith(f"{server.url}/files/")
        assert server.client(None).get(shared).content == got.content


def test_results_may_carry_urls_of_a_content_network(s3: S3Server, tmp_path: Path) -> None:
    with on_s3(s3, tmp_path, "--file-urls", "https://cdn.example.org/x/") as server:
        request_id = server.submit({"prompt": "copy", "image_urls": [server.upload(PICTURE)["id"]]})

        url = server.result(request_id)["output"]["image"]

    assert url == f"https://cdn.example.org/x/jobs/{request_id}/1/0.png"


def test_a_page_that_pretends_to_be_a_picture_is_stored_as_an_attachment(
    s3: S3Server, tmp_path: Path
) -> None:
    with on_s3(s3, tmp_path, "--file-urls", "signed", workers=0) as server:
        for body, name in ((b"<svg onload='alert(1)'/>", "a.svg"), (b"<script>alert(1)</script>", "a.png")):
            upload = server.upload(body, name)
            stored = seen(s3, tmp_path, f"uploads/{upload['id'].removeprefix('file_')}")

            assert stored.headers["Content-Type"] == "application/octet-stream"
            assert stored.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_deleting_a_request_removes_its_files_from_the_store(s3: S3Server, tmp_path: Path) -> None:
    with on_s3(s3, tmp_path) as server:
        request_id = server.submit({"prompt": "copy", "image_urls": [server.upload(PICTURE)["id"]]})
        server.result(request_id)
        place = f"jobs/{request_id}/1/0.png"
        assert seen(s3, tmp_path, place).head.startswith(b"\x89PNG")

        server.http.delete(f"/v1/requests/{request_id}")

        with pytest.raises(UnknownFile):
            seen(s3, tmp_path, place)


def seen(s3: S3Server, folder: Path, key: str) -> Seen:
    settings = Settings(store=f"s3://{BUCKET}/{folder.name}", store_endpoint=s3.url)
    return asyncio.run(open_store(place_of(settings)).look(key))


class Hand:
    """A worker made by hand, as an old or a lying one would be."""

    def __init__(self, server: Server) -> None:
        self.http = server.new_key("worker")
        hello = {"name": "hand", "engines": ["road_engines:Echo"], "version": 1}
        self.said = self.http.post("/worker/v1/register", json=hello).json()
        self.job: dict[str, Any] = {}

    def claim(self) -> None:
        asked = {
            "worker_id": self.said["worker_id"],
            "nonce": "0" * 32,
            "engines": ["road_engines:Echo"],
            "wait_s": 10,
        }
        self.job = self.http.post("/worker/v1/claim", json=asked).json()["work"][0]

    def post(self, what: str, said: dict[str, Any], token: str = "") -> httpx.Response:
        path = f"/worker/v1/jobs/{self.job['job_id']}/outputs/0/{what}"
        return self.http.post(path, params={"token": token or self.job["token"]}, json=said)

    def finish(self, output: dict[str, Any]) -> httpx.Response:
        lease = {"job_id": self.job["job_id"], "token": self.job["token"]}
        outcome = {"kind": "succeeded", "outputs": [output]}
        body = {"worker_id": self.said["worker_id"], "lease": lease, "outcome": outcome}
        return self.http.post("/worker/v1/finish", json=body)


def told(data: bytes, **other: Any) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    head = base64.b64encode(data[:64]).decode()
    return {"kind": "image", "size_bytes": len(data), "sha256": digest, "head": head, **other}


@pytest.fixture(scope="module")
def plain(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on S3 without a worker of its own."""
    with on_s3(s3, tmp_path_factory.mktemp("plain"), workers=0) as server:
        yield server


@pytest.fixture
def hand(plain: Server) -> Iterator[Hand]:
    hand = Hand(plain)
    request_id = plain.submit({"prompt": "copy", "image_urls": [plain.upload(PICTURE)["id"]]})
    hand.claim()
    yield hand
    if plain.status(request_id)["status"] != "completed":
        plain.http.post(f"/v1/requests/{request_id}/cancel", params={"force": "true"})
        lease = {"job_id": hand.job["job_id"], "token": hand.job["token"]}
        body = {"worker_id": hand.said["worker_id"], "lease": lease, "outcome": {"kind": "cancelled"}}
        hand.http.post("/worker/v1/finish", json=body)


def granted(hand: Hand, data: bytes, **headers: str) -> None:
    grant = hand.post("grant", told(PICTURE)).json()
    httpx.put(grant["url"], content=data, headers={**grant["headers"], **headers}).raise_for_status()


def test_what_was_put_straight_is_confirmed_and_the_same_again_gets_the_same_answer(
    hand: Hand, plain: Server
) -> None:
    granted(hand, PICTURE)

    first = hand.post("confirm", told(PICTURE))
    again = hand.post("confirm", told(PICTURE))
    ended = hand.finish(first.json())

    assert first.json() == again.json()
    assert first.json()["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    assert ended.json() == {"state": "succeeded"}
    assert plain.http.get(plain.result(hand.job["job_id"])["output"]["image"]).content == PICTURE


@pytest.mark.parametrize(
    ("stored", "headers", "words"),
    [
        (PICTURE[:-1] + b"!", {}, "another SHA-256"),
        (PICTURE + b"!", {}, "bytes, not"),
        (b"<script>" + PICTURE[8:], {}, "not of the type"),
        (PICTURE, {"Content-Type": "text/html"}, "other headers"),
        (PICTURE, {"Content-Disposition": "attachment"}, "other headers"),
        (PICTURE, {"Content-Encoding": "gzip"}, "other headers"),
    ],
)
def test_what_was_put_otherwise_than_granted_is_refused_and_removed(
    hand: Hand, s3: S3Server, stored: bytes, headers: dict[str, str], words: str
) -> None:
    granted(hand, stored, **headers)

    refused = hand.post("confirm", told(PICTURE))

    assert (refused.status_code, refused.json()["error_code"]) == (422, 422001)
    assert words in refused.json()["detail"][0]["msg"]
    assert hand.post("confirm", told(PICTURE)).json()["detail"][0]["msg"].endswith("has not been put")


def test_a_grant_is_only_for_the_holder_of_the_lease(hand: Hand) -> None:
    for what in ("grant", "confirm"):
        assert hand.post(what, told(PICTURE), token="0" * 32).status_code == 409


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (told(b"<html>"), 422),
        (told(b""), 422),
        (told(PICTURE, kind="video"), 422),
        (told(PICTURE, size_bytes=2**40), 413),
        ({"kind": "image"}, 422),
    ],
)
def test_a_grant_for_what_is_no_picture_is_refused(hand: Hand, said: dict[str, Any], status: int) -> None:
    assert hand.post("grant", said).status_code == status


def test_a_worker_of_the_release_before_puts_through_the_gateway(hand: Hand, plain: Server) -> None:
    path = f"/worker/v1/jobs/{hand.job['job_id']}/outputs/0"
    params = {"token": hand.job["token"], "kind": "image"}
    name = hand.job["input"]["image_urls"][0].removeprefix("file_")

    read = hand.http.get(f"/worker/v1/files/{name}")
    put = hand.http.put(path, params=params, content=PICTURE)

    assert read.content == PICTURE
    assert hand.finish(put.json()).json() == {"state": "succeeded"}
    assert plain.http.get(plain.result(hand.job["job_id"])["output"]["image"]).content == PICTURE


@pytest.mark.parametrize(
    ("field", "value"), [("content_type", "text/html"), ("suffix", ".html"), ("kind", "video")]
)
def test_no_word_of_a_worker_becomes_a_type_that_is_served(hand: Hand, field: str, value: str) -> None:
    granted(hand, PICTURE)
    output = hand.post("confirm", told(PICTURE)).json()

    assert hand.finish({**output, field: value}).status_code == 422


@pytest.mark.parametrize("name", ["..%2f..%2fsecret", "a", "0" * 32, "%00" * 8])
def test_a_file_that_is_not_ours_is_never_granted(hand: Hand, name: str) -> None:
    assert hand.http.post(f"/worker/v1/files/{name}/grant").status_code == 404


def test_a_folder_grants_nothing_and_everything_goes_through_the_gateway(tmp_path: Path) -> None:
    with serving(tmp_path / "data", workers=0) as server:
        hand = Hand(server)
        server.submit({"prompt": "copy", "image_urls": [server.upload(PICTURE)["id"]]})
        hand.claim()
        grant = hand.post("grant", told(PICTURE))
        server.http.post(f"/v1/requests/{hand.job['job_id']}/cancel", params={"force": "true"})

    assert hand.said["straight"] is False
    assert grant.json()["url"] == ""


def test_while_the_store_is_dead_calls_say_so_and_what_was_accepted_is_kept(
    mortal_s3: S3Server, tmp_path: Path
) -> None:
    with on_s3(mortal_s3, tmp_path) as server:
        url = server.upload(PICTURE)["url"]
        running = server.submit({"prompt": "copy", "image_urls": [url], "seconds": 2})
        with server.http.stream("GET", f"/v1/requests/{running}/events") as events:
            assert any("passing time" in line for line in events.iter_lines())
        mortal_s3.kill()

        upload = server.http.post("/v1/files", params={"filename": "a.png"}, content=PICTURE)
        download = server.http.get(url)
        ready = server.http.get("/readyz")
        without_files = server.submit({"prompt": "copy", "image_urls": ["https://10.0.0.1/a.png"]})
        for answer in (upload, download):
            assert (answer.status_code, answer.json()["error_code"]) == (503, 503001)
            assert "store does not answer" in answer.json()["message"]
            assert answer.headers["retry-after"] == "2"
        assert ready.json() == {"status": "ready", "workers": 1, "store": "unavailable"}
        assert server.status(running)["status"] == "in_progress"

        mortal_s3.start()
        result = server.result(running)
        assert result["status"] == "succeeded", result
        assert server.http.get(result["output"]["image"]).content.startswith(b"\x89PNG")
        until(lambda: server.http.get("/readyz").json()["store"] == "ok")
        assert server.result(without_files)["error"]["type"] == "url_refused"
    assert "a-secret-of-the-store" not in server.log.read_text()


def test_a_gateway_starts_while_its_store_is_away_and_says_so(tmp_path: Path, unused_port: int) -> None:
    where = ("--store", "s3://pictures", "--store-endpoint", f"http://127.0.0.1:{unused_port}")
    with serving(tmp_path / "data", *where, workers=0) as server:
        assert server.http.get("/readyz").json()["store"] == "unavailable"
    assert "does not answer" in server.log.read_text()


def test_a_large_upload_passes_through_in_parts_and_is_never_held_whole(s3: S3Server, tmp_path: Path) -> None:
    size = 200
    piece = b"\x89PNG\r\n\x1a\n" + bytes(2**20 - 8)
    grown = []

    with on_s3(s3, tmp_path, "--max-upload-mb", "256", workers=0) as server:
        server.upload(PICTURE)
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss

        def pieces() -> Iterator[bytes]:
            for _ in range(size):
                grown.append(process.memory_info().rss - before)
                yield piece

        answer = server.http.post("/v1/files", content=pieces())
        digest, served = hashlib.sha256(), 0
        with server.http.stream("GET", answer.json()["url"]) as download:
            for chunk in download.iter_bytes():
                digest.update(chunk)
                served += len(chunk)
                if served % (8 * 2**20) < len(chunk):
                    grown.append(process.memory_info().rss - before)

    assert answer.json()["size_bytes"] == served == size * 2**20
    assert answer.json()["sha256"] == digest.hexdigest()
    assert max(grown) < 80 * 2**20

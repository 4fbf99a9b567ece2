"""Inputs from end to end: what a picture that is wrong does to its run."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from road_server import SEED, Server

from pictures import animated, png_of, saved, turned

leaving = Event()


class Pictures(BaseHTTPRequestHandler):
    """A host of pictures, some of them wrong."""

    bodies = {
        "/good.jpg": saved("JPEG"),
        "/page.html": b"<!doctype html><title>no picture</title>",
        "/moving.gif": animated("GIF"),
        "/cut.jpg": saved("JPEG", (400, 400))[:-500],
        "/wide.png": png_of(5000, 100),
        "/strip.png": png_of(100, 400),
        "/bomb.png": png_of(4096, 4096),
        "/turned.jpg": turned("JPEG"),
        "/heavy.jpg": saved("JPEG") + b"\0" * (16 * 2**20),
    }

    def do_GET(self) -> None:
        body = self.bodies.get(self.path)
        if self.path == "/slow.jpg":
            leaving.wait(30)
            return
        if self.path == "/endless.jpg":
            self._endless()
            return
        status = 200 if body is not None else int(self.path.strip("/") or 404)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        try:
            self.wfile.write(body or b"")
        except ConnectionError:
            self.close_connection = True

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            self.wfile.write(saved("JPEG"))
            while not leaving.is_set():
                self.wfile.write(b"\0" * 65536)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    listener.daemon_threads = True
    thread = Thread(target=listener.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listener.server_port}"
    leaving.set()
    listener.shutdown()
    thread.join()
    listener.server_close()


def failed(server: Server, *sources: str, model: str = "tests/echo") -> dict[str, Any]:
    result = server.run({"prompt": "copy", "image_urls": list(sources)}, model)
    assert result["status"] == "failed", result
    error = result["error"]
    assert error["detail"]["field"] == "image_urls"
    return error


def test_a_picture_from_a_url_reaches_the_engine(server: Server, host: str) -> None:
    result = server.run({"prompt": "copy", "image_urls": [f"{host}/good.jpg"] * 10})

    assert result["notes"]["files"] == 10


@pytest.mark.parametrize(
    ("path", "type_", "words"),
    [
        ("/404", "url_not_found", "answered 404"),
        ("/403", "url_not_found", "without signing in"),
        ("/slow.jpg", "url_timeout", "upload"),
        ("/page.html", "not_a_picture", "HTML page"),
        ("/moving.gif", "picture_format", "GIF"),
        ("/cut.jpg", "picture_damaged", "cut off"),
        ("/wide.png", "validation_failed", "Maximum resolution is 4096x4096."),
        ("/strip.png", "validation_failed", "The input image aspect ratio must be within [1/3, 3]."),
        ("/heavy.jpg", "validation_failed", "Each image file must be ≤ 1 MB."),
        ("/endless.jpg", "validation_failed", "Each image file must be ≤ 1 MB."),
    ],
)
def test_a_wrong_picture_fails_the_run_and_says_which(
    server: Server, host: str, path: str, type_: str, words: str
) -> None:
    error = failed(server, f"{host}/good.jpg", host + path)

    assert error["type"] == type_
    assert words in error["message"]
    assert error["detail"]["index"] == 1


def test_a_broken_rule_tells_the_measured_value(server: Server, host: str) -> None:
    assert failed(server, f"{host}/wide.png")["detail"]["measured"] == 5000
    assert failed(server, f"{host}/strip.png")["detail"]["measured"] == 0.25


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://10.0.0.1/a.jpg", "private network"),
        ("https://169.254.169.254/latest/meta-data", "link-local"),
        ("https://[::ffff:10.0.0.1]/a.jpg", "tunnel"),
        ("https://user:pass@example.org/a.jpg", "user name"),
        ("https://0x7f.1/a.jpg", "usual way"),
    ],
)
def test_an_address_that_is_not_public_is_refused(server: Server, url: str, words: str) -> None:
    error = failed(server, url)

    assert error["type"] == "url_refused"
    assert words in error["message"]


def test_a_server_error_of_the_host_is_tried_again_before_it_fails(server: Server, host: str) -> None:
    request_id = server.submit({"prompt": "copy", "image_urls": [f"{host}/503"]})

    result = server.result(request_id, wait=60)

    assert result["error"]["type"] == "url_server_error"
    kinds = [event["kind"] for event in server.events(request_id)]
    assert kinds.count("queued") == 2


def test_data_uris_uploads_and_our_own_urls_are_inputs_too(server: Server) -> None:
    picture = saved("PNG")
    upload = server.upload(picture)
    uri = "data:image/png;base64," + base64.b64encode(picture).decode()

    result = server.run({"prompt": "copy", "image_urls": [uri, upload["id"], upload["url"]]})

    assert result["status"] == "succeeded"
    assert result["notes"]["files"] == 3


def test_a_text_that_pretends_to_be_a_picture_fails_the_run(server: Server) -> None:
    upload = server.upload(b"<script>alert(1)</script>", "a.png")

    served = server.http.get(upload["url"])
    error = failed(server, upload["id"])

    assert error["type"] == "not_a_picture"
    assert served.headers["content-type"] == "application/octet-stream"
    assert served.headers["content-disposition"].startswith("attachment")
    assert served.headers["x-content-type-options"] == "nosniff"


def test_the_same_upload_may_be_multipart(server: Server) -> None:
    picture = saved("JPEG")

    answer = server.http.post("/v1/files", files={"file": ("../../ü<b>.jpg", picture, "text/html")})

    assert answer.status_code == 201
    body = answer.json()
    assert body["content_type"] == "image/jpeg"
    assert "/" not in body["filename"] and "<" not in body["filename"]
    assert server.http.get(body["url"]).content == picture


def test_an_upload_over_the_limit_is_refused_while_it_streams(tmp_path) -> None:
    from road_server import serving

    with serving(tmp_path / "data", "--max-upload-mb", "1", workers=0) as server:
        answer = server.http.post("/v1/files", content=(b"\xff\xd8\xff" + b"x" * 65536 for _ in range(40)))
        left = [path for path in (server.data / "files").rglob("*") if path.is_file()]

    assert (answer.status_code, answer.json()["error_code"]) == (413, 413001)
    assert left == []


def test_parts_of_a_file_can_be_asked_for(server: Server) -> None:
    picture = saved("PNG")
    url = server.upload(picture)["url"]

    part = server.http.get(url, headers={"Range": "bytes=2-5"})
    tail = server.http.get(url, headers={"Range": "bytes=-4"})
    beyond = server.http.get(url, headers={"Range": f"bytes={len(picture)}-"})
    whole = server.http.get(url)
    known = server.http.get(url, headers={"If-None-Match": whole.headers["etag"]})
    head = server.http.head(url)

    assert (part.status_code, part.content) == (206, picture[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(picture)}"
    assert tail.content == picture[-4:]
    assert (beyond.status_code, beyond.json()["error_code"]) == (416, 416001)
    assert (known.status_code, known.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(picture)


def test_a_prompt_that_the_shipped_engine_does_not_understand_is_refused_with_help(server: Server) -> None:
    picture = server.upload(saved("JPEG", (200, 200)))["id"]

    result = server.run({"image_urls": [picture], "prompt": "Colorize this black and white photo"}, SEED)

    assert result["status"] == "failed"
    assert result["error"]["type"] == "not_understood"
    assert "background" in result["error"]["message"]

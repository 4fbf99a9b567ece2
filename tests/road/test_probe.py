"""A look at a file behind a URL, and what a run of a model would meet, before either is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from road_server import ECHO, SEED, Server, serving, until

from pictures import animated, png_of, saved


class Strangers(BaseHTTPRequestHandler):
    """A host of pictures."""

    bodies = {
        "/boat.jpg": saved("JPEG"),
        "/page.html": b"<!doctype html><title>no picture</title>",
        "/moving.gif": animated("GIF"),
        "/cut.jpg": saved("JPEG", (400, 400))[:-500],
        "/strip.png": png_of(100, 400),
    }

    def do_GET(self) -> None:
        body = self.bodies.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Strangers)
    thread = Thread(target=listener.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listener.server_port}"
    listener.shutdown()
    thread.join()
    listener.server_close()


def probe(caller: httpx.Client, url: str, **body: str) -> httpx.Response:
    asked = {"model_id": SEED, "field": "image_urls", "url": url, **body}
    return caller.post("/v1/files/probe", json=asked)


def refused(caller: httpx.Client, url: str, **body: str) -> dict[str, Any]:
    answer = probe(caller, url, **body)
    assert answer.status_code == 422, answer.text
    [problem] = answer.json()["detail"]
    return dict(problem)


def test_a_picture_behind_a_url_is_measured_and_can_be_shown(server: Server, host: str) -> None:
    found = probe(server.new_key(), f"{host}/boat.jpg").json()
    assert (found["width"], found["height"], found["problems"]) == (40, 24, [])
    assert found["file"]["size_bytes"] == len(Strangers.bodies["/boat.jpg"])
    shown = server.client(None).get(found["file"]["url"])
    assert shown.content == Strangers.bodies["/boat.jpg"]
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_a_broken_rule_is_told_in_the_words_of_the_model_beside_the_size(server: Server, host: str) -> None:
    found = probe(server.new_key(), f"{host}/strip.png").json()
    assert (found["width"], found["height"]) == (100, 400)
    [problem] = found["problems"]
    assert "aspect ratio" in problem["message"]


@pytest.mark.parametrize(
    "path", ["/none.jpg", "/page.html", "/moving.gif", "/cut.jpg"], ids=lambda path: path.strip("/")
)
def test_what_a_run_would_refuse_is_refused_in_its_words(server: Server, host: str, path: str) -> None:
    caller = server.new_key()
    problem = refused(caller, host + path, model_id=ECHO)
    run = server.run({"prompt": "copy", "image_urls": [host + path]})
    assert run["error"]["type"] == problem["type"]
    assert run["error"]["message"] == f"image_urls[0]: {problem['msg']}"


def test_a_look_goes_nowhere_that_a_run_would_not_go(idle: Server, host: str) -> None:
    caller = idle.new_key()
    for url in (
        f"{host}/boat.jpg",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "http://example.org/a",
    ):
        assert refused(caller, url)["type"] == "url_refused"
    for url in ("file:///etc/passwd", "data:image/png;base64,AAAA", "file_" + "0" * 32):
        assert refused(caller, url)["type"] == "format"


def test_a_look_is_for_a_field_of_files_of_a_model_that_is_there(server: Server, host: str) -> None:
    caller = server.new_key()
    assert "image_urls" in refused(caller, f"{host}/boat.jpg", field="image_url")["msg"]
    assert probe(caller, f"{host}/boat.jpg", model_id="no/model").status_code == 404
    assert probe(server.client(None), f"{host}/boat.jpg").status_code == 401


def test_a_key_looks_thirty_times_in_a_minute_and_others_go_on_looking(server: Server, host: str) -> None:
    caller = server.new_key()
    answers = [probe(caller, f"{host}/none.jpg") for _ in range(31)]
    assert [each.status_code for each in answers] == [422] * 30 + [429]
    assert answers[-1].json()["error_code"] == 429004
    assert 0 < int(answers[-1].headers["retry-after"]) <= 61
    assert probe(server.new_key(), f"{host}/boat.jpg").status_code == 200


def test_what_a_run_would_meet_is_told_with_its_model(
    idle: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outlook = idle.http.get(f"/v1/models/{ECHO}").json()["outlook"]
    assert (outlook["usual_run_s"], outlook["wait_s"]) == (None, None)
    waiting = idle.submit({"prompt": "copy"})
    assert idle.http.get(f"/v1/models/{ECHO}").json()["outlook"]["waiting"] == outlook["waiting"] + 1
    idle.http.post(f"/v1/requests/{waiting}/cancel")
    data = tmp_path_factory.mktemp("outlook") / "data"
    with serving(data) as fresh:

        def told() -> dict[str, Any]:
            return dict(fresh.http.get(f"/v1/models/{ECHO}").json()["outlook"])

        until(lambda: told()["wait_s"] == 0)
        assert told()["usual_run_s"] is None
        fresh.run({"prompt": "copy"})
        assert told()["usual_run_s"] >= 0
    with serving(data) as again:
        known = again.http.get(f"/v1/models/{ECHO}").json()["outlook"]["usual_run_s"]
        assert known is not None, "a restart does not forget how long runs take"

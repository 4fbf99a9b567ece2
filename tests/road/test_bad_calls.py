"""What a wrong call gets: the one error shape, the right status and code, and words that help."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from road_engines import png
from road_server import ECHO, SEED, Server, serving

PICTURE = "https://example.org/a.jpg"
GOOD: dict[str, Any] = {"image_urls": [PICTURE], "prompt": "A beautiful girl is sitting on the boat"}


def refused(server: Server, body: Any, model: str = SEED, **options: Any) -> dict[str, Any]:
    options = {"json": body} | options if body is not None else options
    answer = server.http.post(f"/v1/models/{model}", **options)
    shown = answer.json()
    assert answer.status_code >= 400, shown
    assert shown["error_message"] == shown["message"]
    return {"http": answer.status_code, **shown}


def problems(answer: dict[str, Any]) -> dict[tuple[Any, ...], str]:
    assert (answer["http"], answer["error_code"]) == (422, 422001)
    return {tuple(each["loc"]): each["msg"] for each in answer["detail"]}


def test_a_body_that_is_not_json_says_where_it_breaks(idle: Server) -> None:
    [(loc, sentence)] = problems(refused(idle, None, content=b'{"prompt": ')).items()

    assert loc == ("body",)
    assert "not valid JSON" in sentence


def test_an_empty_body_asks_for_an_object(idle: Server) -> None:
    assert "send a JSON object" in problems(refused(idle, None, content=b""))[("body",)]


@pytest.mark.parametrize("body", [[], "text", 3, True])
def test_a_body_that_is_no_object_is_refused(idle: Server, body: Any) -> None:
    assert "must be a JSON object" in problems(refused(idle, body))[("body",)]


def test_a_body_nested_a_hundred_thousand_deep_is_refused(idle: Server) -> None:
    deep = b'{"prompt":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert "nested too deeply" in problems(refused(idle, None, content=deep))[("body",)]


def test_every_problem_of_a_body_is_told_at_once(idle: Server) -> None:
    found = problems(
        refused(idle, {"image_urls": [], "scale": 2, "force_single": "yes", "width×height": "1x1"})
    )

    assert set(found) == {
        ("body", "prompt"),
        ("body", "image_urls"),
        ("body", "scale"),
        ("body", "force_single"),
        ("body", "width×height"),
    }
    assert "required" in found["body", "prompt"]
    assert "at least 1 item" in found["body", "image_urls"]
    assert "at most 1" in found["body", "scale"]
    assert "true or false" in found["body", "force_single"]
    assert "1024x1024(1:1)" in found["body", "width×height"]


def test_eleven_pictures_and_801_characters_are_too_many(idle: Server) -> None:
    found = problems(refused(idle, {"image_urls": [PICTURE] * 11, "prompt": "船" * 801}))

    assert "at most 10 items, got 11" in found["body", "image_urls"]
    assert "at most 800 characters, got 801" in found["body", "prompt"]
    assert idle.submit({"image_urls": [PICTURE] * 10, "prompt": "船" * 800}, SEED)


def test_a_required_field_is_never_filled_with_its_demo_value(idle: Server) -> None:
    assert ("body", "image_urls") in problems(refused(idle, {"prompt": "x"}))


def test_an_unknown_field_is_ignored_and_noted(server: Server) -> None:
    result = server.run({"prompt": "copy", "promt": "x"})

    assert result["status"] == "succeeded"
    assert result["notes"]["ignored_fields"] == ["promt"]


def test_an_unknown_field_is_refused_in_strict_mode(tmp_path) -> None:
    with serving(tmp_path / "data", "--strict-inputs", workers=0) as strict:
        found = problems(refused(strict, {**GOOD, "promt": "x"}))

    assert 'did you mean "prompt"' in found["body", "promt"]


def test_an_unknown_model_is_404_and_a_malformed_id_400(idle: Server) -> None:
    unknown = refused(idle, GOOD, "bytedance/dreamina-9/edit")
    malformed = refused(idle, GOOD, "no spaces/here")

    assert (unknown["http"], unknown["error_code"]) == (404, 400001)
    assert "GET /v1/models" in unknown["message"]
    assert (malformed["http"], malformed["error_code"]) == (400, 400001)


@pytest.mark.parametrize("header", [None, "Bearer", "Basic abc", "Bearer wrong", "Bearer " + "x" * 5000])
def test_a_missing_or_wrong_key_is_401(idle: Server, header: str | None) -> None:
    answer = idle.client(None).get("/v1/models", headers={"Authorization": header} if header else {})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error_code"] == 400004


def test_a_revoked_key_is_refused_at_once(idle: Server) -> None:
    made = idle.http.post("/v1/keys", json={"name": "short", "scopes": ["caller"]}).json()
    caller = idle.client(made["key"])
    assert caller.get("/v1/models").status_code == 200

    idle.http.delete(f"/v1/keys/{made['id']}")

    answer = caller.get("/v1/models")
    assert answer.status_code == 401
    assert "revoked" in answer.json()["message"]


def test_the_request_of_another_key_is_403(idle: Server) -> None:
    mine, other = idle.new_key(), idle.new_key()
    request_id = mine.post(f"/v1/models/{ECHO}", json={"prompt": "copy"}).json()["request_id"]

    for method, path in (("GET", "status"), ("GET", "result"), ("GET", "events"), ("POST", "cancel")):
        answer = other.request(method, f"/v1/requests/{request_id}/{path}")
        assert (answer.status_code, answer.json()["error_code"]) == (403, 403001)
    assert other.delete(f"/v1/requests/{request_id}").status_code == 403
    assert other.get("/v1/requests").json()["requests"] == []
    assert mine.get(f"/v1/requests/{request_id}/status").json()["status"] == "in_queue"


def test_foreign_requests_can_be_hidden(tmp_path) -> None:
    with serving(tmp_path / "data", "--hide-foreign", workers=0) as server:
        request_id = server.submit({"prompt": "copy"})
        answer = server.new_key().get(f"/v1/requests/{request_id}/status")

    assert (answer.status_code, answer.json()["error_code"]) == (404, 404001)


def test_a_key_without_the_scope_is_403(idle: Server) -> None:
    caller, worker = idle.new_key("caller"), idle.new_key("worker")

    for client, method, path in (
        (caller, "GET", "/v1/keys"),
        (caller, "POST", "/worker/v1/claim"),
        (caller, "GET", "/metrics"),
        (worker, "GET", "/v1/models"),
        (worker, "POST", f"/v1/models/{ECHO}"),
    ):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["error_code"]) == (403, 403003)
        assert "scope" in answer.json()["message"]


def test_an_unknown_request_is_404_and_a_malformed_id_400(idle: Server) -> None:
    unknown = idle.http.get("/v1/requests/3f0c1c8e-0000-7000-8000-000000000000/status")
    malformed = idle.http.get("/v1/requests/not%20an%20id/status")

    assert (unknown.status_code, unknown.json()["error_code"]) == (404, 404001)
    assert (malformed.status_code, malformed.json()["error_code"]) == (400, 400001)


def test_unknown_routes_and_methods_have_the_one_shape(idle: Server) -> None:
    lost = idle.http.get("/v2/models")
    wrong = idle.http.put("/v1/models")
    slash = idle.http.get("/v1/models/")

    assert (lost.status_code, lost.json()["error_code"]) == (404, 404002)
    assert (wrong.status_code, wrong.json()["error_code"]) == (405, 405001)
    assert wrong.headers["allow"] == "GET, HEAD"
    assert not slash.is_redirect


def test_a_body_over_the_limit_is_refused_while_it_streams(tmp_path) -> None:
    with serving(tmp_path / "data", "--max-body-mb", "1", workers=0) as server:
        announced = server.http.post(f"/v1/models/{ECHO}", content=b"x" * (2**20 + 1))
        streamed = server.http.post(f"/v1/models/{ECHO}", content=(b"x" * 65536 for _ in range(64)))

    for answer in (announced, streamed):
        assert (answer.status_code, answer.json()["error_code"]) == (413, 413001)
        assert "Upload files instead" in answer.json()["message"]


def test_too_many_waiting_requests_of_a_key_are_429_with_retry_after(tmp_path) -> None:
    with serving(tmp_path / "data", "--max-waiting", "2", workers=0) as server:
        for _ in range(2):
            server.submit({"prompt": "copy"})
        full = server.http.post(f"/v1/models/{ECHO}", json={"prompt": "copy"})
        other = server.new_key().post(f"/v1/models/{ECHO}", json={"prompt": "copy"})

    assert (full.status_code, full.json()["error_code"]) == (429, 429001)
    assert int(full.headers["retry-after"]) > 0
    assert other.status_code == 200


def test_a_nearly_full_disk_refuses_submits_and_uploads_with_507(tmp_path) -> None:
    with serving(tmp_path / "data", "--disk-reserve-mb", str(2**40), workers=0) as server:
        submit = server.http.post(f"/v1/models/{ECHO}", json={"prompt": "copy"})
        upload = server.http.post("/v1/files", content=png(2, 2))
        ready = server.http.get("/readyz")
        listed = server.http.get("/v1/requests")

    for answer in (submit, upload, ready):
        assert (answer.status_code, answer.json()["error_code"]) == (507, 507001)
    assert "free space" in submit.json()["message"]
    assert listed.status_code == 200


def test_another_host_name_is_refused_so_that_no_page_can_rebind_to_us(idle: Server) -> None:
    answer = idle.http.get("/v1/models", headers={"Host": "evil.example"})

    assert (answer.status_code, answer.json()["error_code"]) == (421, 421001)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("wait=no", "number from 0 to 60"),
        ("wait=61", "number from 0 to 60"),
        ("wait=nan", "number from 0 to 60"),
    ],
)
def test_a_bad_wait_is_refused(idle: Server, query: str, words: str) -> None:
    request_id = idle.submit({"prompt": "copy"})

    answer = idle.http.get(f"/v1/requests/{request_id}/status?{query}")

    assert answer.status_code == 422
    assert words in answer.json()["detail"][0]["msg"]


def test_an_upload_id_that_is_not_there_is_told_at_submit(idle: Server) -> None:
    found = problems(refused(idle, {**GOOD, "image_urls": ["file_" + "0" * 32, "data:image/png;base64,!!"]}))

    assert "upload it again" in found["body", "image_urls", 0]
    assert "base64" in found["body", "image_urls", 1]


def test_words_that_are_not_http_do_not_hurt_the_server(idle: Server) -> None:
    host, port = idle.url.removeprefix("http://").split(":")
    for garbage in (
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/models HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(garbage)
            raw.recv(200)

    assert idle.http.get("/healthz").status_code == 200

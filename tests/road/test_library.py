"""The library of one's requests: search, the whole record, re-runs, and shares, against running servers."""

from __future__ import annotations

import base64
import re
from typing import Any

import httpx
from road_engines import png
from road_server import ECHO, SEED, Server, serving

PICTURE = "https://example.org/a.jpg"


def submitted(caller: httpx.Client, prompt: str, model: str = ECHO, **fields: Any) -> str:
    answer = caller.post(f"/v1/models/{model}", json={"prompt": prompt, **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["request_id"])


def searched(caller: httpx.Client, search: str, **more: Any) -> list[str]:
    answer = caller.get("/v1/requests", params={"search": search, **more})
    assert answer.status_code == 200, answer.text
    return [each["request_id"] for each in answer.json()["requests"]]


# Search


def test_a_search_finds_prompts_whatever_their_case(idle: Server) -> None:
    caller = idle.new_key()
    boat = submitted(caller, "A Girl on the BOAT")
    goat = submitted(caller, "Зелёная коза")

    assert searched(caller, "boat") == [boat]
    assert searched(caller, "ЗЕЛЁНАЯ") == [goat]
    assert searched(caller, "ship") == []
    assert searched(caller, "") == [goat, boat]


def test_a_search_looks_at_texts_only_and_takes_every_character_for_itself(idle: Server) -> None:
    caller = idle.new_key()
    edit = {"image_urls": [PICTURE], "width×height": "1024x1024(1:1)"}
    plain = submitted(caller, "make it 100 times bigger", SEED, **edit)
    marked = submitted(caller, "make it 100% bigger", SEED, **edit)

    assert searched(caller, "100%") == [marked]
    assert searched(caller, "1024x1024") == []
    assert searched(caller, "example.org") == []
    assert searched(caller, "_") == []
    assert searched(caller, "BIGGER") == [marked, plain]


def test_a_search_never_finds_what_others_asked(idle: Server) -> None:
    mine, other = idle.new_key(), idle.new_key()
    submitted(mine, "a secret lagoon")

    assert searched(other, "lagoon") == []
    assert searched(idle.http, "lagoon") == []
    assert len(searched(idle.http, "lagoon", all="true")) == 1


def test_a_search_that_is_too_long_is_refused(idle: Server) -> None:
    answer = idle.http.get("/v1/requests", params={"search": "x" * 201})

    assert answer.json()["detail"][0]["loc"] == ["query", "search"]


def test_a_list_brings_inputs_and_outputs_on_request(server: Server) -> None:
    caller = server.new_key()
    request_id = submitted(caller, "copy this")
    caller.get(f"/v1/requests/{request_id}/result", params={"wait": 30})

    [bare] = caller.get("/v1/requests").json()["requests"]
    [full] = caller.get("/v1/requests?include_input&include_output").json()["requests"]

    assert "input" not in bare and "output" not in bare
    assert full["input"]["prompt"] == "copy this"
    assert full["output"]["image"] == full["output"]["images"][0]


def test_failures_of_everybody_are_listed_with_their_reasons_for_an_admin(server: Server) -> None:
    caller = server.new_key()
    request_id = submitted(caller, "refuse")
    caller.get(f"/v1/requests/{request_id}/result", params={"wait": 30})

    listed = server.http.get("/v1/requests", params={"state": "failed", "all": "true"}).json()["requests"]
    own = caller.get("/v1/requests", params={"all": "true"}).json()["requests"]

    failed = next(each for each in listed if each["request_id"] == request_id)
    assert failed["error"]["type"] == "not_understood"
    assert failed["key_id"].startswith("key_")
    assert {each["status"] for each in listed} == {"failed"}
    assert [each["request_id"] for each in own] == [request_id]


# Records


def test_a_record_tells_everything_of_a_run(server: Server) -> None:
    request_id = server.submit({"prompt": "copy", "seconds": 0}, params={"priority": "high"})
    result = server.result(request_id)

    record = server.http.get(f"/v1/requests/{request_id}").json()

    assert record["input"] == {"prompt": "copy", "seconds": 0}
    assert (record["status"], record["priority"], record["attempts"]) == ("succeeded", "high", 1)
    assert record["output"] == result["output"]
    assert record["notes"] == result["notes"]
    assert record["cost"] == 0.02
    assert record["created_at"] <= record["started_at"] <= record["finished_at"] < record["expires_at"]
    assert (record["error"], record["history"], record["share"], record["files"]) == (None, [], None, [])


def test_a_record_tells_why_attempts_failed(server: Server) -> None:
    request_id = server.submit({"prompt": "crash_once"})
    assert server.result(request_id)["status"] == "succeeded"

    record = server.http.get(f"/v1/requests/{request_id}").json()

    assert record["attempts"] == 2
    [failed] = record["history"]
    assert (failed["attempt"], failed["type"]) == (1, "engine_crashed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*\+00:00", failed["at"])


def test_the_input_of_a_record_can_be_run_again_with_its_files(server: Server) -> None:
    uri = "data:image/png;base64," + base64.b64encode(png(40, 40)).decode()
    upload = server.upload(png(64, 64), "boat.png")
    first = server.submit({"prompt": "copy", "image_urls": [uri, upload["url"]]})
    server.result(first)

    record = server.http.get(f"/v1/requests/{first}").json()
    again = server.run(record["input"])

    assert [each["filename"] for each in record["files"]] == ["", "boat.png"]
    assert [each["id"] for each in record["files"]] == record["input"]["image_urls"]
    assert server.http.get(record["files"][0]["url"]).content == png(40, 40)
    assert (again["status"], again["notes"]["files"]) == ("succeeded", 2)


def test_a_record_is_its_owners_alone(idle: Server) -> None:
    mine, other = idle.new_key(), idle.new_key()
    request_id = submitted(mine, "copy")

    for method, path in (("GET", ""), ("POST", "/share"), ("DELETE", "/share")):
        answer = other.request(method, f"/v1/requests/{request_id}{path}")
        assert (answer.status_code, answer.json()["error_code"]) == (403, 403001)
    assert idle.http.get(f"/v1/requests/{request_id}").json()["input"]["prompt"] == "copy"
    assert other.get("/v1/requests/none").json()["error_code"] == 404001
    assert other.get("/v1/requests/not%20an%20id").json()["error_code"] == 400001


# Shares


def test_a_shared_result_is_seen_without_a_key_and_without_a_trace_of_its_owner(server: Server) -> None:
    upload = server.upload(png(64, 64), "private name.png")
    request_id = server.submit({"prompt": "copy the boat", "image_urls": [upload["url"]]})
    result = server.result(request_id)

    made = server.http.post(f"/v1/requests/{request_id}/share")
    shared = server.client(None).get(made.json()["result_url"])

    assert made.status_code == 201
    assert made.json()["url"] == f"{server.url}/s/{made.json()['token']}"
    assert shared.status_code == 200
    body = shared.json()
    assert (body["model_id"], body["input"]["prompt"]) == (ECHO, "copy the boat")
    assert body["output"] == result["output"]
    assert "image_urls" not in body["input"]
    for secret in (request_id, "key_", "private", upload["id"]):
        assert secret not in shared.text
    assert server.client(None).get(body["output"]["image"]).content == png(2, 2)


def test_a_share_is_private_until_made_and_dead_when_taken_back(server: Server) -> None:
    request_id = server.submit({"prompt": "copy"})
    server.result(request_id)
    stranger = server.client(None)
    assert server.http.get(f"/v1/requests/{request_id}").json()["share"] is None

    first = server.http.post(f"/v1/requests/{request_id}/share").json()
    again = server.http.post(f"/v1/requests/{request_id}/share").json()
    assert server.http.get(f"/v1/requests/{request_id}").json()["share"]["token"] == first["token"]
    taken_back = [server.http.delete(f"/v1/requests/{request_id}/share").json() for _ in range(2)]
    other = server.http.post(f"/v1/requests/{request_id}/share").json()

    assert again == first
    assert [each["was_shared"] for each in taken_back] == [True, False]
    assert stranger.get(first["result_url"]).json()["error_code"] == 404001
    assert stranger.get(other["result_url"]).status_code == 200


def test_a_share_goes_with_its_request(server: Server) -> None:
    request_id = server.submit({"prompt": "copy"})
    server.result(request_id)
    url = server.http.post(f"/v1/requests/{request_id}/share").json()["result_url"]

    server.http.delete(f"/v1/requests/{request_id}")

    assert server.client(None).get(url).status_code == 404


def test_what_has_not_succeeded_cannot_be_shared(server: Server, idle: Server) -> None:
    failed = server.submit({"prompt": "refuse"})
    server.result(failed)

    refused = server.http.post(f"/v1/requests/{failed}/share")
    waiting = idle.http.post(f"/v1/requests/{idle.submit({'prompt': 'copy'})}/share")

    for answer in (refused, waiting):
        assert (answer.status_code, answer.json()["error_code"]) == (409, 409004)


def test_a_token_that_is_none_is_404(idle: Server) -> None:
    for token in ("0" * 32, "x", "%27%20OR%201", "0" * 5000):
        answer = idle.client(None).get(f"/v1/shares/{token}")
        assert (answer.status_code, answer.json()["error_code"]) == (404, 404001)


def test_foreign_records_can_be_hidden(tmp_path) -> None:
    with serving(tmp_path / "data", "--hide-foreign", workers=0) as server:
        request_id = server.submit({"prompt": "copy"})
        other = server.new_key()
        answers = [other.get(f"/v1/requests/{request_id}"), other.post(f"/v1/requests/{request_id}/share")]

    assert [(each.status_code, each.json()["error_code"]) for each in answers] == [(404, 404001)] * 2

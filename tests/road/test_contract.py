"""The contract, field by field, against a running server."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from road_engines import png
from road_server import ECHO, SEED, Server

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


def test_submit_answers_with_an_id_and_three_absolute_urls(idle: Server) -> None:
    answer = idle.http.post(f"/v1/models/{ECHO}", json={"prompt": "copy"})

    assert answer.status_code == 200
    body = answer.json()
    base = f"{idle.url}/v1/requests/{body['request_id']}"
    assert body == {
        "request_id": body["request_id"],
        "status_url": f"{base}/status",
        "result_url": f"{base}/result",
        "cancel_url": f"{base}/cancel",
    }


def test_a_waiting_request_tells_its_place_in_the_queue(idle: Server) -> None:
    caller = idle.new_key()
    ids = [caller.post(f"/v1/models/{ECHO}", json={"prompt": "copy"}).json()["request_id"] for _ in range(3)]

    places = [caller.get(f"/v1/requests/{each}/status").json()["queue_position"] for each in ids]

    assert all(isinstance(place, int) and place >= 1 for place in places)
    assert places == sorted(set(places))
    status = caller.get(f"/v1/requests/{ids[0]}/status").json()
    assert set(status) == {"request_id", "status", "queue_position", "status_url", "result_url"}
    assert status["status"] == "in_queue"
    result = caller.get(f"/v1/requests/{ids[0]}/result").json()
    assert result["status"] == "in_queue"
    assert "output" not in result and "finished_at" not in result
    assert TIME.fullmatch(result["created_at"])


def test_a_good_run_is_completed_in_the_status_and_succeeded_in_the_result(server: Server) -> None:
    request_id = server.submit({"prompt": "copy"})

    result = server.result(request_id)

    assert server.status(request_id)["status"] == "completed"
    assert result["status"] == "succeeded"
    assert result["model_id"] == ECHO
    assert result["engine"] == "road_engines:Echo"
    assert result["notes"]["understood"] == ["copy"]
    assert TIME.fullmatch(result["finished_at"])
    [url] = result["output"]["images"]
    assert result["output"]["image"] == url
    assert url.startswith(f"{server.url}/files/") and url.endswith(".png")
    picture = server.client(None).get(url)
    assert picture.headers["content-type"] == "image/png"
    assert picture.content == png(2, 2)


def test_several_pictures_come_in_order_and_without_the_single_member(server: Server) -> None:
    output = server.run({"prompt": "count"})["output"]

    assert set(output) == {"images"}
    assert [server.http.get(url).content for url in output["images"]] == [png(2 + n, 2) for n in range(3)]


def test_the_cost_is_added_on_request_only(server: Server) -> None:
    request_id = server.submit({"prompt": "count"})
    assert "cost" not in server.result(request_id)

    costly = server.http.get(f"/v1/requests/{request_id}/result", params={"include_cost": "true"}).json()

    assert costly["cost"] == pytest.approx(0.06)


def test_a_failed_run_is_completed_in_the_status_and_failed_in_the_result(server: Server) -> None:
    request_id = server.submit({"prompt": "refuse"})

    result = server.result(request_id)

    assert server.status(request_id)["status"] == "completed"
    assert result["status"] == "failed"
    assert result["error"]["type"] == "not_understood"
    assert result["error"]["message"] == "I only copy."
    assert result["error"]["detail"]["not_understood"] == ["refuse"]
    assert "error_code" not in result and "output" not in result


def test_a_waiting_request_can_be_cancelled_and_the_answer_stays_the_same(idle: Server) -> None:
    request_id = idle.submit({"prompt": "copy"})

    answers = [idle.http.post(f"/v1/requests/{request_id}/cancel") for _ in range(2)]

    for answer in answers:
        assert answer.status_code == 202
        assert answer.json() == {"request_id": request_id, "status": "cancelled", "outcome": "cancelled"}
    result = idle.result(request_id)
    assert result["status"] == "cancelled"
    assert "finished_at" in result and "error" not in result


def test_a_running_request_is_not_cancellable_but_can_be_forced(server: Server) -> None:
    request_id = server.submit({"prompt": "copy", "seconds": 30})
    server.wait_for(request_id, "in_progress")

    polite = server.http.post(f"/v1/requests/{request_id}/cancel")
    forced = server.http.post(f"/v1/requests/{request_id}/cancel", params={"force": "true"})

    assert polite.status_code == 202
    assert polite.json() == {
        "request_id": request_id,
        "status": "in_progress",
        "outcome": "not_cancellable",
    }
    assert forced.json() == {"request_id": request_id, "status": "cancelled", "outcome": "cancelled"}


def test_a_hanging_engine_is_stopped_by_a_forced_cancel_too(server: Server) -> None:
    request_id = server.submit({"prompt": "hang"})
    server.wait_for(request_id, "in_progress")

    forced = server.http.post(f"/v1/requests/{request_id}/cancel", params={"force": "true"})

    assert forced.json()["outcome"] == "cancelled"
    assert server.run({"prompt": "copy"})["status"] == "succeeded"


def test_an_ended_request_is_not_cancellable(server: Server) -> None:
    request_id = server.submit({"prompt": "copy"})
    server.result(request_id)

    answer = server.http.post(f"/v1/requests/{request_id}/cancel", params={"force": "true"}).json()

    assert answer == {"request_id": request_id, "status": "completed", "outcome": "not_cancellable"}


def test_events_are_numbered_and_resume_after_the_last_one_seen(server: Server) -> None:
    request_id = server.submit({"prompt": "copy", "seconds": 0.6})

    events = server.events(request_id)

    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["kind"] for event in events]
    assert kinds[:2] == ["queued", "started"] and kinds[-1] == "ended"
    assert {"log", "progress"} <= set(kinds)
    assert events[-1]["status"] == "succeeded"
    fractions = [event["fraction"] for event in events if event["kind"] == "progress"]
    assert fractions == sorted(fractions) and 0 <= fractions[0] <= fractions[-1] <= 1
    assert server.events(request_id, after=2) == events[2:]


def test_a_wait_on_the_status_ends_when_the_run_starts(server: Server) -> None:
    first = server.submit({"prompt": "copy", "seconds": 0.5})
    second = server.submit({"prompt": "copy", "seconds": 1})
    assert server.status(second)["status"] == "in_queue"

    status = server.http.get(f"/v1/requests/{second}/status", params={"wait": 30}).json()

    assert status["status"] == "in_progress"
    assert server.result(first)["status"] == server.result(second)["status"] == "succeeded"


def test_an_ended_request_can_be_deleted_with_its_files(server: Server) -> None:
    request_id = server.submit({"prompt": "copy"})
    [url] = server.result(request_id)["output"]["images"]

    deleted = server.http.delete(f"/v1/requests/{request_id}")

    assert deleted.status_code == 200
    assert server.http.get(url).status_code == 404
    assert server.http.get(f"/v1/requests/{request_id}/status").json()["error_code"] == 404001


def test_a_waiting_request_cannot_be_deleted(idle: Server) -> None:
    request_id = idle.submit({"prompt": "copy"})

    answer = idle.http.delete(f"/v1/requests/{request_id}")

    assert answer.status_code == 409
    assert "cancel it or wait" in answer.json()["message"]


def test_the_list_shows_ones_own_requests_newest_first_page_by_page(idle: Server) -> None:
    caller = idle.new_key()
    made = [caller.post(f"/v1/models/{ECHO}", json={"prompt": "copy"}).json()["request_id"] for _ in range(5)]
    caller.post(f"/v1/requests/{made[0]}/cancel")

    first = caller.get("/v1/requests", params={"limit": 2}).json()
    rest = caller.get("/v1/requests", params={"limit": 9, "cursor": first["next_cursor"]}).json()

    listed = [each["request_id"] for each in first["requests"] + rest["requests"]]
    assert listed == made[::-1]
    assert rest["next_cursor"] is None
    cancelled = caller.get("/v1/requests", params={"state": "cancelled"}).json()["requests"]
    assert [each["request_id"] for each in cancelled] == [made[0]]
    assert not caller.get("/v1/requests", params={"model": SEED}).json()["requests"]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert not caller.get("/v1/requests", params={"after": later}).json()["requests"]
    assert len(caller.get("/v1/requests", params={"before": later}).json()["requests"]) == 5


def test_an_idempotency_key_gives_the_first_answer_again(idle: Server) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first = idle.http.post(f"/v1/models/{ECHO}", json={"prompt": "copy"}, headers=headers)
    again = idle.http.post(f"/v1/models/{ECHO}", json={"prompt": "copy"}, headers=headers)
    other = idle.http.post(f"/v1/models/{ECHO}", json={"prompt": "other"}, headers=headers)

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 409
    assert "use a new key" in other.json()["message"]


def test_the_catalogue_starts_with_the_seed_and_has_what_clients_read(idle: Server) -> None:
    listed = idle.http.get("/v1/models").json()

    assert listed["models"][0]["model_id"] == SEED
    own = [each for each in listed["models"] if each["model_id"].startswith("tests/")]
    assert len(own) == 2
    assert (listed["total"], listed["limit"], listed["offset"]) == (len(listed["models"]), 100, 0)
    seed = listed["models"][0]
    assert seed["inputs"] == ["image_urls", "prompt", "width×height", "scale", "force_single"]
    assert seed["required_inputs"] == ["image_urls", "prompt"]
    assert (seed["base_price_usd"], seed["price_unit"]) == (0, "output")
    assert "input_schema" not in seed
    assert (
        "input_schema" in idle.http.get("/v1/models", params={"include_schema": "true"}).json()["models"][0]
    )
    schema = idle.http.get(f"/v1/models/{SEED}").json()["input_schema"]
    assert schema["properties"]["scale"]["type"] == "float"
    assert idle.http.get("/v1/models", params={"search": "ECHO"}).json()["total"] == 2
    assert idle.http.get("/v1/models", params={"category": "image-to-video"}).json()["models"] == []
    page = {"limit": 1, "offset": 1}
    assert idle.http.get("/v1/models", params=page).json()["models"] == listed["models"][1:2]
    offered = {name for each in listed["models"] for name in each["categories"]}
    assert idle.http.get("/v1/models/categories").json() == {"categories": sorted(offered)}


def test_a_model_id_with_encoded_slashes_is_the_same_model(idle: Server) -> None:
    assert idle.http.get(f"/v1/models/{SEED.replace('/', '%2F')}").json()["model_id"] == SEED


def test_the_curl_lines_of_the_model_page_work_one_after_the_other(server: Server, tmp_path) -> None:
    first, second = (server.upload(png(64, 64))["url"] for _ in range(2))
    shell = f"""
set -eu
curl --silent --fail --request POST \\
--url {server.url}/v1/models/{ECHO} \\
--header "Content-Type: application/json" \\
--header "Authorization: Bearer {server.key}" \\
--data '{{
"image_urls": [
"{first}",
"{second}"
],
"prompt": "copy a beautiful girl is sitting on the boat"
}}' > submitted.json
id=$(sed 's/.*"request_id":"\\([^"]*\\)".*/\\1/' submitted.json)
curl --silent --fail --request GET --url {server.url}/v1/requests/$id/status --header "Authorization: Bearer {server.key}"
echo
curl --silent --fail --request GET --url "{server.url}/v1/requests/$id/result?wait=30" --header "Authorization: Bearer {server.key}"
echo
curl --silent --fail --request POST --url {server.url}/v1/requests/$id/cancel --header "Authorization: Bearer {server.key}"
"""
    done = subprocess.run(["sh", "-c", shell], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    status, result, cancelled = done.stdout.splitlines()
    assert '"status":"in_' in status or '"status":"completed"' in status
    assert '"status":"succeeded"' in result
    assert '"outcome":"not_cancellable"' in cancelled

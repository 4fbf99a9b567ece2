"""What an operator looks at, and what callers see of their use, against running servers."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from road_engines import png
from road_server import ECHO, SEED, Server, until

TODAY = "{:%Y-%m-%d}"


def today() -> str:
    return TODAY.format(datetime.now(UTC))


# Usage


def test_a_caller_sees_its_own_usage_and_an_admin_everybodys(server: Server) -> None:
    caller = server.new_key()
    for prompt in ("copy", "count", "refuse"):
        request_id = caller.post(f"/v1/models/{ECHO}", json={"prompt": prompt}).json()["request_id"]
        caller.get(f"/v1/requests/{request_id}/result", params={"wait": 30})

    own = caller.get("/v1/usage").json()
    everybody = server.http.get("/v1/usage").json()

    [row] = own["rows"]
    assert (row["model_id"], row["key_name"]) == (ECHO, "test")
    assert (row["runs"], row["succeeded"], row["failed"], row["cancelled"]) == (3, 2, 1, 0)
    assert (row["outputs"], row["cost_usd"]) == (4, pytest.approx(0.08))
    assert row["run_s"] >= 0
    assert own["total"]["runs"] == 3
    assert row in everybody["rows"]
    only = server.http.get("/v1/usage", params={"key_id": row["key_id"]}).json()
    assert only["rows"] == [row]
    assert caller.get("/v1/usage", params={"key_id": row["key_id"]}).json() == own


def test_the_usage_of_another_key_needs_the_admin_scope(idle: Server) -> None:
    answer = idle.new_key().get("/v1/usage", params={"key_id": "key_of_another"})

    assert (answer.status_code, answer.json()["error_code"]) == (403, 403003)


def test_usage_is_grouped_as_asked(server: Server) -> None:
    caller = server.new_key()
    request_id = caller.post(f"/v1/models/{ECHO}", json={"prompt": "copy"}).json()["request_id"]
    caller.get(f"/v1/requests/{request_id}/result", params={"wait": 30})

    by_model = caller.get("/v1/usage", params={"group": "model"}).json()["rows"]
    by_day = caller.get("/v1/usage", params={"group": "day,model"}).json()["rows"]
    in_all = caller.get("/v1/usage", params={"group": ""}).json()["rows"]

    assert [each["model_id"] for each in by_model] == [ECHO]
    assert "key_id" not in by_model[0] and "day" not in by_model[0]
    assert (by_day[0]["day"], by_day[0]["model_id"]) == (today(), ECHO)
    assert [each["runs"] for each in in_all] == [1]


def test_usage_is_told_for_the_days_that_are_asked(server: Server) -> None:
    server.run({"prompt": "copy"})
    tomorrow = TODAY.format(datetime.now(UTC) + timedelta(days=1))

    assert server.http.get("/v1/usage", params={"from": tomorrow, "to": tomorrow}).json()["rows"] == []
    assert server.http.get("/v1/usage", params={"from": today(), "to": today()}).json()["rows"]
    usual = server.http.get("/v1/usage").json()
    assert (datetime.fromisoformat(usual["to"]) - datetime.fromisoformat(usual["from"])).days == 29


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "from"),
        ({"from": "2020-01-01", "to": "2026-01-01"}, "from"),
        ({"group": "day,colour"}, "group"),
        ({"format": "xml"}, "format"),
    ],
)
def test_a_wrong_question_for_usage_is_refused(idle: Server, query: dict[str, str], name: str) -> None:
    answer = idle.http.get("/v1/usage", params=query)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", name]


@pytest.mark.parametrize("asked", [{"params": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}])
def test_usage_comes_as_csv(server: Server, asked: dict[str, dict[str, str]]) -> None:
    server.run({"prompt": "copy"})

    answer = server.http.get("/v1/usage", **asked)
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="usage-')
    columns = "day model_id key_id key_name runs succeeded failed cancelled outputs run_s cost_usd"
    assert list(rows[0]) == columns.split()
    assert int(rows[0]["runs"]) >= 1


def test_the_name_of_a_key_is_no_formula_in_a_csv(server: Server) -> None:
    made = server.http.post("/v1/keys", json={"name": "=HYPERLINK(1)", "scopes": ["caller"]}).json()
    caller = server.client(made["key"])
    request_id = caller.post(f"/v1/models/{ECHO}", json={"prompt": "copy"}).json()["request_id"]
    caller.get(f"/v1/requests/{request_id}/result", params={"wait": 30})

    [row] = csv.DictReader(io.StringIO(caller.get("/v1/usage?format=csv").text))

    assert row["key_name"] == "'=HYPERLINK(1)"


# The queue, the workers, the storage


def test_the_queue_is_told_by_model_and_by_key(idle: Server) -> None:
    made = idle.http.post("/v1/keys", json={"name": "busy", "scopes": ["caller"]}).json()
    caller = idle.client(made["key"])
    for model, fields in ((ECHO, {}), (ECHO, {}), (SEED, {"image_urls": ["https://example.org/a.jpg"]})):
        caller.post(f"/v1/models/{model}", json={"prompt": "copy", **fields})

    told = idle.http.get("/v1/queue").json()

    key = next(each for each in told["keys"] if each["key_id"] == made["id"])
    assert (key["key_name"], key["waiting"], key["running"]) == ("busy", 3, 0)
    assert key["oldest_s"] >= 0
    models = {each["model_id"]: each for each in told["models"]}
    assert models[ECHO]["waiting"] >= 2 and models[SEED]["waiting"] >= 1
    assert told["waiting"] == sum(each["waiting"] for each in told["keys"])


def test_the_workers_are_told_with_what_they_run(server: Server) -> None:
    request_id = server.submit({"prompt": "copy", "seconds": 30})
    server.wait_for(request_id, "in_progress")

    [worker] = server.http.get("/v1/workers").json()["workers"]

    assert (worker["is_local"], worker["is_heard"], worker["slots"]) == (True, True, 1)
    assert "road_engines:Echo" in worker["engines"]
    [run] = worker["running"]
    assert (run["request_id"], run["model_id"], run["attempt"]) == (request_id, ECHO, 1)
    assert run["started_at"] < run["lease_until"]
    server.http.post(f"/v1/requests/{request_id}/cancel", params={"force": "true"})
    until(lambda: not server.http.get("/v1/workers").json()["workers"][0]["running"])


def test_the_storage_tells_what_each_kind_of_file_takes(server: Server) -> None:
    before = server.http.get("/v1/storage").json()
    server.upload(png(8, 8))
    server.run({"prompt": "count"})

    after = server.http.get("/v1/storage").json()

    assert after["files"]["upload"]["count"] == before["files"]["upload"]["count"] + 1
    assert after["files"]["upload"]["size_bytes"] == before["files"]["upload"]["size_bytes"] + len(png(8, 8))
    assert after["files"]["output"]["count"] == before["files"]["output"]["count"] + 3
    assert after["database_bytes"] > 0 and after["free_bytes"] > 0
    assert (after["retention_days"], after["reserve_bytes"]) == (7.0, 512 * 2**20)


@pytest.mark.parametrize("path", ["/v1/queue", "/v1/workers", "/v1/storage"])
def test_only_an_admin_sees_how_the_server_is_doing(idle: Server, path: str) -> None:
    answer = idle.new_key().get(path)

    assert (answer.status_code, answer.json()["error_code"]) == (403, 403003)
    assert idle.client(None).get(path).status_code == 401

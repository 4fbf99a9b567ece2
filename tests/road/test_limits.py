"""What keys may take, as callers and operators meet it, against running servers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from road_server import ECHO, Server, serving, until

from officina.job import NewJob, new_id
from officina.keys import mint
from officina.queue.protocol import Terms
from officina.queue.sqlite import open_sqlite

COUNT_PRICE = 0.06


def limited(server: Server, **limits: Any) -> tuple[str, httpx.Client]:
    """A new key with these limits: its id, and a client that holds it."""
    asked = {"name": "limited", "scopes": ["caller"], "limits": limits}
    made = server.http.post("/v1/keys", json=asked).json()
    return made["id"], server.client(made["key"])


def submit(caller: httpx.Client, prompt: str = "copy", **options: Any) -> httpx.Response:
    return caller.post(f"/v1/models/{ECHO}", json={"prompt": prompt}, **options)


def test_a_key_that_submits_too_often_is_told_when_to_come_back(idle: Server) -> None:
    _, caller = limited(idle, rate_per_min=6, burst=2)

    first, second, third = (submit(caller) for _ in range(3))

    assert [each.status_code for each in (first, second, third)] == [200, 200, 429]
    assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("2", "1")
    assert second.headers["ratelimit-remaining"] == "0"
    assert 10 < int(second.headers["ratelimit-reset"]) <= 20
    assert (third.json()["error_code"], third.headers["ratelimit-remaining"]) == (429003, "0")
    assert 0 < int(third.headers["retry-after"]) <= 10
    assert len(caller.get("/v1/requests").json()["requests"]) == 2


def test_a_repetition_is_answered_though_the_rate_is_used_up(idle: Server) -> None:
    _, caller = limited(idle, rate_per_min=1, burst=1)
    first = submit(caller, headers={"Idempotency-Key": "order-7"})

    again = submit(caller, headers={"Idempotency-Key": "order-7"})

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


def test_a_budget_that_is_spent_is_402_until_midnight(server: Server) -> None:
    key_id, caller = limited(server, daily_outputs=3, daily_usd=1)
    request_id = submit(caller, "count").json()["request_id"]
    caller.get(f"/v1/requests/{request_id}/result", params={"wait": 30})

    refused = submit(caller)

    assert (refused.status_code, refused.json()["error_code"]) == (402, 400002)
    assert 0 < int(refused.headers["retry-after"]) <= 86400
    use = server.http.get(f"/v1/keys/{key_id}").json()["use"]
    assert (use["outputs_today"], use["cost_usd_today"]) == (3, pytest.approx(COUNT_PRICE))
    assert (use["held_outputs"], use["held_usd"]) == (0, 0)


def test_a_caller_sees_its_own_limits_and_use_and_no_others(idle: Server) -> None:
    key_id, caller = limited(idle, daily_usd=0.05, max_waiting=2)
    submit(caller)

    own = caller.get("/v1/keys/me").json()

    assert own["id"] == key_id
    assert own["limits"]["daily_usd"] == 0.05
    assert (own["limits_in_force"]["max_waiting"], own["limits_in_force"]["max_running"]) == (2, None)
    assert (own["use"]["waiting"], own["use"]["held_usd"]) == (1, pytest.approx(0.02))
    assert "key" not in own
    assert caller.get(f"/v1/keys/{key_id}").status_code == 403
    assert idle.http.get("/v1/keys/key_unknown").status_code == 404


def test_an_admin_changes_a_key_and_the_next_submit_knows_it(idle: Server) -> None:
    key_id, caller = limited(idle, max_waiting=1)
    assert [submit(caller).status_code for _ in range(2)] == [200, 429]

    changed = idle.http.patch(f"/v1/keys/{key_id}", json={"name": "shop", "limits": {"max_waiting": 2}})

    assert (changed.json()["name"], changed.json()["limits"]["max_waiting"]) == ("shop", 2)
    assert [submit(caller).status_code for _ in range(2)] == [200, 429]
    idle.http.patch(f"/v1/keys/{key_id}", json={"limits": {"max_waiting": None}})
    assert submit(caller).status_code == 200
    assert caller.patch(f"/v1/keys/{key_id}", json={"limits": {}}).status_code == 403


@pytest.mark.parametrize(
    "wrong", [{"limits": {"max_running": 0}}, {"limits": {"colour": 1}}, {"weight": 0}, {"name": " "}]
)
def test_a_wrong_limit_is_refused_with_its_name(idle: Server, wrong: dict[str, Any]) -> None:
    key_id, _ = limited(idle)

    assert idle.http.patch(f"/v1/keys/{key_id}", json=wrong).status_code == 422
    if "limits" in wrong:
        assert idle.http.post("/v1/keys", json={"name": "x", **wrong}).status_code == 422


def test_a_key_runs_as_many_as_it_may_over_all_workers(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--slots", "2", "--max-running", "1", workers=2) as server:
        _, wide = limited(server, max_running=3)
        _, narrow = limited(server)
        body = {"prompt": "copy", "seconds": 1.0}
        mine = [wide.post(f"/v1/models/{ECHO}", json=body).json()["request_id"] for _ in range(5)]
        other = [narrow.post(f"/v1/models/{ECHO}", json=body).json()["request_id"] for _ in range(3)]
        most: dict[str, int] = {}

        def all_ended() -> bool:
            for each in server.http.get("/v1/queue").json()["keys"]:
                most[each["key_id"]] = max(most.get(each["key_id"], 0), each["running"])
            return all(server.status(each)["status"] == "completed" for each in mine + other)

        until(all_ended, 60)
        assert sorted(most.values()) == [1, 3]


def test_a_model_runs_as_often_as_its_operator_allows(tmp_path: Path) -> None:
    settings = tmp_path / "officina.toml"
    settings.write_text(f'[engines."{ECHO}"]\nengine = "road_engines:Echo"\nmax_running = 1\n')
    flags = ("--config", str(settings), "--slots", "3")
    with serving(tmp_path / "data", *flags) as server:
        requests = [server.submit({"prompt": "copy", "seconds": 0.3}) for _ in range(3)]
        most = 0

        def all_ended() -> bool:
            nonlocal most
            most = max(most, server.http.get("/v1/queue").json()["running"])
            return all(server.status(each)["status"] == "completed" for each in requests)

        until(all_ended, 60)
        assert most == 1


def test_a_light_key_is_served_next_behind_ten_thousand_of_a_heavy_one(tmp_path: Path) -> None:
    asyncio.run(_fill(tmp_path / "data", 10_000))
    with serving(tmp_path / "data") as server:
        until(lambda: _runs_of_heavy(server))
        _, light = limited(server)
        before = _runs_of_heavy(server)
        request_id = submit(light).json()["request_id"]
        ended = light.get(f"/v1/requests/{request_id}/result", params={"wait": 60}).json()
        passed_by = _runs_of_heavy(server) - before

        assert ended["status"] == "succeeded"
        assert passed_by <= 4  # what ran and what was fetched ahead then, and what ended since


def _runs_of_heavy(server: Server) -> int:
    rows = server.http.get("/v1/usage", params={"group": "key"}).json()["rows"]
    return sum(int(each["runs"]) for each in rows if each["key_id"] == "key_heavy")


async def _fill(data: Path, count: int) -> None:
    data.mkdir()
    queue = open_sqlite(data / "officina.db", Terms())
    key, secret = mint("heavy", ("caller", "admin"))
    (data / "first-key").write_text(secret)
    await queue.add_key(msgspec.structs.replace(key, id="key_heavy"))
    body = b'{"prompt":"copy","seconds":0.2}'
    jobs = [NewJob(new_id(), ECHO, "key_heavy", body) for _ in range(count)]
    await asyncio.gather(*(queue.submit(job, count) for job in jobs))
    await queue.close()

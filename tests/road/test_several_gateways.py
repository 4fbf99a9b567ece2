"""Two gateways on one PostgreSQL database and one store: whatever is asked of one, the other knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from road_server import ECHO, Server, serving
from test_workers_anywhere import claiming, worker_key, working

from postgres_server import apart, databases


class Pair(NamedTuple):
    """Two gateways, and a client at the second that holds the first key."""

    one: Server
    two: Server
    http: httpx.Client


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two gateways without workers of their own; the key that the first made is the only one."""
    url = apart(databases().of(tmp_path))
    (tmp_path / "store").mkdir()
    flags = ("--database", url, "--store", f"file://{tmp_path / 'store'}", "--retry-s", "0.1")
    with serving(tmp_path / "one", *flags, workers=0) as one:
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / "first-key").write_text(one.key)
        with serving(tmp_path / "two", *flags, workers=0) as two:
            yield Pair(one, two, two.client(one.key))
    databases().give_back(tmp_path)


def test_what_is_submitted_at_one_is_run_by_a_worker_of_the_other(pair: Pair, tmp_path: Path) -> None:
    with working(pair.two.url, worker_key(pair.one), tmp_path / "log"):
        claiming(pair.one)
        request_id = pair.one.submit({"prompt": "copy"})
        here, there = pair.one.result(request_id), pair.two.result(request_id)
        assert here["status"] == there["status"]
        kinds = [[each["kind"] for each in server.events(request_id)] for server in (pair.one, pair.two)]
        assert kinds[0] == kinds[1]
        assert (kinds[0][0], kinds[0][-1]) == ("queued", "ended")
        urls = [each["output"]["images"][0] for each in (here, there)]
        pictures = [pair.http.get(httpx.URL(url).path).content for url in urls]
        assert pictures[0] == pictures[1] != b""


def test_a_worker_is_listed_and_drained_at_the_gateway_it_never_talked_to(pair: Pair, tmp_path: Path) -> None:
    with working(pair.one.url, worker_key(pair.two), tmp_path / "log") as process:
        (found,) = claiming(pair.two)
        answer = pair.http.post(f"/v1/workers/{found['worker_id']}/drain")
        assert answer.status_code < 300, answer.text
        assert answer.json()["is_draining"]
        assert process.wait(30) == 0


def test_a_waiting_request_is_cancelled_at_the_other_gateway(pair: Pair) -> None:
    request_id = pair.one.submit({"prompt": "copy"})
    assert pair.http.post(f"/v1/requests/{request_id}/cancel").status_code < 300
    assert pair.one.wait_for(request_id, "cancelled")["status"] == "cancelled"


def test_a_key_made_at_one_opens_the_other_and_its_limit_counts_at_both(pair: Pair) -> None:
    asked = {"name": "limited", "scopes": ["caller"], "limits": {"rate_per_min": 1, "burst": 3}}
    secret = pair.one.http.post("/v1/keys", json=asked).json()["key"]
    callers = [pair.one.client(secret), pair.two.client(secret)]
    codes = [callers[n % 2].post(f"/v1/models/{ECHO}", json={"prompt": "copy"}).status_code for n in range(6)]
    assert codes == [200, 200, 200, 429, 429, 429]

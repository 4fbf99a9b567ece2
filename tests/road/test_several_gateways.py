"""Two gateways on one PostgreSQL database and one store: whatever is asked of one, the other knows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from cutting_proxy import cutting_proxy
from road_server import ECHO, PATIENT, Server, serving, until
from test_workers_anywhere import claiming, worker_key, working

from officina.keyring import FRESH_S
from officina.sessions import cookie_name
from postgres_server import apart, databases

HEARD_S = FRESH_S + 5
"""A gateway believes what it knows of a key for so long, and a little more on a busy machine."""


class Pair(NamedTuple):
    """Two gateways, and a client at the second that holds the first key."""

    one: Server
    two: Server
    http: httpx.Client


@contextmanager
def two_gateways(folder: Path) -> Iterator[Pair]:
    """Two gateways without workers of their own; the key that the first made is the only one."""
    url = apart(databases().of(folder))
    (folder / "store").mkdir()
    flags = ("--database", url, "--store", f"file://{folder / 'store'}", "--retry-s", "0.1")
    with serving(folder / "one", *flags, workers=0) as one:
        (folder / "two").mkdir()
        (folder / "two" / "first-key").write_text(one.key)
        with serving(folder / "two", *flags, workers=0) as two:
            yield Pair(one, two, two.client(one.key))
    databases().give_back(folder)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A pair of a test's own, whose workers it can count."""
    with two_gateways(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair for the tests that care for their own requests only."""
    with two_gateways(tmp_path_factory.mktemp("pair")) as made:
        yield made


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


def test_a_waiting_request_is_cancelled_at_the_other_gateway(shared: Pair) -> None:
    request_id = shared.one.submit({"prompt": "copy"})
    assert shared.http.post(f"/v1/requests/{request_id}/cancel").status_code < 300
    assert shared.one.wait_for(request_id, "cancelled")["status"] == "cancelled"


def test_a_key_made_at_one_opens_the_other_and_its_limit_counts_at_both(shared: Pair) -> None:
    asked = {"name": "limited", "scopes": ["caller"], "limits": {"rate_per_min": 1, "burst": 3}}
    secret = shared.one.http.post("/v1/keys", json=asked).json()["key"]
    callers = [shared.one.client(secret), shared.two.client(secret)]
    codes = [callers[n % 2].post(f"/v1/models/{ECHO}", json={"prompt": "copy"}).status_code for n in range(6)]
    assert codes == [200, 200, 200, 429, 429, 429]


def test_a_wait_at_one_ends_when_the_request_ends_at_the_other(shared: Pair, tmp_path: Path) -> None:
    request_id = shared.one.submit({"prompt": "copy"})
    with ThreadPoolExecutor(1) as apart, working(shared.one.url, worker_key(shared.one), tmp_path / "log"):
        assert apart.submit(shared.two.result, request_id).result()["status"] == "succeeded"


def test_events_are_followed_at_one_as_they_happen_at_the_other(shared: Pair, tmp_path: Path) -> None:
    request_id = shared.one.submit({"prompt": "copy", "seconds": 1})
    with ThreadPoolExecutor(1) as apart, working(shared.one.url, worker_key(shared.one), tmp_path / "log"):
        events = apart.submit(shared.two.events, request_id).result()
    assert [each["n"] for each in events] == list(range(1, len(events) + 1))
    kinds = [each["kind"] for each in events]
    assert (kinds[:2], kinds[-1], kinds.count("ended")) == (["queued", "started"], "ended", 1)
    assert "progress" in kinds


def test_a_run_is_stopped_at_the_gateway_that_its_worker_never_talked_to(
    shared: Pair, tmp_path: Path
) -> None:
    with working(shared.one.url, worker_key(shared.one), tmp_path / "log"):
        request_id = shared.one.submit({"prompt": "copy", "seconds": 60}, PATIENT)
        shared.two.wait_for(request_id, "in_progress")
        answer = shared.http.post(f"/v1/requests/{request_id}/cancel", params={"force": "true"})
        assert answer.status_code == 202, answer.text
        assert shared.one.result(request_id)["status"] == "cancelled"


def test_a_key_that_was_revoked_at_one_is_soon_refused_at_the_other(shared: Pair) -> None:
    made = shared.one.http.post("/v1/keys", json={"name": "leaving", "scopes": ["caller"]}).json()
    caller = shared.two.client(made["key"])
    assert caller.get("/v1/requests").status_code == 200
    assert shared.one.http.delete(f"/v1/keys/{made['id']}").status_code == 200
    until(lambda: caller.get("/v1/requests").status_code == 401, HEARD_S)


def test_a_session_of_one_is_good_at_the_other_and_ends_there_too(shared: Pair) -> None:
    visitor, origin = shared.one.client(None), {"Origin": shared.one.url}
    assert visitor.post("/en/sign-in", data={"key": shared.one.key}, headers=origin).status_code == 303
    (value,) = visitor.cookies.values()
    cookie = {"Cookie": f"{cookie_name(shared.two.url)}={value}"}
    there = shared.two.client(None)
    assert there.get("/v1/requests", headers=cookie).status_code == 200
    assert visitor.post("/en/sign-out", headers=origin).status_code == 303
    until(lambda: there.get("/v1/requests", headers=cookie).status_code == 401, HEARD_S)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/files/a%00b", None),
        ("GET", "/v1/requests?model=%00", None),
        ("GET", "/v1/requests?cursor=%00", None),
        ("GET", "/v1/keys/%00", None),
        ("POST", "/v1/keys", {"name": "a\0b", "scopes": ["caller"]}),
        ("POST", "/v1/workers/%00/drain", None),
        ("POST", f"/v1/models/{ECHO}", {"prompt": "copy \0", "image_urls": ["file_\0"]}),
    ],
)
def test_a_text_that_postgresql_cannot_keep_is_no_failure_of_the_server(
    shared: Pair, method: str, path: str, body: dict[str, object] | None
) -> None:
    answer = shared.http.request(method, path, json=body)
    assert answer.status_code < 500, answer.text


def test_who_follows_events_does_not_notice_that_the_database_was_away(tmp_path: Path) -> None:
    url, port = apart(databases().of(tmp_path)), databases().server.port
    with cutting_proxy(f"http://127.0.0.1:{port}") as proxy:
        database = url.replace(f":{port}/", f":{proxy.url.rpartition(':')[2]}/")
        with serving(tmp_path / "data", "--database", database, workers=0) as server:
            key, request_id = worker_key(server), server.submit({"prompt": "copy"})
            status = f"/v1/requests/{request_id}/status"
            with server.http.stream("GET", f"/v1/requests/{request_id}/events") as stream:
                lines = stream.iter_lines()
                assert next(lines) == "id: 1"
                proxy.cut()
                for _ in range(2):
                    until(lambda: server.http.get(status).status_code == 503)
                proxy.mend()
                until(lambda: server.http.get(status).status_code == 200)
                with working(server.url, key, tmp_path / "log"):
                    assert "event: ended" in list(lines)
    databases().give_back(tmp_path)

"""Signing in and out, and what a session may do: the cookie, the origin, the limits, the link."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from markup import read
from road_server import ECHO, Server, serving

from officina.errors import TooManyTries
from officina.sessions import TRIES, TRIES_S, Tries

Visit = Callable[..., httpx.Client]


def secret(client: httpx.Client) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


def sign_in(client: httpx.Client, key: str, onward: str = "") -> httpx.Response:
    return client.post("/it/sign-in", data={"key": key, "next": onward})


# In and out


def test_a_key_signs_in_with_a_cookie_that_scripts_cannot_read(server: Server, visit: Visit) -> None:
    answer = sign_in(visit(), server.key, "/it/keys")
    assert (answer.status_code, answer.headers["location"]) == (303, "/it/keys")
    cookie = answer.headers["set-cookie"]
    assert re.match(
        r"officina_\d+=ofs_[\w-]{43}; Path=/; Max-Age=1209600; HttpOnly; SameSite=Strict$", cookie
    )
    assert server.key not in cookie


def test_the_cookie_is_secure_where_the_public_url_is_https(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--public-url", "https://officina.example.org", workers=0) as running:
        host = {"Host": "officina.example.org", "Sec-Fetch-Site": "same-origin"}
        port = _port_of(running)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=host, trust_env=False) as client:
            cookie = sign_in(client, running.key).headers["set-cookie"]
    assert cookie.startswith("__Host-officina=")
    assert cookie.endswith("; Secure")


def _port_of(running: Server) -> int:
    """Where a server listens whose public URL is another one."""
    for line in Path(f"/proc/{running.process.pid}/net/tcp").read_text().splitlines()[1:]:
        parts = line.split()
        inodes = {
            str(fd.readlink()) for fd in Path(f"/proc/{running.process.pid}/fd").iterdir() if fd.is_symlink()
        }
        if parts[3] == "0A" and f"socket:[{parts[9]}]" in inodes:
            return int(parts[1].rpartition(":")[2], 16)
    raise AssertionError("it does not listen")


@pytest.mark.parametrize("key", ["", "ofk_wrong", "<script>", "x" * 100_000])
def test_a_wrong_key_is_told_on_the_form(key: str, fresh: httpx.Client) -> None:
    answer = sign_in(fresh, key, "/it/usage")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    found = read(answer.text)
    assert "non è stata accettata" in found.one("p", role="alert").text
    assert key not in answer.text or key == ""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[httpx.Client]:
    """A reader of a server of their own, whose failures count for nobody else."""
    said = {"Sec-Fetch-Site": "same-origin"}
    with (
        serving(tmp_path / "data", workers=0) as running,
        httpx.Client(base_url=running.url, headers=said, trust_env=False) as client,
    ):
        yield client


def test_after_ten_failures_even_the_right_key_must_wait(fresh: httpx.Client, tmp_path: Path) -> None:
    for _ in range(TRIES):
        assert sign_in(fresh, "ofk_wrong").status_code == 401
    answer = sign_in(fresh, (tmp_path / "data" / "first-key").read_text().strip())
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= TRIES_S + 1
    assert "Troppi tentativi" in answer.text


def test_failures_are_forgotten_after_a_minute_and_bounded_over_all_addresses() -> None:
    now = 100.0
    tries = Tries(lambda: now)
    for n in range(10 * TRIES):
        tries.check(f"10.0.{n // 200}.{n % 200}")
        tries.failed(f"10.0.{n // 200}.{n % 200}")
    with pytest.raises(TooManyTries) as raised:
        tries.check("192.0.2.1")
    assert raised.value.retry_after == TRIES_S + 1
    now += TRIES_S
    tries.check("192.0.2.1")


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/it/\x00", ""]
)
def test_signing_in_leads_to_no_other_server(onward: str, server: Server, visit: Visit) -> None:
    assert sign_in(visit(), server.key, onward).headers["location"] == "/it/"


def test_signing_out_ends_the_session_for_good(server: Server, visit: Visit) -> None:
    client = visit(server.key)
    kept = dict(client.cookies)
    assert client.get("/v1/models").status_code == 200
    answer = client.post("/it/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/it/")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert client.get("/it/usage").status_code == 303
    assert visit().get("/v1/models", headers=_cookie(kept)).status_code == 401


def _cookie(kept: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}


def test_signing_out_everywhere_ends_every_session_of_the_key_and_no_other(
    server: Server, visit: Visit
) -> None:
    key = secret(server.new_key("caller"))
    one, two, other = visit(key), visit(key), visit(server.key)
    one.post("/it/sign-out", data={"everywhere": "yes"})
    assert two.get("/v1/models").status_code == 401
    assert other.get("/v1/models").status_code == 200


def test_the_session_of_a_revoked_key_is_over_at_once(server: Server, visit: Visit) -> None:
    made = server.http.post("/v1/keys", json={"name": "short"}).json()
    client = visit(made["key"])
    assert client.get("/v1/models").status_code == 200
    server.http.delete(f"/v1/keys/{made['id']}")
    assert client.get("/v1/models").status_code == 401
    assert client.get("/it/usage").headers["location"] == "/it/sign-in?next=/it/usage"


def test_a_page_behind_a_key_leads_to_the_form_and_back(server: Server, visit: Visit) -> None:
    client = visit()
    form = client.get("/it/usage").headers["location"]
    found = read(client.get(form).text)
    assert found.one("input", name="next").attributes["value"] == "/it/usage"
    assert sign_in(client, server.key, "/it/usage").headers["location"] == "/it/usage"
    assert client.get(form).headers["location"] == "/it/usage", "who is signed in goes on"


def test_a_link_from_another_site_is_asked_again_so_that_the_cookie_comes(
    server: Server, visit: Visit
) -> None:
    answer = visit().get("/it/usage", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert read(answer.text).one("meta", http_equiv="refresh").attributes["content"] == "0"


# What a session may do


def test_a_session_calls_the_api_in_place_of_its_key(server: Server, visit: Visit) -> None:
    caller = secret(server.new_key("caller"))
    client = visit(caller)
    made = client.post(f"/v1/models/{ECHO}", json={"prompt": "copy"})
    assert made.status_code == 200, made.text
    request_id = made.json()["request_id"]
    assert (
        client.get(f"/v1/requests/{request_id}/result", params={"wait": 30}).json()["status"] == "succeeded"
    )
    assert client.get("/v1/keys").status_code == 403, "with the scopes of its key, not more"
    assert server.client(caller).get(f"/v1/requests/{request_id}/status").status_code == 200


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"Sec-Fetch-Site": "same-origin"}, 422),
        ("POST", {"Sec-Fetch-Site": "same-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "none"}, 403),
        ("POST", {}, 403),
        ("POST", {"Origin": "OWN"}, 422),
        ("POST", {"Origin": "http://127.0.0.1:1"}, 403),
        ("POST", {"Origin": "https://evil.example"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("GET", {}, 200),
        ("GET", {"Sec-Fetch-Site": "none"}, 200),
        ("GET", {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", {"Origin": "https://evil.example"}, 403),
    ],
)
def test_only_our_own_pages_act_with_a_session(
    method: str, headers: dict[str, str], status: int, server: Server, visit: Visit
) -> None:
    kept = _cookie(dict(visit(server.key).cookies))
    said = {name: server.url if value == "OWN" else value for name, value in headers.items()}
    with httpx.Client(base_url=server.url, headers={**kept, **said}, trust_env=False) as client:
        path = f"/v1/models/{ECHO}" if method == "POST" else "/v1/models"
        answer = client.request(method, path, content=b"{}" if method == "POST" else None)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["error_code"] == 403004


@pytest.mark.parametrize("path", ["/it/sign-in", "/it/sign-out"])
def test_other_sites_can_neither_sign_in_nor_out(path: str, server: Server, visit: Visit) -> None:
    client = visit(server.key)
    answer = client.post(path, data={"key": server.key}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert client.get("/v1/models").status_code == 200


def test_a_header_wins_over_the_cookie_and_neither_passes_for_the_other(server: Server, visit: Visit) -> None:
    client = visit(server.key)
    (cookie,) = client.cookies.values()
    (name,) = client.cookies.keys()
    assert client.get("/v1/models").status_code == 200
    assert client.get("/v1/models", headers={"Authorization": "Bearer ofk_wrong"}).status_code == 401
    assert server.client(cookie).get("/v1/models").status_code == 401
    assert visit().get("/v1/models", headers={"Cookie": f"{name}={server.key}"}).status_code == 401


def test_the_database_knows_no_cookie(server: Server, visit: Visit) -> None:
    (cookie,) = visit(server.key).cookies.values()
    for path in server.data.glob("officina.db*"):
        assert cookie.encode() not in path.read_bytes()
    assert cookie not in server.log.read_text()


# The link of a start


def test_the_link_that_a_start_prints_signs_in_once(tmp_path: Path) -> None:
    with (
        _started(tmp_path) as link,
        httpx.Client(headers={"Sec-Fetch-Site": "same-origin"}, trust_env=False) as client,
    ):
        where = client.get(link)
        assert where.status_code == 302
        form = client.get(link, follow_redirects=True)
        code = read(form.text).one("input", name="code").attributes["value"]
        again = client.get(link, follow_redirects=True)
        assert again.status_code == 200, "to look at it does not use it up"
        signed = client.post(f"{link.partition('/sign-in')[0]}/en/sign-in", data={"code": code})
        assert signed.status_code == 303
        assert client.get(f"{link.partition('/sign-in')[0]}/en/operate").status_code == 200
        client.cookies.clear()
        twice = client.post(f"{link.partition('/sign-in')[0]}/en/sign-in", data={"code": code})
        assert twice.status_code == 401
        assert "used before" in twice.text


class _started:  # noqa: N801 - reads as a context
    """A server on a terminal; gives the link that it prints there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> str:
        ours, theirs = pty.openpty()
        words = [sys.executable, "-m", "officina", "serve", "--port", "0", "--workers", "0"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OFFICINA_")}
        with (self._folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                words, cwd=self._folder, env=clean, stdin=theirs, stdout=theirs, stderr=log
            )
        os.close(theirs)
        shown = ""
        while "officina run" not in shown:
            shown += os.read(ours, 4096).decode()
        self._ours = ours
        found = re.search(r"http://\S+/sign-in\?code=[\w-]+", shown)
        assert found, shown
        return found[0]

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(60) == 0
        os.close(self._ours)

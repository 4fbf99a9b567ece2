"""Connections go where they may, and nowhere else, whatever names and redirects say."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest

from inputs import LOCAL, Names, fetch_url, refused, run, wanted
from officina.errors import RunError
from officina.fetch.address import AddressRefused, IPAddress, Reach
from officina.fetch.fetcher import Fetcher
from officina.fetch.guard import GuardedTransport, resolve_host
from officina.link import FetchPolicy
from pictures import saved
from raw_server import Answer, Server, reply, serving


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://0.0.0.0/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/x",
        "https://2130706433/x",
        "http://1.1.1.1/x",
        "https://user:pass@1.1.1.1/x",
        "file:///etc/passwd",
    ],
)
def test_private_addresses_and_plain_http_are_refused_by_default(tmp_path: Path, url: str) -> None:
    error = refused(fetch_url(url, tmp_path, policy=FetchPolicy()))
    assert (error.type, error.retry) == ("url_refused", False)
    assert error.message.startswith("image_urls[0]: the ")
    assert error.message.endswith("; use a public https address, or upload the file instead.")


def test_a_name_that_leads_to_a_private_address_is_refused_without_telling_it(tmp_path: Path) -> None:
    names = Names({"intranet.example": ["10.9.8.7"]})
    error = refused(fetch_url("https://intranet.example/x", tmp_path, policy=FetchPolicy(), resolve=names))
    assert (error.type, names.asked) == ("url_refused", ["intranet.example"])
    assert "a private network" in error.message
    assert "10.9" not in error.message


def test_the_connection_goes_to_the_checked_address_whatever_the_name_says_later(tmp_path: Path) -> None:
    names = Names({"rebinding.example": ["127.0.0.7", "10.0.0.1"]})
    policy = FetchPolicy(allow_hosts=("127.0.0.7",))

    async def scenario() -> Server:
        answers: dict[str, Answer] = {"/x": reply(saved("PNG"), Connection="close")}
        async with serving(answers, host="127.0.0.7") as server, Fetcher(policy, resolve=names) as fetcher:
            url = f"http://rebinding.example:{server.port}/x"
            await fetcher.fetch(wanted(url), tmp_path)
            with pytest.raises(RunError, match="a private network"):
                await fetcher.fetch(wanted(url, index=1), tmp_path)
            return server

    (exchange,) = run(scenario()).exchanges
    assert names.asked == ["rebinding.example", "rebinding.example"]
    assert exchange.writer.get_extra_info("sockname")[0] == "127.0.0.7"
    assert exchange.headers["host"].startswith("rebinding.example:")


def test_the_next_checked_address_is_tried_when_one_does_not_answer(tmp_path: Path) -> None:
    async def resolve(host: str, port: int) -> Sequence[IPAddress]:
        return [ip_address("127.0.0.9"), ip_address("127.0.0.1")]

    async def scenario() -> None:
        async with serving({"/x": reply(saved("PNG"))}) as server:
            await fetch_url(f"http://two.example:{server.port}/x", tmp_path, resolve=resolve)

    run(scenario())


def test_a_name_server_that_does_not_answer_is_given_up_on(tmp_path: Path) -> None:
    async def resolve(host: str, port: int) -> Sequence[IPAddress]:
        await asyncio.Event().wait()
        return []

    policy = FetchPolicy(connect_timeout_s=0.05)
    error = refused(fetch_url("https://slow.example/x", tmp_path, policy=policy, resolve=resolve))
    assert (error.type, error.retry) == ("url_unreachable", True)


def test_the_systems_resolver_gives_every_address_once() -> None:
    found = run(resolve_host("127.0.0.1", 80))
    assert found == (ip_address("127.0.0.1"),)
    assert all(address.is_loopback for address in run(resolve_host("localhost", 80)))


def test_redirects_are_followed_within_the_limit(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "/x": reply(status=302, Location="/y?a=1"),
        "/z": reply(saved("PNG")),
        "/loop": reply(status=302, Location="/loop"),
    }

    async def scenario() -> None:
        async with serving(answers) as server, Fetcher(LOCAL) as fetcher:
            answers["/y"] = reply(status=307, Location=f"//127.0.0.1:{server.port}/z#part")
            await fetcher.fetch(wanted(server.url("/x")), tmp_path)
            assert [each.path for each in server.exchanges] == ["/x", "/y?a=1", "/z"]
            server.exchanges.clear()
            with pytest.raises(RunError, match="redirects more than 5 times") as caught:
                await fetcher.fetch(wanted(server.url("/loop")), tmp_path)
            assert caught.value.type == "url_refused"
            assert len(server.exchanges) == 6

    run(scenario())


@pytest.mark.parametrize(
    "location",
    [
        "https://10.0.0.1/x?sig=hunter2",
        "http://169.254.169.254/latest",
        "http://1.1.1.1/x",
        "file:///etc/passwd",
        "https://[::1/",
        "//2130706433/x",
    ],
)
def test_every_stop_of_a_redirect_is_judged_like_the_first(tmp_path: Path, location: str) -> None:
    async def scenario() -> None:
        async with serving({"/x": reply(status=302, Location=location)}) as server:
            await fetch_url(server.url("/x"), tmp_path)

    error = refused(scenario())
    assert error.type == "url_refused"
    assert error.message.startswith("image_urls[0]: a redirect cannot be followed: the ")
    assert "hunter2" not in error.message


def test_an_httpx_client_can_stand_on_the_guard() -> None:
    async def scenario() -> None:
        transport = GuardedTransport(Reach.parse(["127.0.0.1"]))
        async with (
            serving({"/x": reply(b"hello")}) as server,
            httpx.AsyncClient(transport=transport) as client,
        ):
            assert (await client.post(server.url("/x"), json={})).text == "hello"
            with pytest.raises(AddressRefused):
                await client.post("https://10.0.0.1/")

    run(scenario())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=pictures.example", "-addext", "subjectAltName=DNS:pictures.example"]
    files = ["-keyout", "key.pem", "-out", "cert.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def test_over_tls_the_name_is_asked_for_and_checked_though_the_address_is_pinned(
    tmp_path: Path, certificate: Path
) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    asked: list[str | None] = []
    served.sni_callback = lambda _socket, name, _context: asked.append(name)
    trusting = ssl.create_default_context(cafile=certificate / "cert.pem")
    names = Names({"pictures.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]})

    async def scenario() -> None:
        async with serving({"/x": reply(saved("PNG"))}, context=served) as server:
            port = server.port
            await fetch_url(
                f"https://pictures.example:{port}/x", tmp_path, resolve=names, ssl_context=trusting
            )
            for host, context in (("other.example", trusting), ("pictures.example", None)):
                with pytest.raises(RunError, match="the certificate of the host") as caught:
                    await fetch_url(f"https://{host}:{port}/x", tmp_path, resolve=names, ssl_context=context)
                assert (caught.value.type, caught.value.retry) == ("url_unreachable", False)

    run(scenario())
    assert asked == ["pictures.example", "other.example", "pictures.example"]

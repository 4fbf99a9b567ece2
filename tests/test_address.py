"""Which URLs, hosts and addresses may be connected to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from officina.errors import SettingsError
from officina.fetch.address import AddressRefused, IPAddress, Reach, forbidden

CLOSED_V4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
CLOSED_V6 = [
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "2606:4700::1111",
    "2a00:1450:4001::200e",
    "64:ff9b::8.8.8.8",
]


def inside(network: IPv4Network | IPv6Network) -> st.SearchStrategy[IPAddress]:
    numbers = st.integers(int(network[0]), int(network[-1]))
    return numbers.map(IPv4Address if network.version == 4 else IPv6Address)


def closed_v4() -> st.SearchStrategy[IPAddress]:
    return st.sampled_from(CLOSED_V4).flatmap(lambda text: inside(IPv4Network(text)))


@given(closed_v4())
def test_every_ipv4_address_that_is_not_public_is_forbidden(address: IPAddress) -> None:
    assert forbidden(address)


@given(st.sampled_from(CLOSED_V6).flatmap(lambda text: inside(IPv6Network(text))))
def test_every_ipv6_address_that_is_not_public_is_forbidden(address: IPAddress) -> None:
    assert forbidden(address)


@given(closed_v4(), st.integers(0, 2**80 - 1))
def test_a_forbidden_ipv4_address_stays_forbidden_inside_an_ipv6_one(address: IPAddress, rest: int) -> None:
    inner = int(address)
    assert forbidden(IPv6Address(inner))  # compatible
    assert forbidden(IPv6Address(0xFFFF << 32 | inner))  # mapped
    assert forbidden(IPv6Address(0xFFFF << 48 | inner))  # translated
    assert forbidden(IPv6Address(int(IPv6Address("64:ff9b::")) | inner))  # NAT64
    assert forbidden(IPv6Address(int(IPv6Address("64:ff9b:1::")) | inner))
    assert forbidden(IPv6Address(0x2002 << 112 | inner << 80 | rest))  # 6to4
    assert forbidden(IPv6Address(0x20010000 << 96 | inner ^ 0xFFFFFFFF))  # Teredo


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_nothing_is_let_through_that_python_does_not_call_global(address: IPAddress) -> None:
    if forbidden(address) is None and address not in IPv6Network("64:ff9b::/96"):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_open(text: str) -> None:
    assert forbidden(ip_address(text)) is None


@pytest.mark.parametrize(
    "text",
    ["169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"],
)
def test_the_credentials_of_cloud_machines_are_out_of_reach(text: str) -> None:
    assert forbidden(ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://127.0.0.0x1/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://%31%32%37.0.0.1/",
        "https://１２７.0.0.1/",
        "https://①②⑦.0.0.1/",
        "https://ⓛocalhost/",
        "https://[::1%25lo]/",
        "https://[fe80::1%eth0]/",
        "https://[::1/",
        "https://-a.example/",
        "https://a..example/",
        "https://exam ple.org/",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://example.org\\@127.0.0.1/",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https:///nowhere",
        "https://",
        "//example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "javascript:alert(1)",
        "cat.png",
        "",
        "https://example.org/" + "a" * 9000,
        "https://example.org/\x00",
    ],
)
def test_odd_urls_are_refused_before_anything_is_looked_up(url: str) -> None:
    with pytest.raises(AddressRefused):
        Reach(plain_http=True).check_url(url)


def test_ideographic_full_stops_do_not_hide_an_address() -> None:
    assert Reach().check_url("https://127。0。0。1/").raw_host == b"127.0.0.1"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.org/cat.png?a=b#c", "example.org"),
        ("  https://EXAMPLE.org/cat.png\n", "example.org"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://a_b-c.example:8443/", "a_b-c.example"),
        ("https://1.1.1.1/", "1.1.1.1"),
        ("https://[2606:4700::1111]/", "2606:4700::1111"),
        ("https://minio/", "minio"),
        ("https://3com.example/", "3com.example"),
    ],
)
def test_usual_urls_are_taken(url: str, host: str) -> None:
    found = Reach().check_url(url)
    assert found.raw_host.decode() == host
    assert not found.fragment


def test_http_is_refused_at_once_unless_allowed() -> None:
    with pytest.raises(AddressRefused, match="https"):
        Reach().check_url("http://example.org/")
    Reach.parse(["example.org"]).check_url("http://example.org/")
    Reach.parse([], allow_http=True).check_url("http://example.org/")
    Reach.parse(["10.0.0.0/8"]).check_url("http://example.org/")  # judged by its addresses later


def judge(reach: Reach, host: str, *addresses: str, port: int = 443, tls: bool = True) -> None:
    reach.check(host, port, [ip_address(address) for address in addresses], tls=tls)


def test_one_forbidden_address_among_many_refuses_the_host() -> None:
    judge(Reach(), "example.org", "1.1.1.1", "8.8.8.8")
    with pytest.raises(AddressRefused, match=r"example\.org leads to a private network"):
        judge(Reach(), "example.org", "1.1.1.1", "10.1.2.3", "8.8.8.8")


def test_the_refusal_does_not_tell_the_address() -> None:
    with pytest.raises(AddressRefused) as caught:
        judge(Reach(), "intranet.example", "10.1.2.3")
    assert "10.1" not in str(caught.value)


def test_a_listed_network_may_be_private_plain_and_on_any_port() -> None:
    reach = Reach.parse(["10.1.0.0/16", "fd12::/16"])
    judge(reach, "minio", "10.1.2.3", port=22, tls=False)
    judge(reach, "minio", "fd12::7", port=9000, tls=False)
    for outside in ("10.2.0.1", "127.0.0.1", "::ffff:10.1.2.3"):
        with pytest.raises(AddressRefused):
            judge(reach, "minio", outside)
    with pytest.raises(AddressRefused, match="https"):
        judge(reach, "example.org", "1.1.1.1", port=80, tls=False)


def test_a_listed_name_is_trusted_except_with_the_addresses_of_cloud_credentials() -> None:
    reach = Reach.parse(["MinIO"])
    judge(reach, "minio", "10.1.2.3", port=9000, tls=False)
    for credentials in ("169.254.169.254", "fd00:ec2::254", "fe80::1"):
        with pytest.raises(AddressRefused):
            judge(reach, "minio", credentials)
    with pytest.raises(AddressRefused):
        judge(reach, "other", "10.1.2.3")


def test_allowing_http_opens_no_private_network() -> None:
    reach = Reach.parse([], allow_http=True)
    judge(reach, "example.org", "1.1.1.1", port=80, tls=False)
    with pytest.raises(AddressRefused):
        judge(reach, "example.org", "192.168.0.1", port=80, tls=False)


@pytest.mark.parametrize(
    ("port", "open_"), [(443, True), (8443, True), (9000, True), (22, False), (25, False)]
)
def test_public_hosts_are_not_asked_on_the_ports_of_other_services(port: int, open_: bool) -> None:
    if open_:
        judge(Reach(), "example.org", "1.1.1.1", port=port)
    else:
        with pytest.raises(AddressRefused, match=f"port {port}"):
            judge(Reach(), "example.org", "1.1.1.1", port=port)


@pytest.mark.parametrize("entry", ["", "https://example.org", "10.0.0.0/33", "a b", "user@host", "127.1"])
def test_a_list_entry_that_is_neither_name_nor_network_is_reported(entry: str) -> None:
    with pytest.raises(SettingsError, match="fetch_hosts"):
        Reach.parse([entry])


def test_addresses_can_be_listed_too() -> None:
    judge(Reach.parse(["127.0.0.1", "[::1]"]), "localhost", "127.0.0.1", "::1", tls=False)

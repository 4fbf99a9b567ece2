"""Where outgoing connections may go: URLs, hosts and IP addresses, judged without any I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx

from officina.errors import SettingsError

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

MAX_URL_CHARS = 8192


class AddressRefused(Exception):
    """A connection is not allowed; the text says why, without a full stop, so that advice can follow."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be connected to: every public host over https, and what the operator has listed.

    A listed name or network may be private, may be spoken to in plain http, and on any port. Listing a *name*
    trusts whoever answers for it in the DNS, except with link-local addresses, where the credentials of cloud
    machines live: those open by listing their network alone.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[IPNetwork, ...] = ()
    plain_http: bool = False

    @classmethod
    def parse(cls, hosts: Iterable[str], *, allow_http: bool = False) -> Reach:
        """Read the operator's list of host names, addresses and CIDRs.

        Raises:
            SettingsError: an entry is neither.
        """
        names, networks = set[str](), list[IPNetwork]()
        for host in hosts:
            try:
                networks.append(ip_network(host.strip("[]"), strict=False))
            except ValueError:
                names.add(_listed_name(host))
        return cls(frozenset(names), tuple(networks), allow_http)

    def check_url(self, text: str) -> httpx.URL:
        """Read a URL and judge what can be judged before its host is looked up.

        Raises:
            AddressRefused: it is no http(s) URL, carries a user name, or its host is spelled in an odd way.
        """
        try:
            url = httpx.URL(text.strip()) if len(text) <= MAX_URL_CHARS else httpx.URL()
            host, port = url.raw_host.decode("ascii"), url.port
        except (httpx.InvalidURL, ValueError):
            raise AddressRefused("the address is not a valid URL") from None
        if url.scheme not in {"https", "http"}:
            raise AddressRefused("the address is not an https URL")
        if url.userinfo:
            raise AddressRefused("the address holds a user name or password, which are never sent")
        if not 0 < (443 if port is None else port) < 2**16 or not _well_spelled(host):
            raise AddressRefused("the address does not name its host in the usual way")
        if url.scheme == "http" and not (self.plain_http or self.networks or host in self.names):
            raise AddressRefused(_PLAIN.format(host=host))
        return url.copy_with(fragment=None)

    def check(self, host: str, port: int, addresses: Sequence[IPAddress], *, tls: bool) -> None:
        """Judge a host by *all* the addresses that it has: a single forbidden one refuses it.

        Raises:
            AddressRefused: why, without telling the address.
        """
        for address in addresses:
            if self._lists(host, address):
                continue
            if kind := forbidden(address):
                raise AddressRefused(f"the host {host} leads to {kind}")
            if not tls and not self.plain_http:
                raise AddressRefused(_PLAIN.format(host=host))
            if port not in {80, 443} and port < 1024:
                raise AddressRefused(f"the host {host} may not be asked on port {port}")

    def _lists(self, host: str, address: IPAddress) -> bool:
        by_name = host in self.names and not any(address in network for network in _NEVER_BY_NAME)
        return by_name or any(address in network for network in self.networks)


def forbidden(address: IPAddress) -> str | None:
    """Say what kind of network forbids connecting to an address; None when it is public."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _FORBIDDEN_V4 if address in network), None)
    if address in _NAT64:
        # The way from an IPv6-only network to the public IPv4 internet: it counts as what is inside.
        return forbidden(IPv4Address(int(address) & 0xFFFFFFFF))
    kind = next((kind for network, kind in _FORBIDDEN_V6 if address in network), None)
    return kind or (None if address in _GLOBAL_V6 else _RESERVED)


def is_local(host: str) -> bool:
    """Whether a host is named so that only this machine or network can mean it; nothing is looked up."""
    try:
        return forbidden(parse_address(host)) is not None
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".lan"))


def parse_address(text: str) -> IPAddress:
    """Read an address as a resolver gives it; a scope such as `%eth0` is kept."""
    return ip_address(text)


def _listed_name(host: str) -> str:
    try:
        url = httpx.URL(scheme="https", host=host)
        name = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError):
        name = ""
    if not _well_spelled(name):
        raise SettingsError(
            f"fetch_hosts holds {host!r}, which is neither a host name nor a network such as 10.0.0.0/8."
        )
    return name


def _well_spelled(host: str) -> bool:
    """Whether a host is a plain name, a full IPv4 address or an IPv6 address.

    Resolvers also take 127.1, 2130706433 or 0x7f.1 for addresses, so a name must not end in a number.
    """
    try:
        return getattr(ip_address(host), "scope_id", None) is None
    except ValueError:
        return len(host) <= 253 and bool(_NAME.fullmatch(host)) and not _NUMBER.search(host)


_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)$")

_PLAIN = "the host {host} may only be asked over https"

_LOOPBACK = "this machine itself"
_PRIVATE = "a private network"
_LINK_LOCAL = "a link-local network"
_METADATA = "a cloud's own services"
_MULTICAST = "a multicast group"
_RESERVED = "a reserved network"
_TUNNEL = "a tunnel into IPv4"

_FORBIDDEN_V4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", _LOOPBACK),  # Linux connects 0.0.0.0 to itself
        ("10.0.0.0/8", _PRIVATE),
        ("100.64.0.0/10", _PRIVATE),  # carrier NAT, and the metadata of one cloud
        ("127.0.0.0/8", _LOOPBACK),
        ("168.63.129.16/32", _METADATA),  # a public number, yet always the host of the virtual machine
        ("169.254.0.0/16", _LINK_LOCAL),  # 169.254.169.254 among them
        ("172.16.0.0/12", _PRIVATE),
        ("192.0.0.0/24", _RESERVED),
        ("192.0.2.0/24", _RESERVED),
        ("192.88.99.0/24", _TUNNEL),
        ("192.168.0.0/16", _PRIVATE),
        ("198.18.0.0/15", _RESERVED),
        ("198.51.100.0/24", _RESERVED),
        ("203.0.113.0/24", _RESERVED),
        ("224.0.0.0/4", _MULTICAST),
        ("240.0.0.0/4", _RESERVED),  # and the broadcast address
    )
)

_GLOBAL_V6 = IPv6Network("2000::/3")
"""The only IPv6 space in public use; everything outside is refused."""

_NAT64 = IPv6Network("64:ff9b::/96")

_FORBIDDEN_V6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::1/128", _LOOPBACK),
        ("::/128", _LOOPBACK),
        ("::/96", _TUNNEL),  # "compatible"
        ("::ffff:0:0/96", _TUNNEL),  # "mapped"
        ("::ffff:0:0:0/96", _TUNNEL),  # "translated"
        ("64:ff9b:1::/48", _TUNNEL),
        ("2001::/23", _RESERVED),  # Teredo, ORCHID, benchmarks and other protocols
        ("2001:db8::/32", _RESERVED),
        ("2002::/16", _TUNNEL),  # 6to4
        ("3fff::/20", _RESERVED),
        ("fc00::/7", _PRIVATE),  # fd00:ec2::254 among them
        ("fe80::/10", _LINK_LOCAL),
        ("fec0::/10", _PRIVATE),
        ("ff00::/8", _MULTICAST),
    )
)

_NEVER_BY_NAME: tuple[IPNetwork, ...] = (
    IPv4Network("169.254.0.0/16"),
    IPv4Network("168.63.129.16/32"),
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::254/128"),
)

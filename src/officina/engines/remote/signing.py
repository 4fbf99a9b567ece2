"""Request signing, version 4: HMAC-SHA256 over a canonical form of the request.

Volcengine's scheme (https://www.volcengine.com/docs/6369/67269) is the one that AWS published as Signature
Version 4, with other words: the algorithm is called HMAC-SHA256, the secret has no prefix, and the scope ends
in `request`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Scheme:
    """The words in which the variants of the scheme differ."""

    algorithm: str
    secret_prefix: str
    terminator: str


VOLCENGINE = Scheme("HMAC-SHA256", "", "request")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one service in one region."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    service: str
    scheme: Scheme = VOLCENGINE

    def authorization(
        self, method: str, path: str, query: str, headers: Mapping[str, str], payload_sha256: str, stamp: str
    ) -> str:
        """Give the value of the `Authorization` header.

        Args:
            method: in capitals.
            path: as it stands in the request line.
            query: in canonical form.
            headers: those that are signed; `host` and the one with the date must be among them.
            payload_sha256: of the body, in hex.
            stamp: the time as `20201230T081805Z`, the same as in the header with the date.
        """
        names = ";".join(sorted(name.lower() for name in headers))
        scope = f"{stamp[:8]}/{self.region}/{self.service}/{self.scheme.terminator}"
        request = canonical_request(method, path, query, headers, payload_sha256)
        signature = self._signed(string_to_sign(self.scheme, stamp, scope, request), stamp[:8])
        credential = f"Credential={self.access_key}/{scope}"
        return f"{self.scheme.algorithm} {credential}, SignedHeaders={names}, Signature={signature}"

    def signing_key(self, day: str) -> bytes:
        """Derive the key of one day (`20201230`), region and service."""
        key = (self.scheme.secret_prefix + self.secret_key).encode()
        for part in (day, self.region, self.service, self.scheme.terminator):
            key = _hmac(key, part)
        return key

    def _signed(self, text: str, day: str) -> str:
        return _hmac(self.signing_key(day), text).hex()


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Write a query: pairs in the order of their encoded names, every byte but the unreserved encoded."""
    encoded = sorted((quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], payload_sha256: str
) -> str:
    """Write a request in the form that both sides sign."""
    rows = sorted((name.lower(), value.strip()) for name, value in headers.items())
    lines = "".join(f"{name}:{value}\n" for name, value in rows)
    names = ";".join(name for name, _ in rows)
    return "\n".join((method, path or "/", query, lines, names, payload_sha256))


def string_to_sign(scheme: Scheme, stamp: str, scope: str, request: str) -> str:
    """Write what is signed: the scheme, the time, the scope, and the digest of the canonical request."""
    return "\n".join((scheme.algorithm, stamp, scope, sha256(request.encode())))


def sha256(data: bytes) -> str:
    """The digest in hex."""
    return hashlib.sha256(data).hexdigest()


def stamp_of(moment: datetime) -> str:
    """A time in UTC as the headers have it."""
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()

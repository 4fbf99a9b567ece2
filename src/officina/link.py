"""The words of the worker's link: what goes over HTTP under `/worker/v1`, and nothing else.

Version 1. A gateway answers workers of its own version and of the one before. A field that is new has a
default and those who do not know it pass over it, so a worker and a gateway of neighbouring releases
understand each other both ways; the version counts up when a word changes its meaning.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from officina.job import LeaseRef, News, Outcome
from officina.model import MediaField

VERSION = 1


class FetchPolicy(msgspec.Struct, frozen=True):
    """What a worker may fetch. `allow_hosts` are host names or CIDRs that may be private or plain http."""

    allow_http: bool = False
    allow_hosts: tuple[str, ...] = ()
    max_file_bytes: int = 50 * 2**20
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 20.0
    total_timeout_s: float = 60.0
    max_redirects: int = 5
    max_parallel: int = 10


class Register(msgspec.Struct, frozen=True):
    """A worker says hello, once per start."""

    name: str
    engines: tuple[str, ...]
    slots: int = 1
    version: int = VERSION
    labels: dict[str, str] = {}
    """What the operator says of the machine, such as `{"gpu": "a100"}`; models can ask for it."""
    memory_mb: int = 0
    """Main memory of the machine, in MiB; 0: not told."""
    release: str = ""


class Warm(msgspec.Struct, frozen=True):
    """A model whose engine a worker shall load before it takes any job."""

    model: str
    engine: str
    options: dict[str, Any]


class Registered(msgspec.Struct, frozen=True):
    """The identity for this start, and the gateway's terms."""

    worker_id: str
    lease_s: float
    fetch: FetchPolicy
    max_output_bytes: int = 256 * 2**20
    version: int = VERSION
    warm: tuple[Warm, ...] = ()
    straight: bool = False
    """Whether the gateway grants that files go straight to and from its store."""


class Claim(msgspec.Struct, frozen=True):
    """Ask for up to `n` jobs; the first `idle` of them start at once, the rest are fetched ahead.

    The same `nonce` again returns the same leases, so a lost answer loses nothing.
    """

    worker_id: str
    nonce: str
    n: int = 1
    idle: int = 1
    engines: tuple[str, ...] = ()
    warm: tuple[str, ...] = ()
    wait_s: float = 20.0


class Work(msgspec.Struct, frozen=True):
    """A leased job with all that is needed to run it."""

    job_id: str
    token: str
    attempt: int
    model: str
    engine: str
    options: dict[str, Any]
    input: dict[str, Any]
    media: tuple[MediaField, ...]
    accepts: tuple[str, ...]
    deadline_s: float
    started: bool
    files_url: str = ""
    """Where the gateway's stored files can be fetched by anybody, up to their name; empty: nowhere."""
    memo: str = ""
    """What an earlier attempt wanted this one to know."""

    @property
    def ref(self) -> LeaseRef:
        """The lease, as it is named when it is renewed, handed back or finished."""
        return LeaseRef(self.job_id, self.token)


class Claimed(msgspec.Struct, frozen=True):
    """The answer to a claim; empty when nothing came up in `wait_s`."""

    work: tuple[Work, ...] = ()
    drain: bool = False
    """The operator wants the worker to finish what it runs, and end."""


class Renew(msgspec.Struct, frozen=True):
    """Extend leases and pass on news. With `wait_s`, the answer waits for a stop wish."""

    worker_id: str
    news: tuple[News, ...] = ()
    wait_s: float = 0.0
    draining: bool = False
    """Whether it knows already that it shall drain."""


class HandBack(msgspec.Struct, frozen=True):
    """Give leases up at shutdown; no attempt is counted."""

    worker_id: str
    leases: tuple[LeaseRef, ...]


class Upload(msgspec.Struct, frozen=True):
    """An output that a worker puts straight into the store: what it says of it, and its first bytes."""

    kind: Literal["image", "video"]
    size_bytes: int
    sha256: str
    head: bytes
    """In base64. The type is told by them, never by the worker."""


class Grant(msgspec.Struct, frozen=True):
    """Where to put or get the bytes, for a short time, with these headers and no others.

    An empty URL means: only through the gateway.
    """

    url: str = ""
    headers: dict[str, str] = {}


class Finish(msgspec.Struct, frozen=True):
    """Report how an attempt ended. 409 means that the lease was lost: drop the result."""

    worker_id: str
    lease: LeaseRef
    outcome: Outcome

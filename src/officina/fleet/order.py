"""What an operator wants of a fleet: as values that go to the driver, and on to the nodes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec


@dataclass(frozen=True, slots=True)
class Errand:
    """How each worker of a fleet is started; `key` is of scope worker."""

    gateway: str
    key: str = field(repr=False)
    engines: str = ""
    slots: int = 1
    drain_s: float = 30.0
    labels: tuple[str, ...] = ()
    allow_http: bool = False
    log_level: str = "info"

    def words(self, name: str) -> list[str]:
        """The arguments of `officina.worker`, without the key."""
        return [
            *("--gateway", self.gateway, "--name", name, "--engines", self.engines),
            *("--slots", str(self.slots), "--drain", str(self.drain_s)),
            *("--log-format", "json", "--log-level", self.log_level),
            *(word for each in self.labels for word in ("--label", each)),
            *(("--allow-http",) if self.allow_http else ()),
        ]


@dataclass(frozen=True, slots=True)
class Share:
    """What of a node each worker takes: GPUs and CPUs, in parts if need be, and the cluster's own."""

    gpus: float = 0.0
    cpus: float = 1.0
    others: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which counts of workers the fleet is kept, and how it follows the queue."""

    least: int
    most: int
    slots: int = 1
    quiet_s: float = 60.0
    """A worker too many is let go when there was no need of it for so long."""
    every_s: float = 3.0

    @property
    def patience(self) -> int:
        """How many answers of the gateway make up the quiet time."""
        return max(1, math.ceil(self.quiet_s / self.every_s))


@dataclass(frozen=True, slots=True)
class Order:
    """A whole fleet; `key` is of scope admin, and stays with the driver."""

    name: str
    address: str
    errand: Errand
    key: str = field(repr=False)
    bounds: Bounds
    share: Share = Share()
    models: tuple[str, ...] = ()
    """The models whose jobs count; all, when there are none."""
    leave: bool = False
    """Whether a stop leaves the workers running."""
    log_format: str = "auto"

    @property
    def namespace(self) -> str:
        """Where in Ray the actors of this fleet have their names."""
        return f"officina-{self.name}"

    @property
    def terms(self) -> str:
        """A short digest of all that a worker was started with: one with other terms is to be replaced."""
        quiet = replace(self.errand, log_level="info")
        return hashlib.sha256(msgspec.json.encode((quiet, self.share))).hexdigest()[:8]

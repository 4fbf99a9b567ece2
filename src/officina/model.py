"""A model: what a caller can run. Plain values; the catalog reads them from data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

MediaKind = Literal["image", "video", "audio"]
Metric = Literal["file_size_mb", "width_pixels", "height_pixels", "width/height"]
Operator = Literal["<=", ">=", "<", ">", "=="]


class MediaRule(msgspec.Struct, frozen=True):
    """One `validations` entry: `metric operator value`, and the schema's own sentence for a breach."""

    metric: Metric
    operator: Operator
    value: float
    error: str


class MediaField(msgspec.Struct, frozen=True):
    """An input field that holds files: one, or a list of them (`many`), each bound by every rule."""

    name: str
    kind: MediaKind
    many: bool
    rules: tuple[MediaRule, ...] = ()


class Texts(msgspec.Struct, frozen=True):
    """What people read about a model, in one language."""

    display_name: str
    description: str
    schema: Mapping[str, str] = {}
    """The sentences of the input schema in this language, by what the schema says; all of them, or none."""


class Price(msgspec.Struct, frozen=True):
    """What one unit costs, as the catalogue publishes it."""

    base_usd: float = 0.0
    unit: Literal["output", "second"] = "output"
    note: str = ""


class Choice(msgspec.Struct, frozen=True):
    """An engine that can serve a model, and what it is told."""

    engine: str
    options: Mapping[str, Any] = {}
    deadline_s: float = 0.0
    """Longest run on this engine, in seconds; 0: the model's own."""


def read_label(text: str) -> tuple[str, str]:
    """A label from how people write it, `gpu=a100`; without a value it is `true`."""
    name, equals, value = text.partition("=")
    return name.strip(), value.strip() if equals else "true"


class Model(msgspec.Struct, frozen=True):
    """One entry of the catalog. `id` is its path; the schemas are published exactly as they are kept."""

    id: str
    texts: Mapping[str, Texts]
    categories: tuple[str, ...]
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    example: Mapping[str, Any]
    engine: str
    options: Mapping[str, Any] = {}
    kind: Literal["model", "workflow", "inference"] = "model"
    price: Price = Price()
    accepts: tuple[str, ...] = ("jpeg", "png")
    """Picture formats that the model takes, by their bytes."""
    deadline_s: float = 120.0
    max_attempts: int = 3
    cost: float = 1.0
    """Fair-share cost of one run, relative to other models served by the same workers."""
    max_running: int | None = None
    """The most of its runs at one time, over all workers; the operator's wish."""
    requires: tuple[tuple[str, str], ...] = ()
    """Labels that a worker must have to run it; the operator's wish."""
    others: tuple[Choice, ...] = ()
    """Engines that stand in when the first one is not ready, in order of preference."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Every engine that may serve it, the preferred one first."""
        return (Choice(self.engine, self.options), *self.others)

    def choice(self, engine: str) -> Choice:
        """What holds on that engine; without options when the model no longer names it."""
        found = next((each for each in self.choices if each.engine == engine), Choice(engine))
        return msgspec.structs.replace(found, deadline_s=found.deadline_s or self.deadline_s)

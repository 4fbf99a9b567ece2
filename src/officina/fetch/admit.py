"""Check a file while its bytes arrive, and keep it: the one door for inputs of every origin."""

from __future__ import annotations

import dataclasses
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from officina.errors import RunError
from officina.job import FILE_ID
from officina.model import MediaField, MediaKind, MediaRule, Metric, Operator
from officina.picture import (
    PROBED,
    SNIFF_BYTES,
    TYPES,
    FileType,
    HeaderProbe,
    PictureInfo,
    check_pixels,
    check_whole,
    sniff,
)

MEGABYTE = 2**20
"""What `file_size_mb` counts in: the larger reading of MB, so nobody is refused by a hair."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that a job needs: where it comes from, the rules for it, and the name that it is kept under."""

    field: MediaField
    index: int
    source: str = dataclasses.field(repr=False)
    accepts: tuple[str, ...]
    stem: str

    @property
    def label(self) -> str:
        """How messages name the input: `image_urls[1]`."""
        return f"{self.field.name}[{self.index}]" if self.field.many else self.field.name

    @contextmanager
    def named(self) -> Iterator[None]:
        """Say in every RunError from inside which input it is about; a rule's own sentence stays as it is."""
        try:
            yield
        except RunError as error:
            own_words = error.type == "validation_failed"
            message = error.message if own_words else f"{self.label}: {error.message}"
            detail: dict[str, Any] = {**error.run_detail, "field": self.field.name, "index": self.index}
            raise RunError(error.type, message, retry=error.retry, **detail) from error.__cause__


@dataclass(frozen=True, slots=True)
class Fetched:
    """A checked local file. Width and height are those of a picture, after the turn that EXIF asks for."""

    field: str
    index: int
    path: Path
    mime: str
    size_bytes: int
    width: int | None = None
    height: int | None = None

    def measures(self) -> dict[Metric, float]:
        """All that a rule can ask of it."""
        sizes = _sizes(self.width, self.height) if self.width and self.height else {}
        return {"file_size_mb": self.size_bytes / MEGABYTE, **sizes}


def wanted_files(
    media: Iterable[MediaField], accepts: tuple[str, ...], values: Mapping[str, Any]
) -> tuple[Wanted, ...]:
    """List the files that an input names, field by field in the caller's order; absent fields name none."""
    return tuple(
        Wanted(field, index, source, accepts, f"{number}-{index}")
        for number, field in enumerate(media)
        for index, source in enumerate(_sources(values.get(field.name)))
    )


def public_urls(wanted: Iterable[Wanted], files_url: str) -> dict[str, tuple[str, ...]]:
    """For each file of a field, where anybody can fetch it; "" for those that only this server can read."""
    grouped: dict[str, tuple[str, ...]] = {}
    for each in wanted:
        url = each.source if each.source.startswith("https://") else ""
        if files_url and each.source.startswith(FILE_ID):
            url = files_url + each.source.removeprefix(FILE_ID)
        grouped[each.field.name] = (*grouped.get(each.field.name, ()), url)
    return grouped


def files_by_field(fetched: Sequence[Fetched]) -> dict[str, tuple[Path, ...]]:
    """Group files as a run takes them: all of a field, in the caller's order."""
    grouped: dict[str, tuple[Path, ...]] = {}
    for each in fetched:
        grouped[each.field] = (*grouped.get(each.field, ()), each.path)
    return grouped


@dataclass(slots=True)
class _Kept:
    """What is known of a file once its first bytes have told its type."""

    type: FileType
    path: Path
    file: BinaryIO
    probe: HeaderProbe | None
    info: PictureInfo | None = None


class Admission:
    """One file on its way in: sniffed, measured and written as its bytes come; a context manager.

    Every check is made as early as its bytes allow: a picture of too many pixels is refused after its header.
    A file that is not admitted is removed.
    """

    def __init__(self, wanted: Wanted, into: Path, max_bytes: int) -> None:
        self._wanted = wanted
        self._rules = wanted.field.rules
        self._upper = [rule for rule in self._rules if rule.operator in {"<=", "<"}]
        self._into = into
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._head = b""
        self._kept: _Kept | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._kept is not None:
            with suppress(OSError):  # a full disk fails again here, and was told already
                self._kept.file.close()
            if error is not None:
                self._kept.path.unlink(missing_ok=True)

    def expect(self, size_bytes: int) -> None:
        """Say beforehand how large the file claims to be.

        Raises:
            RunError: `validation_failed` or `file_too_large`.
        """
        _check_rules(self._upper, {"file_size_mb": size_bytes / MEGABYTE})
        if size_bytes > self._max_bytes:
            limit = f"{self._max_bytes / MEGABYTE:g} MB"
            raise RunError(
                "file_too_large",
                f"the file is larger than the {limit} that this server takes; make it smaller.",
                measured=size_bytes,
                limit=self._max_bytes,
            )

    def take(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            RunError: the file breaks a rule, is of the wrong type, too large or damaged.
        """
        self._size_bytes += len(chunk)
        self.expect(self._size_bytes)
        if self._kept is not None:
            self._keep(self._kept, chunk)
            return
        self._head += chunk
        if len(self._head) >= SNIFF_BYTES:
            self._begin()

    def finish(self) -> Fetched:
        """Say that all bytes have come; gives the admitted file.

        Raises:
            RunError: the file breaks a rule, is of the wrong type or damaged.
        """
        kept = self._kept or self._begin()
        _check_rules(self._rules, {"file_size_mb": self._size_bytes / MEGABYTE})
        if kept.probe is not None and kept.info is None:
            self._measure(kept, kept.probe.end())
        with _disk():
            kept.file.close()
            if kept.info is not None:
                check_whole(kept.path, kept.info)
        return Fetched(
            field=self._wanted.field.name,
            index=self._wanted.index,
            path=kept.path,
            mime=kept.type.mime,
            size_bytes=self._size_bytes,
            width=kept.info.width if kept.info else None,
            height=kept.info.height if kept.info else None,
        )

    def _begin(self) -> _Kept:
        """Find out what the first bytes are, and open the file for them."""
        found = _accepted(self._head, self._wanted)
        probe = HeaderProbe(found.name) if found.kind == "image" else None
        path = self._into / f"{self._wanted.stem}{found.suffix}"
        with _disk():
            file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._kept = _Kept(found, path, file, probe)
        self._keep(self._kept, self._head)
        self._head = b""
        return self._kept

    def _keep(self, kept: _Kept, chunk: bytes) -> None:
        if kept.probe is not None and kept.info is None and (info := kept.probe.feed(chunk)):
            self._measure(kept, info)
        with _disk():
            kept.file.write(chunk)

    def _measure(self, kept: _Kept, info: PictureInfo) -> None:
        kept.info = info
        _check_rules(self._rules, _sizes(info.width, info.height))
        check_pixels(info)


def _sources(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else list(value)


def broken_rules(rules: Iterable[MediaRule], measured: Mapping[Metric, float]) -> Iterator[MediaRule]:
    """The rules that a file breaks, as far as it was measured."""
    for rule in rules:
        value = measured.get(rule.metric)
        if value is not None and not _COMPARE[rule.operator](value, rule.value):
            yield rule


def _sizes(width: int, height: int) -> dict[Metric, float]:
    return {"width_pixels": width, "height_pixels": height, "width/height": width / height}


def _check_rules(rules: Iterable[MediaRule], measured: Mapping[Metric, float]) -> None:
    for rule in broken_rules(rules, measured):
        raise RunError(
            "validation_failed",
            rule.error,
            rule=f"{rule.metric}{rule.operator}",
            measured=round(measured[rule.metric], 4),
            limit=rule.value,
        )


def _accepted(head: bytes, wanted: Wanted) -> FileType:
    kind = wanted.field.kind
    taken = [name for name in wanted.accepts if name in PROBED]
    found = sniff(head)
    if found is not None and found.kind == kind and (kind != "image" or found.name in taken):
        return found
    takes = " or ".join(TYPES[name].title for name in taken) if kind == "image" else _KINDS[kind]
    if found is not None and found.kind == "image":
        message = f"the file's format is {found.title}; the model takes {takes} here."
        raise RunError("picture_format", message, format=found.name)
    what = f"{_KINDS[found.kind]} ({found.title})" if found else _describe(head)
    takes = f"a file in {takes}" if kind == "image" else takes
    raise RunError("not_a_picture", f"{what} came instead of {_KINDS[kind]}; give a direct link to {takes}.")


def _describe(head: bytes) -> str:
    text = head[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "an empty file"
    return next((what for start, what in _DESCRIBED if text.startswith(start)), "a file of an unknown type")


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = "the worker could not keep the file: its disk may be full; try again later."
        raise RunError("store_failed", message) from error


_COMPARE: Mapping[Operator, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}

_KINDS: Mapping[MediaKind, str] = {"image": "a picture", "video": "a video", "audio": "a sound file"}

_DESCRIBED = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML text"),
    (b"<", "a page of markup"),
    (b"%pdf", "a PDF"),
    (b"{", "a JSON text"),
    (b"[", "a JSON text"),
    (b"pk\x03\x04", "a ZIP archive"),
)

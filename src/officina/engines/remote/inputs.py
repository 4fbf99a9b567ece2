"""A run's input files on their way to the provider: as public URLs, or inside the order."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from officina.engines.remote.options import How
from officina.errors import RunError
from officina.picture import SNIFF_BYTES, sniff
from officina.run import Run

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Input:
    """One file of an input field; `url` is empty when nobody else can fetch it."""

    field: str
    path: Path
    url: str
    mime: str


def inputs(run: Run) -> tuple[Input, ...]:
    """List the files of a run, field by field, in the caller's order."""
    return tuple(one for field in run.files for one in of_field(run, field))


def of_field(run: Run, field: str) -> tuple[Input, ...]:
    """List the files of one field."""
    paths = run.files[field]
    urls = run.urls.get(field, ())
    given = (*urls, *[""] * (len(paths) - len(urls)))
    return tuple(Input(field, path, url, _mime(path)) for path, url in zip(paths, given, strict=False))


def references(files: Iterable[Input], how: How, max_inline_mb: int) -> list[str]:
    """Say for each file where it is: its URL, or a data URI.

    Raises:
        RunError: `provider_rejected`: a URL is wanted and there is none, or the files are too large.
    """
    chosen = [(one, passed_as_url(one, how)) for one in files]
    check_inline((one for one, by_url in chosen if not by_url), max_inline_mb)
    return [one.url if by_url else data_uri(one) for one, by_url in chosen]


def passed_as_url(one: Input, how: How) -> bool:
    """Whether a file goes by its URL.

    Raises:
        RunError: `provider_rejected`: it must, and has none.
    """
    if how == "url" and not one.url:
        raise RunError(
            "provider_rejected",
            f"The provider fetches its inputs itself, and {one.field} has no public address: give a public "
            "https URL, or have the operator of this server set public_url, or inputs to auto.",
        )
    return bool(one.url) and how != "inline"


def check_inline(files: Iterable[Input], max_mb: int) -> None:
    """Refuse more bytes than the provider takes inside one order.

    Raises:
        RunError: `provider_rejected`.
    """
    total = sum(one.path.stat().st_size for one in files)
    if total > max_mb * MIB:
        raise RunError(
            "provider_rejected",
            f"The inputs have {total / MIB:.1f} MiB together, more than goes into one order ({max_mb} MiB); "
            "make them smaller, or give public https URLs.",
        )


def data_uri(one: Input) -> str:
    """Put a file into a text."""
    return f"data:{one.mime};base64,{in_base64(one)}"


def in_base64(one: Input) -> str:
    """Write a file in base64."""
    return base64.b64encode(one.path.read_bytes()).decode("ascii")


def _mime(path: Path) -> str:
    with path.open("rb") as file:
        found = sniff(file.read(SNIFF_BYTES))
    return found.mime if found else "application/octet-stream"

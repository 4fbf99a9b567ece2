"""Input files as a job wants them, and how they are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from officina.errors import RunError
from officina.fetch.address import IPAddress
from officina.fetch.admit import Fetched, Wanted
from officina.fetch.fetcher import Fetcher
from officina.link import FetchPolicy
from officina.model import MediaField, MediaRule

TOO_LARGE = "Each image must not be larger than 15 MB."
TOO_WIDE = "The width of each image must not be more than 4096 pixels."
SEED = MediaField(
    "image_urls",
    "image",
    many=True,
    rules=(
        MediaRule("file_size_mb", "<=", 15, TOO_LARGE),
        MediaRule("width_pixels", "<=", 4096, TOO_WIDE),
        MediaRule("height_pixels", "<=", 4096, "The height of each image must not be more than 4096 pixels."),
        MediaRule("width/height", ">=", 0.33, "The ratio must be between 1/3 and 3."),
        MediaRule("width/height", "<=", 3, "The ratio must be between 1/3 and 3."),
    ),
)
FREE = MediaField("image_url", "image", many=False)
LOCAL = FetchPolicy(allow_hosts=("127.0.0.0/8",))


def wanted(
    source: str, media: MediaField = SEED, index: int = 0, *, accepts: Sequence[str] = ("jpeg", "png")
) -> Wanted:
    return Wanted(media, index, source, tuple(accepts), f"0-{index}")


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(scenario, timeout=30))


def refused(scenario: Coroutine[Any, Any, Any]) -> RunError:
    with pytest.raises(RunError) as caught:
        run(scenario)
    assert "field" in caught.value.run_detail
    assert "index" in caught.value.run_detail
    return caught.value


async def fetch_url(
    url: str, into: Path, media: MediaField = SEED, *, policy: FetchPolicy = LOCAL, **how: Any
) -> Fetched:
    async with Fetcher(policy, **how) as fetcher:
        return await fetcher.fetch(wanted(url, media), into)


class Names:
    """A name server that gives one answer after the other, and remembers what it was asked."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        self.asked.append(host)
        answers = self.answers[host]
        return [ip_address(answers.pop(0) if len(answers) > 1 else answers[0])]

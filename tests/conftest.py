"""The order of the tests: the files that take longest begin first, so that none of them is waited for alone."""

from __future__ import annotations

import pytest

SLOWEST = (
    "tests/queue/test_state_machine.py",
    "tests/engines/collage/test_collage_conformance.py",
    "tests/chaos/",
    "tests/crash/",
    "tests/road/",
    "tests/cli/",
    "tests/store/",
    "tests/engines/",
    "tests/queue/",
)
"""Folders and files, the slowest first; all others come after them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow files first, and keep the order otherwise."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    found = (n for n, path in enumerate(SLOWEST) if item.nodeid.startswith(path))
    return next(found, len(SLOWEST))

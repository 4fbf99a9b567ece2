"""What is kept warm, and what has to go."""

from __future__ import annotations

import pytest

from officina.engines.diffusers.shelf import Shelf


@pytest.fixture
def closed() -> list[str]:
    return []


@pytest.fixture
def shelf(closed: list[str]) -> Shelf[str]:
    return Shelf(closed.append)


def add(shelf: Shelf[str], name: str, size: float, budget: float = 30) -> None:
    shelf.make_room(size, budget)
    shelf.put(name, name, size)


def test_what_fits_the_budget_stays(shelf: Shelf[str], closed: list[str]) -> None:
    for name in ("a", "b", "c"):
        add(shelf, name, 10)
    assert shelf.keys == ("a", "b", "c")
    assert shelf.size == 30
    assert closed == []


def test_what_was_used_longest_ago_goes_first(shelf: Shelf[str], closed: list[str]) -> None:
    for name in ("a", "b", "c"):
        add(shelf, name, 10)
    assert shelf.get("a") == "a"
    add(shelf, "d", 10)
    assert closed == ["b"]
    assert shelf.keys == ("c", "a", "d")


def test_as_many_go_as_the_new_one_needs(shelf: Shelf[str], closed: list[str]) -> None:
    for name in ("a", "b", "c"):
        add(shelf, name, 10)
    add(shelf, "d", 20)
    assert closed == ["a", "b"]


def test_one_alone_may_be_larger_than_the_budget(shelf: Shelf[str], closed: list[str]) -> None:
    add(shelf, "a", 10)
    add(shelf, "huge", 100)
    assert shelf.keys == ("huge",)
    assert closed == ["a"]


def test_what_is_replaced_or_cleared_is_closed_once(shelf: Shelf[str], closed: list[str]) -> None:
    add(shelf, "a", 10)
    shelf.put("a", "newer a", 12)
    assert closed == ["a"]
    assert shelf.get("a") == "newer a"
    shelf.clear()
    assert closed == ["a", "newer a"]
    assert shelf.size == 0
    assert shelf.get("a") is None

"""The page of the Python client against its interface."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest
from docs_pages import page

import officina_client
from officina_client import Client, Retry

PAGE = page("reference/client.md")
VALUES = [
    each
    for name in officina_client.__all__
    if dataclasses.is_dataclass(each := getattr(officina_client, name)) and each is not Retry
]
ERRORS = [
    name
    for name in officina_client.__all__
    if name != "OfficinaApiError"
    and issubclass(getattr(officina_client, name), officina_client.OfficinaApiError)
]


def test_every_method_is_described_with_its_arguments() -> None:
    described = {}
    for row in PAGE.rows("Methods")[1:]:
        name, arguments = re.fullmatch(r"`(\w+)\((.*)\)`", row[0]).groups()  # type: ignore[union-attr]
        described[name] = [each for each in arguments.split(", ") if each]
    methods = inspect.getmembers(Client, inspect.isfunction)
    real = {
        name: list(inspect.signature(method).parameters)[1:]
        for name, method in methods
        if not name.startswith("_") and name != "close"
    }
    assert described == real


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_every_value_is_described_with_its_members(value: type) -> None:
    rows = {row[0].strip("`"): row[1] for row in PAGE.rows("Values")[1:]}
    fields = {each.name for each in dataclasses.fields(value)} - {"raw"}
    derived = {name for name, kind in vars(value).items() if isinstance(kind, property)}
    assert set(re.findall(r"`(\w+)`", rows[value.__name__])) == fields | derived


def test_every_error_is_described() -> None:
    assert [row[0].strip("`") for row in PAGE.rows("Errors")[1:]] == [
        each for each in _in_order() if each in ERRORS
    ]


def test_every_member_of_retry_is_described_with_its_default() -> None:
    rows = {row[0].strip("`"): row[1] for row in PAGE.rows("Retry")[1:]}
    real = {each.name: each.default for each in dataclasses.fields(Retry) if each.name != "jitter"}
    assert {name: f"{default:g}" if not isinstance(default, bool) else str(default).lower()
            for name, default in real.items()} == rows  # fmt: skip


def _in_order() -> list[str]:
    return [name for name, kind in vars(officina_client.errors).items() if isinstance(kind, type)]

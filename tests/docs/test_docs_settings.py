"""The page of settings against the settings themselves."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from docs_pages import page

from officina.settings import NOT_OURS, PREFIX, Settings

FIELDS = {each.name: each for each in dataclasses.fields(Settings)}


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_stands_in_its_table_with_variable_default_and_help(name: str) -> None:
    field = FIELDS[name]
    row = [f"`{name}`", f"`{PREFIX}{name.upper()}`", f"`{_default(field)}`", field.metadata["help"]]
    assert row in page("reference/settings.md").rows("Every setting")


def test_no_setting_is_described_that_there_is_not() -> None:
    described = {row[0].strip("`") for row in page("reference/settings.md").rows("Every setting")[1:]}
    assert described == FIELDS.keys()


def test_every_other_variable_of_the_prefix_is_described() -> None:
    rows = page("reference/settings.md").rows("Variables that are not settings")
    assert {row[0].strip("`") for row in rows[1:]} == NOT_OURS


def _default(field: dataclasses.Field[object]) -> str:
    factory = field.default_factory
    made = field.default if factory is dataclasses.MISSING else factory()
    if isinstance(made, bool | int | float):
        return str(made).lower()
    return msgspec.json.encode(made if isinstance(made, dict | tuple) else str(made)).decode()

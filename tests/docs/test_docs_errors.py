"""The page of errors, the exit codes and the words of states against the code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docs_pages import page

from officina.cli.exits import MEANINGS, Code
from officina.errors import RUN_ERRORS, OfficinaError, OperatorError, RunError
from officina.job import RESULT_WORDS, STATUS_WORDS


def _below(kind: type[OfficinaError]) -> Iterator[type[OfficinaError]]:
    for child in kind.__subclasses__():
        if child.__module__ == "officina.errors":
            yield child
            yield from _below(child)


ON_THE_WIRE = [each for each in _below(OfficinaError) if not issubclass(each, (RunError, OperatorError))]
AT_START: list[type[OfficinaError]] = [OperatorError, *_below(OperatorError)]


@pytest.mark.parametrize("kind", ON_THE_WIRE, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_table_with_code_name_and_status(kind: type[OfficinaError]) -> None:
    rows = {tuple(row[:3]) for row in page("reference/errors.md").rows("Codes")}
    departs = kind.code // 1000 != kind.http
    assert (str(kind.code), kind.name, f"{kind.http}{' *' if departs else ''}") in rows


def test_no_code_is_described_that_no_error_has() -> None:
    described = {row[0] for row in page("reference/errors.md").rows("Codes")[1:]}
    assert described == {str(OperatorError.code), *(str(kind.code) for kind in ON_THE_WIRE)}


@pytest.mark.parametrize("kind", AT_START, ids=lambda kind: kind.__name__)
def test_every_error_at_start_is_described(kind: type[OfficinaError]) -> None:
    assert f"`{kind.__name__}`" in {row[0] for row in page("reference/errors.md").rows("Errors at start")}


@pytest.mark.parametrize("name", RUN_ERRORS)
def test_every_error_of_a_run_says_whether_it_is_tried_again(name: str) -> None:
    rows = {row[0].strip("`"): row for row in page("reference/errors.md").rows("Errors of a run")}
    assert rows[name][2].startswith("yes" if RUN_ERRORS[name].retry else "no")
    assert rows[name][1]


def test_no_error_of_a_run_is_described_that_there_is_not() -> None:
    described = {row[0].strip("`") for row in page("reference/errors.md").rows("Errors of a run")[1:]}
    assert described == RUN_ERRORS.keys()


def test_every_exit_code_is_described() -> None:
    described = {row[0] for row in page("reference/cli.md").rows("Exit codes")[1:]}
    assert described == {str(int(code)) for code in Code}
    assert {str(int(code)) for code in MEANINGS} <= described


def test_the_glossary_gives_the_words_of_every_state() -> None:
    rows = {row[0].strip("`"): row for row in page("reference/glossary.md").rows("States")[1:]}
    assert rows.keys() == STATUS_WORDS.keys()
    for state, word in STATUS_WORDS.items():
        assert f"`{word}`" in rows[state][1]
        assert f"`{RESULT_WORDS[state]}`" in rows[state][2] or rows[state][2] == "the same"

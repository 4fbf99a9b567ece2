"""The page of the command line against the commands, and every shell example against the parser."""

from __future__ import annotations

import re
import shlex

import pytest
from docs_commands import calls, commands, named, parse
from docs_pages import Fence, name_of, page, pages

from officina.settings import names

COMMANDS = commands()
_FLAG = re.compile(r"`(--?[a-z][a-z-]*)")
OF_SETTINGS = {f"--{no}{name.replace('_', '-')}" for name in names() for no in ("", "no-")}
SCRIPTS = [fence for each in pages() for fence in each.fences("sh", "bash", "ini")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_section_with_all_of_its_options_and_no_other(name: str) -> None:
    described = set(_FLAG.findall(page("reference/cli.md").sections()[name]))
    passed_over = OF_SETTINGS if name == "officina serve" else set()
    assert described - passed_over == COMMANDS[name] - passed_over


def test_no_command_is_described_that_there_is_not() -> None:
    described = {title for title in page("reference/cli.md").sections() if title.startswith("officina")}
    assert described == COMMANDS.keys()


def test_every_setting_is_a_flag_of_serve() -> None:
    assert {f"--{name.replace('_', '-')}" for name in names()} <= COMMANDS["officina serve"]


@pytest.mark.parametrize("fence", SCRIPTS, ids=lambda fence: name_of(fence.page))
def test_every_call_of_officina_in_a_script_is_understood(fence: Fence) -> None:
    for words in calls(fence.text):
        parse(words)


def test_every_command_named_in_a_sentence_exists_with_the_options_named() -> None:
    for each in pages():
        for code in each.codes():
            if not code.startswith("officina ") or "…" in code:
                continue
            path, options = named(shlex.split(code)[1:])
            assert path != "officina" or " COMMAND" in code or options, f"{name_of(each.path)}: {code}"
            assert options <= COMMANDS[path], f"{name_of(each.path)}: {code}"


def test_the_parser_does_refuse_what_does_not_exist() -> None:
    for line in ("serve --prot 1", "modles list", "keys create x --scope king", "status"):
        with pytest.raises(Exception, match=r"."):
            parse(shlex.split(line))

"""`officina collage plan`: what the offline engine makes of a prompt."""

from __future__ import annotations

import json
import subprocess
import sys

from officina.cli.exits import Code


def plan(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "officina", "collage", "plan", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_plan_is_printed_in_words_one_operation_a_line() -> None:
    done = plan("Place the lovely woman of picture 1 on the boat of picture 2, then make it sunset")
    assert done.returncode == Code.OK
    assert done.stdout.splitlines() == [
        "1. place woman of picture 1 on boat of picture 2",
        "2. make it sunset",
        "ignored: lovely",
    ]


def test_a_plan_is_printed_as_json() -> None:
    told = json.loads(plan("tre varianti: sfondo bianco", "--json").stdout)
    assert [each["operation"] for each in told["operations"]] == ["replace_background"]
    assert told["operations"][0]["colour"] == [255, 255, 255]
    assert (told["copies"], told["pictures_needed"]) == (3, 1)


def test_a_refusal_says_why_and_exits_with_its_code() -> None:
    done = plan("remove the background and make her smile")
    assert done.returncode == Code.BAD_INPUT
    assert "“smile”: it cannot change a face" in done.stderr
    told = json.loads(plan("make her smile", "--json").stdout)
    assert told["error"]["detail"] == {"not_understood": ["smile"], "reason": "people"}


def test_a_plan_that_takes_more_pictures_than_there_are_is_refused() -> None:
    done = plan("put the girl on the boat", "--pictures", "1")
    assert done.returncode == Code.BAD_INPUT
    assert "takes 2 pictures, and there is one" in done.stderr


def test_a_language_can_be_forced_and_must_exist() -> None:
    assert plan("sfondo bianco", "--language", "en").returncode == Code.BAD_INPUT
    done = plan("sfondo bianco", "--language", "xx")
    assert done.returncode == Code.USAGE
    assert "de, en, es, fr, it" in done.stderr

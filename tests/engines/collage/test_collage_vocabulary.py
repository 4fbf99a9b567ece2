"""The vocabularies: complete, in agreement, and cheap to read with, whatever the prompt."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest

from officina.engines.collage.plan import NotUnderstood
from officina.engines.collage.prompt.language import languages, vocabulary
from officina.engines.collage.prompt.lint import found_in, problems
from officina.engines.collage.prompt.parse import Reading
from officina.engines.collage.prompt.pieces import MOST_STEPS

CODES = [each.code for each in languages()]
LONGEST = 800
"""Code points that the model takes."""


def test_there_are_the_five_languages() -> None:
    assert CODES == ["de", "en", "es", "fr", "it"]


def test_the_vocabularies_are_complete_and_agree() -> None:
    assert problems() == []


def two() -> dict[str, Any]:
    return {code: copy.deepcopy(vocabulary(code)) for code in ("en", "it")}


def test_a_missing_word_a_missing_table_and_an_unknown_value_are_found() -> None:
    changed = two()
    del changed["it"]["thing"]["boat"]
    del changed["it"]["pose"]
    changed["en"]["look"]["glitter"] = ["glittering"]
    changed["en"]["colour"]["red"] = ["reddish"]
    found = found_in(changed)
    assert "it: [thing] lacks boat" in found
    assert "it: [pose] lacks sitting" in found
    assert "en: [look] has glitter, which the engine does not know" in found
    assert "en: [colour] has red, which is not written #rrggbb" in found


def test_an_empty_entry_and_a_word_with_two_meanings_are_found() -> None:
    changed = two()
    changed["en"]["colour"]["#ffffff"] = []
    changed["en"]["thing"]["dog"].append("cat")
    found = found_in(changed)
    assert "en: [colour] has no word for #ffffff" in found
    assert "en: [thing] has “cat” under cat and dog" in found


ENDLESS = [
    "a beautiful girl and " * 38,
    "a girl, " * 100 + "on",
    "realistic and " * 57,
    "not " * 200,
    "do not change the face and " * 30,
    "for the " * 100,
    "make it " * 100,
    "red blue " * 90,
    "on the boat in the boat " * 34,
    "of the picture " * 54,
    "sepia, " * 114,
    "bw," * 266,
    "(" * 800,
    "a " * 400,
    "' " * 400,
    "don't " * 130,
    "cut " * 200,
    "turn the picture up " * 40,
    "16:9 " * 160,
    "船" * 800,
    "\x00\ufffd\u202e" * 200,
    "-a" * 400,
    "\n" * 800,
]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("prompt", ENDLESS, ids=[prompt[:20].strip() for prompt in ENDLESS])
def test_no_prompt_takes_much_work(prompt: str, code: str) -> None:
    reading = Reading(prompt[:LONGEST], next(each for each in languages() if each.code == code))
    with suppress(NotUnderstood):
        reading.plan()
    assert reading.work <= MOST_STEPS + 500

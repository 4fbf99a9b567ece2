"""The corpus: prompts in five languages as people write them, each with its plan or the reason of its refusal."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from plan_notation import short

from officina.engines.collage.plan import NotUnderstood
from officina.engines.collage.prompt.language import languages
from officina.engines.collage.prompt.parse import read
from officina.engines.collage.refusal import not_understood

CORPUS = Path(__file__).with_name("prompts.toml")


def prompts() -> Iterator[tuple[str, str, str]]:
    for code, part in tomllib.loads(CORPUS.read_text(encoding="utf-8")).items():
        for prompt, expected in part["prompts"]:
            yield code, prompt, expected


ALL = list(prompts())


def outcome(prompt: str) -> str:
    try:
        return short(read(prompt))
    except NotUnderstood as cause:
        return f"! {cause.reason}".strip()


@pytest.mark.parametrize(("prompt", "expected"), [case[1:] for case in ALL], ids=[case[1] for case in ALL])
def test_a_prompt_becomes_the_plan_that_its_writer_meant(prompt: str, expected: str) -> None:
    assert outcome(prompt) == expected


def test_every_refusal_of_the_corpus_quotes_the_prompt_and_says_what_can_be_done() -> None:
    for _, prompt, expected in ALL:
        if expected.startswith("!"):
            with pytest.raises(NotUnderstood) as caught:
                read(prompt)
            assert caught.value.not_understood
            assert all(words in prompt for words in caught.value.not_understood)
            assert "The collage engine" in not_understood(caught.value).message


def test_the_corpus_has_hundreds_of_prompts_in_every_language() -> None:
    assert len(ALL) >= 300
    assert {code for code, _, _ in ALL} == {each.code for each in languages()}
    assert len({prompt for _, prompt, _ in ALL}) == len(ALL)

"""Secrets of engines: named by an option, held by the environment, never repeated."""

from __future__ import annotations

import pytest

from officina.engines.secrets import secret
from officina.errors import RunError


def _refused(options: dict[str, object], name: str = "key_env") -> RunError:
    with pytest.raises(RunError) as caught:
        secret(options, name)
    assert caught.value.type == "provider_unauthorized"
    assert not caught.value.retry
    return caught.value


def test_a_secret_comes_from_the_variable_that_the_option_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_KEY", "ab-12")
    assert secret({"key_env": "STUDIO_KEY"}) == "ab-12"


def test_another_option_may_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_SECRET", "TnpC==")
    assert secret({"secret_key_env": "STUDIO_SECRET"}, "secret_key_env") == "TnpC=="


def test_the_line_end_of_a_file_is_no_part_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_KEY", " ab-12\n")
    assert secret({"key_env": "STUDIO_KEY"}) == "ab-12"


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDIO_KEY", raising=False)
    assert "variable STUDIO_KEY, named by key_env, is not set" in _refused({"key_env": "STUDIO_KEY"}).message


@pytest.mark.parametrize("given", [None, "", 7, "sk-proj-live/0123456789", "sk_live_0123456789"])
def test_a_secret_in_the_place_of_a_name_is_refused_and_not_repeated(given: object) -> None:
    message = _refused({"key_env": given}).message
    assert "key_env must be the name, in capitals, of an environment variable" in message
    assert "0123456789" not in message


@pytest.mark.parametrize("held", ["Bearer ab-12", "schlüssel", "a" * 4097])
def test_what_no_header_can_hold_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    monkeypatch.setenv("STUDIO_KEY", held)
    assert held not in _refused({"key_env": "STUDIO_KEY"}).message

"""When tries are repeated, and when not: the flows driven by hand, with a clock that only they move."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from officina_client import ConnectionProblem, OfficinaApiError, Retry, ServerProblem
from officina_client.effects import Answer, Call, Now, Send, Sleep, Turns
from officina_client.retry import exchange

READ = Call("GET", "http://x/", is_repeatable=True)
WRITE = Call("POST", "http://x/")
FINE = Answer(200, {}, b"{}")
STEADY = Retry(attempts=4, first_delay_s=1.0, max_delay_s=10.0, jitter=lambda: 0.0)


def play(flow: Any, *outcomes: Answer | Exception) -> tuple[Any, list[float]]:
    """Drive a flow with these outcomes of its calls; give its value, or error, and how it slept."""
    turns, left, slept, clock = Turns(flow), list(outcomes), [], 0.0
    try:
        for effect in turns:
            match effect:
                case Send():
                    outcome = left.pop(0)
                    turns.fail(outcome) if isinstance(outcome, Exception) else turns.reply(outcome)
                case Now():
                    turns.reply(clock)
                case Sleep(seconds):
                    slept.append(seconds)
                    clock += seconds
                    turns.reply(None)
    except OfficinaApiError as problem:
        return problem, slept
    return turns.value, slept


def busy(status: int = 503, retry_after: str | None = None) -> Answer:
    return Answer(status, {} if retry_after is None else {"retry-after": retry_after})


def test_the_waits_double_up_to_a_limit() -> None:
    patient = Retry(attempts=7, first_delay_s=1.0, max_delay_s=10.0, jitter=lambda: 0.0)

    value, slept = play(exchange(READ, patient), *[busy()] * 6, FINE)

    assert value == FINE
    assert slept == [1, 2, 4, 8, 10, 10]


def test_the_tries_are_bounded() -> None:
    value, slept = play(exchange(READ, STEADY), *[busy()] * 4)

    assert isinstance(value, ServerProblem)
    assert slept == [1, 2, 4]


def test_a_longer_wait_asked_for_is_honoured() -> None:
    _, slept = play(exchange(READ, STEADY), busy(429, "5"), busy(503, "0"), FINE)

    assert slept == [5, 2]


def test_a_wait_beyond_the_limit_ends_the_tries() -> None:
    value, slept = play(exchange(READ, STEADY), busy(429, "11"))

    assert value.retry_after_s == 11
    assert slept == []


def test_no_try_is_begun_that_would_come_too_late() -> None:
    value, slept = play(exchange(READ, STEADY, deadline_at=2.5), busy(), busy(), FINE)

    assert isinstance(value, ServerProblem)
    assert slept == [1]


@pytest.mark.parametrize("status", [400, 401, 404, 500, 501])
def test_what_will_not_pass_is_not_repeated(status: int) -> None:
    value, slept = play(exchange(READ, STEADY), busy(status))

    assert value.status == status
    assert slept == []


def test_what_writes_is_repeated_only_if_it_never_left() -> None:
    assert play(exchange(WRITE, STEADY), ConnectionProblem(sent=False), FINE) == (FINE, [1])
    assert play(exchange(WRITE, STEADY), ConnectionProblem(sent=True))[1] == []
    assert play(exchange(WRITE, STEADY), busy(503))[1] == []
    assert play(exchange(READ, STEADY), ConnectionProblem(sent=True), FINE) == (FINE, [1])


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_delay_is_between_half_and_all_of_what_it_would_be(failures: int, chance: float) -> None:
    whole = min(30.0, 0.5 * 2.0 ** min(failures - 1, 100))

    delay_s = Retry(jitter=lambda: chance).delay_s(failures)

    assert whole / 2 <= delay_s <= whole
    assert math.isfinite(delay_s)

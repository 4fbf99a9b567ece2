"""When a failed call is worth another try, and after how long."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from officina_client.effects import Answer, Call, Flow, Sleep, T, now, send
from officina_client.errors import ConnectionProblem, OfficinaApiError
from officina_client.refusals import raise_for

PASSING = frozenset({429, 502, 503, 504})
"""HTTP statuses that say: not now."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How patient the client is with a server that fails for a moment.

    A call is tried `attempts` times at most. The waits double from `first_delay_s` to `max_delay_s`, each
    shortened by up to half at random, so that many clients do not come back together. A longer wait asked
    for by the server (`Retry-After`) is honoured; one beyond `max_delay_s` ends the tries.

    A submit carries an `Idempotency-Key`, so a repetition never runs twice. Set `resubmit` to False for
    servers of the same contract that do not know this header.
    """

    attempts: int = 5
    first_delay_s: float = 0.5
    max_delay_s: float = 30.0
    resubmit: bool = True
    jitter: Callable[[], float] = field(default=random.random, repr=False)
    """Gives numbers from 0 to 1."""

    def delay_s(self, failures: int) -> float:
        """Seconds to wait after the n-th failure in a row."""
        longest = min(self.max_delay_s, self.first_delay_s * 2.0 ** min(failures - 1, 32))
        return longest * (1 - self.jitter() / 2)


def exchange(call: Call, policy: Retry, deadline_at: float = math.inf) -> Flow[Answer]:
    """Make the call until it succeeds, fails for good, or the tries or the time are used up.

    Raises the error of the last try.
    """

    def attempt() -> Flow[Answer]:
        answer = yield from send(call)
        raise_for(answer)
        return answer

    return (yield from retrying(attempt, policy, call.is_repeatable, deadline_at))


def retrying(
    attempt: Callable[[], Flow[T]], policy: Retry, is_repeatable: bool, deadline_at: float = math.inf
) -> Flow[T]:
    """Run a flow again and again while it fails for reasons that may pass."""
    failures = 0
    while True:
        try:
            return (yield from attempt())
        except OfficinaApiError as problem:
            if not is_worth_repeating(problem, is_repeatable):
                raise
            failures += 1
            yield from pause(problem, failures, policy, deadline_at)


def is_worth_repeating(problem: OfficinaApiError, is_repeatable: bool) -> bool:
    """Whether another try may succeed and cannot do harm."""
    if isinstance(problem, ConnectionProblem):
        return is_repeatable or not problem.sent
    return is_repeatable and problem.status in PASSING


def pause(
    problem: OfficinaApiError, failures: int, policy: Retry, deadline_at: float = math.inf
) -> Flow[None]:
    """Wait before the next try, or raise `problem` when there shall be none."""
    asked_s = problem.retry_after_s or 0.0
    if failures >= policy.attempts or asked_s > policy.max_delay_s:
        raise problem
    delay_s = max(policy.delay_s(failures), asked_s)
    if (yield from now()) + delay_s > deadline_at:
        raise problem
    yield Sleep(delay_s)

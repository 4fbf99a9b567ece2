"""What keys may take, decided from what is stored: their rate, their waiting jobs, their budget of the day.

Pure: both queues ask this inside their transactions. The rate is the generic cell rate algorithm in its form
as virtual scheduling (ITU-T I.371, annex A): one number per key, the time at which a key that sends evenly
would send next.
"""

from __future__ import annotations

import math

import msgspec

from officina.errors import BudgetSpent, QueueFull, RateLimited
from officina.job import Allowance, NewJob
from officina.keys import KeyLimits
from officina.queue.protocol import Use

EXACT_S = 1e-6
"""Unix seconds in floats are exact to less than this."""
DAY_S = 86400


class Rate(msgspec.Struct, frozen=True):
    """One submit every `step_s` seconds in the long run, and up to `burst` at once."""

    step_s: float
    burst: int

    @classmethod
    def of(cls, limits: KeyLimits) -> Rate | None:
        """The rate of these limits; None when they have none."""
        if limits.rate_per_min is None:
            return None
        return cls(60.0 / limits.rate_per_min, limits.burst or max(1, math.ceil(limits.rate_per_min)))

    def allowance(self, due_at: float, now: float) -> Allowance:
        """Where a key stands whose even sender would send next at `due_at`."""
        ahead_s = max(0.0, due_at - now)
        left = math.floor((self.burst * self.step_s - ahead_s + EXACT_S) / self.step_s)
        return Allowance(self.burst, max(0, left), ahead_s)

    def spend(self, due_at: float, now: float) -> float:
        """Count one submit: the new `due_at`. Raises RateLimited."""
        next_due_at = max(due_at, now) + self.step_s
        wait_s = next_due_at - now - self.burst * self.step_s
        if wait_s <= EXACT_S:
            return next_due_at
        raise RateLimited(
            f"This key may submit {60.0 / self.step_s:g} times a minute, {self.burst} of them at once; "
            f"try again in {wait_s:.3g} s.",
            retry_after=math.ceil(wait_s),
            headers=self.allowance(due_at, now).headers(),
        )


def check_waiting(waiting: int, most: int) -> None:
    """Raise QueueFull when no more may wait."""
    if waiting >= most:
        raise QueueFull(
            f"{waiting} requests of this key are waiting, the most allowed; try again later.", retry_after=5
        )


def check_budget(limits: KeyLimits, use: Use, job: NewJob, now: float) -> None:
    """Raise BudgetSpent when the job, at its most, does not fit into what the day has left."""
    outputs = use.outputs + use.held_outputs
    if limits.daily_outputs is not None and outputs + job.most_outputs > limits.daily_outputs:
        _spent(f"{limits.daily_outputs} outputs", f"{use.outputs}", f"{use.held_outputs}", now)
    usd = use.cost_usd + use.held_usd
    if limits.daily_usd is not None and round(usd + job.most_usd - limits.daily_usd, 6) > 0:
        _spent(f"{limits.daily_usd:g} USD", f"{use.cost_usd:.6g}", f"{use.held_usd:.6g}", now)


def _spent(most: str, used: str, held: str, now: float) -> None:
    raise BudgetSpent(
        f"This key may take {most} a day: {used} are used and {held} held for requests that wait or run, "
        "which leaves too little for this one. The day ends at midnight, UTC.",
        retry_after=math.ceil(DAY_S - now % DAY_S),
    )

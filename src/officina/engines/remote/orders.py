"""What is remembered with a job about its order, so that another attempt does not order and pay it again."""

from __future__ import annotations

import msgspec

from officina.errors import RunError
from officina.run import Run

MOST_CHARS = 4096


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the work was ordered, and how far that has come."""

    to: str
    sent: bool = False
    """It was sent, and nobody knows yet whether it was taken on."""
    id: str = ""
    """Under which the provider knows it."""
    made: tuple[str, ...] = ()
    """Where its results lie."""
    again: int = 0
    """How many orders came to nothing before it."""


class Orders:
    """The order of one job at one provider, across its attempts.

    Every change goes to `Run.remember` before the provider is asked for anything that costs.
    """

    def __init__(self, run: Run, to: str, *, repeatable: bool = False) -> None:
        """Take up what an earlier attempt remembered, if it ordered at the same place `to`."""
        self._run = run
        self.repeatable = repeatable
        self._now = _remembered(run.memo, to)

    @property
    def id(self) -> str:
        """Under which the provider knows the work; empty when it does not."""
        return self._now.id

    @property
    def made(self) -> tuple[str, ...]:
        """Where the results lie that an earlier attempt did not bring home."""
        return self._now.made

    @property
    def key(self) -> str:
        """The same for every repetition of one order, and another one after an order came to nothing."""
        return f"{self._run.job_id}-{self._now.again}"

    def begin(self) -> None:
        """Remember that the work is about to be ordered.

        Raises:
            RunError: an earlier attempt did so and never learned what became of it; it may have to be paid.
        """
        if self._now.sent and not self.repeatable:
            raise RunError(
                "provider_failed",
                "An earlier attempt ordered this run and was lost before the results were here. It is not "
                "ordered again, since it may be paid for already; submit it anew to do so.",
                retry=False,
            )
        self._keep(sent=True)

    def withdraw(self) -> None:
        """Remember that the order surely did not arrive, or was refused."""
        self._keep(sent=False)

    def take(self, order_id: str) -> str:
        """Remember the id under which the provider has taken the work on."""
        self._keep(id=order_id, sent=False)
        return order_id

    def keep_made(self, places: tuple[str, ...]) -> None:
        """Remember where the results lie, if there is room for it."""
        if len(_written(msgspec.structs.replace(self._now, made=places))) <= MOST_CHARS:
            self._keep(made=places)

    def end(self) -> None:
        """Remember that this order came to nothing, so that the next attempt makes a new one."""
        self._keep(id="", sent=False, made=(), again=self._now.again + 1)

    def _keep(self, **changed: object) -> None:
        self._now = msgspec.structs.replace(self._now, **changed)
        # What comes to nothing is forgotten, so that another engine may take the job over.
        self._run.remember("" if self._now == Order(self._now.to) else _written(self._now))


def _written(order: Order) -> str:
    return msgspec.json.encode(order).decode()


def _remembered(memo: str, to: str) -> Order:
    try:
        order = msgspec.json.decode(memo, type=Order)
    except msgspec.DecodeError:
        return Order(to)
    return order if order.to == to else Order(to)

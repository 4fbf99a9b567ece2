"""The Ray cluster, as a fleet needs it: which of its workers are there, place one, drain one, remove one.

Each worker has a named, detached actor, so it outlives the driver, and the next driver finds it by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from officina.errors import OperatorError
from officina.fleet.keeper import Keeper, Report
from officina.fleet.order import Order
from officina.fleet.scaling import Phase, Placed
from officina.job import new_secret

ANSWER_S = 2.0
"""How long a round waits for the actors; who has not answered by then is asked on."""


class ClusterAway(OperatorError):
    """The Ray cluster cannot be reached; start it, or give its address with --address."""


class Cluster:
    """A connection to a Ray cluster, for one fleet. One process has at most one."""

    def __init__(self, order: Order) -> None:
        import ray

        self._ray = ray
        self._order = order
        self._actors: dict[str, Any] = {}
        self._asked: dict[str, Any] = {}
        self._heard: set[str] = set()
        self._leaving: set[str] = set()
        with _explained(order.address):
            self._join()

    def _join(self) -> None:
        address, namespace = self._order.address, self._order.namespace
        try:
            self._ray.init(address=address, namespace=namespace, log_to_driver=False, logging_level="error")
        except (RuntimeError, ValueError) as error:
            raise OperatorError(
                f"The Ray cluster at {address!r} cannot be used ({_first_line(error)}); "
                "see that it has the Ray and the Python of this machine."
            ) from None

    def fleet(self) -> list[Placed]:
        """The workers of this fleet, by name, whoever placed them.

        Raises:
            ClusterAway: the head of the cluster does not answer.
        """
        with _explained(self._order.address):
            names = sorted(self._ray.util.list_named_actors())
            self._actors = {name: found for name in names if (found := self._actor(name)) is not None}
            self._asked = {
                name: self._asked.get(name) or actor.report.remote() for name, actor in self._actors.items()
            }
            waited = list(self._asked.values())
            answered = self._ray.wait(waited, num_returns=len(waited), timeout=ANSWER_S)[0] if waited else []
            return [self._placed(name, answered) for name in self._actors]

    def place(self) -> str:
        """Place one more worker; Ray starts it as soon as a node has room. Gives its name."""
        order, share = self._order, self._order.share
        name = f"{order.name}-{order.terms}-{new_secret()[:8]}"
        actor = self._ray.remote(Keeper).options(
            name=name,
            lifetime="detached",
            max_restarts=-1,
            num_gpus=share.gpus,
            num_cpus=share.cpus,
            resources=dict(share.others),
        )
        with _explained(order.address):
            self._actors[name] = actor.remote(order.errand, name)
        return name

    def drain(self, name: str) -> None:
        """Let a worker finish what it runs, and end; `fleet` tells when it has."""
        self._leaving.add(name)
        self._actors[name].drain.remote()

    def remove(self, name: str) -> None:
        """Remove an actor, and with it what is left of its worker, which hands back what it runs."""
        with _explained(self._order.address):
            self._ray.kill(self._actors[name], no_restart=True)

    def _actor(self, name: str) -> Any:
        try:
            return self._actors.get(name) or self._ray.get_actor(name)
        except ValueError:
            return None  # it went since the names were listed

    def _placed(self, name: str, answered: list[Any]) -> Placed:
        is_current = name.startswith(f"{self._order.name}-{self._order.terms}-")
        if self._asked[name] in answered:
            try:
                report = self._ray.get(self._asked.pop(name))
            except self._ray.exceptions.RayActorError:
                if name in self._leaving:
                    return Placed(name, "ended", is_current)  # it died, and need not be made anew
            else:
                self._heard.add(name)
                return Placed(name, self._phase(name, report), is_current, report.refusal)
        if name in self._leaving:
            return Placed(name, "draining", is_current)
        return Placed(name, "silent" if name in self._heard else "placing", is_current)

    def _phase(self, name: str, report: Report) -> Phase:
        """What it reports, unless that was before it heard that it shall end, or it was made anew since."""
        if name in self._leaving and report.phase == "working":
            self.drain(name)
            return "draining"
        return report.phase


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Put what Ray raises when its head is away into words."""
    from ray.exceptions import GetTimeoutError, RaySystemError, RpcError

    try:
        yield
    except (ConnectionError, GetTimeoutError, RaySystemError, RpcError) as error:
        raise ClusterAway(
            f"The Ray cluster at {address!r} does not answer ({_first_line(error)}); "
            "start it, or give another --address."
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]

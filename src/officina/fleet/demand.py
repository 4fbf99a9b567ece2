"""What the gateway says of the queue: how many jobs are open, and which workers are busy."""

from __future__ import annotations

from types import TracebackType

import httpx

from officina.fleet.order import Order
from officina_client import Client, Retry

TIMEOUT_S = 10.0


class Demand:
    """Asks the gateway of a fleet; what it raises is an OfficinaApiError."""

    def __init__(self, order: Order) -> None:
        self._models = frozenset(order.models)
        self._client = Client(
            order.errand.gateway, order.key, timeout=httpx.Timeout(TIMEOUT_S), retry=Retry(attempts=1)
        )

    def __enter__(self) -> Demand:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.close()

    def open_jobs(self) -> int:
        """The jobs of the fleet's models that wait or run."""
        models = self._client.call("GET", "/v1/queue")["models"]
        counted = [each for each in models if not self._models or each["model_id"] in self._models]
        return sum(int(each["waiting"]) + int(each["running"]) for each in counted)

    def busy(self) -> frozenset[str]:
        """The names of the workers that hold jobs."""
        workers = self._client.call("GET", "/v1/workers")["workers"]
        return frozenset(each["name"] for each in workers if each["running"])

"""The client for asyncio: the methods of `Client`, to be awaited."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from officina_client import follow, protocol, transfer
from officina_client.drive import AsyncDriver
from officina_client.follow import Waiting
from officina_client.retry import Retry
from officina_client.server import http_options, server_of
from officina_client.transfer import Uploadable
from officina_client.values import (
    CancelOutcome,
    Event,
    FileRef,
    Key,
    ModelInfo,
    Record,
    RequestSummary,
    Result,
    Share,
    Status,
    Submitted,
    UsageRow,
    Worker,
)


class AsyncClient:
    """Talks to a Model API on asyncio; see `Client` for the arguments, the methods and their errors.

    What is an iterator there is an async one here; close one that is left early (`contextlib.aclosing`).
    `on_event` may be a coroutine function. Work on the local disk is done in threads.
    """

    def __init__(
        self,
        base_url: str | None = None,
        key: str | None = None,
        *,
        timeout: httpx.Timeout | None = None,
        retry: Retry | None = None,
        http: httpx.AsyncClient | None = None,
    ):
        self._server = server_of(base_url, key, retry)
        self._owns_http = http is None
        self._http = http or httpx.AsyncClient(**http_options(timeout))
        self._driver = AsyncDriver(self._http)

    async def __aenter__(self) -> AsyncClient:
        """Give the client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        await self.close()

    @property
    def base_url(self) -> str:
        """See `Client.base_url`."""
        return self._server.base_url

    async def close(self) -> None:
        """See `Client.close`."""
        if self._owns_http:
            await self._http.aclose()

    # runs

    async def run(
        self,
        model_id: str,
        input: Mapping[str, Any],  # noqa: A002
        *,
        on_event: Callable[[Event], object] | None = None,
        timeout_s: float | None = None,
        cancel_on_interrupt: bool = False,
    ) -> Result:
        """See `Client.run`."""
        flow = follow.run(self._server, model_id, input, Waiting(timeout_s, cancel_on_interrupt))
        return await self._driver.run(flow, on_event)

    async def submit(
        self,
        model_id: str,
        input: Mapping[str, Any],  # noqa: A002
        *,
        idempotency_key: str | None = None,
        priority: str | None = None,
    ) -> AsyncRequestHandle:
        """See `Client.submit`."""
        flow = protocol.submit(self._server, model_id, input, idempotency_key, priority)
        submitted = await self._driver.run(flow)
        return AsyncRequestHandle(self, submitted.request_id, submitted)

    def request(self, request_id: str) -> AsyncRequestHandle:
        """See `Client.request`."""
        return AsyncRequestHandle(self, request_id)

    async def status(self, request_id: str, *, wait_s: float | None = None) -> Status:
        """See `Client.status`."""
        return await self._driver.run(protocol.status(self._server, request_id, wait_s))

    async def result(
        self, request_id: str, *, wait_s: float | None = None, include_cost: bool = False
    ) -> Result:
        """See `Client.result`."""
        return await self._driver.run(
            protocol.result(self._server, request_id, wait_s, include_cost=include_cost)
        )

    async def wait(
        self,
        request_id: str,
        *,
        on_event: Callable[[Event], object] | None = None,
        timeout_s: float | None = None,
        cancel_on_interrupt: bool = False,
    ) -> Result:
        """See `Client.wait`."""
        flow = follow.wait(self._server, request_id, Waiting(timeout_s, cancel_on_interrupt))
        return await self._driver.run(flow, on_event)

    def events(self, request_id: str, *, last_event_id: str | None = None) -> AsyncGenerator[Event, None]:
        """See `Client.events`."""
        return self._driver.iterate(follow.events(self._server, request_id, last_event_id))

    async def cancel(self, request_id: str, *, force: bool = False) -> CancelOutcome:
        """See `Client.cancel`."""
        return await self._driver.run(protocol.cancel(self._server, request_id, force))

    async def delete(self, request_id: str) -> None:
        """See `Client.delete`."""
        await self._driver.run(protocol.delete(self._server, request_id))

    def requests(
        self,
        *,
        model: str | None = None,
        state: str | None = None,
        search: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> AsyncGenerator[RequestSummary, None]:
        """See `Client.requests`."""
        query = {"model": model, "state": state, "search": search, "cursor": cursor}
        return self._driver.iterate(protocol.requests(self._server, query, limit))

    async def record(self, request_id: str) -> Record:
        """See `Client.record`."""
        return await self._driver.run(protocol.record(self._server, request_id))

    async def share(self, request_id: str) -> Share:
        """See `Client.share`."""
        return await self._driver.run(protocol.share(self._server, request_id))

    async def unshare(self, request_id: str) -> None:
        """See `Client.unshare`."""
        await self._driver.run(protocol.unshare(self._server, request_id))

    async def usage(
        self,
        *,
        since: str | None = None,
        until: str | None = None,
        group: Sequence[str] = ("day", "model", "key"),
        key_id: str | None = None,
    ) -> tuple[UsageRow, ...]:
        """See `Client.usage`."""
        query = {"from": since, "to": until, "group": ",".join(group), "key_id": key_id}
        return await self._driver.run(protocol.usage(self._server, query))

    # files

    async def upload(
        self, source: Uploadable, *, filename: str | None = None, content_type: str | None = None
    ) -> FileRef:
        """See `Client.upload`."""
        return await self._driver.run(transfer.upload(self._server, source, filename, content_type))

    async def download(self, url: str, to: str | os.PathLike[str], *, method: str = "GET") -> Path:
        """See `Client.download`."""
        return await self._driver.run(transfer.download(self._server, url, to, method))

    # the catalogue

    def models(
        self,
        *,
        search: str | None = None,
        category: str | None = None,
        kind: str | None = None,
        include_schema: bool = False,
        limit: int | None = None,
    ) -> AsyncGenerator[ModelInfo, None]:
        """See `Client.models`."""
        query = {
            "search": search,
            "category": category,
            "kind": kind,
            "include_schema": include_schema or None,
        }
        return self._driver.iterate(protocol.models(self._server, query, limit))

    async def model(self, model_id: str) -> ModelInfo:
        """See `Client.model`."""
        return await self._driver.run(protocol.model(self._server, model_id))

    async def categories(self) -> tuple[str, ...]:
        """See `Client.categories`."""
        return await self._driver.run(protocol.categories(self._server))

    # administration; needs a key of scope `admin`

    async def keys(self) -> tuple[Key, ...]:
        """See `Client.keys`."""
        return await self._driver.run(protocol.keys(self._server))

    async def create_key(
        self,
        name: str,
        *,
        scopes: Sequence[str] = ("caller",),
        limits: Mapping[str, object] | None = None,
    ) -> Key:
        """See `Client.create_key`."""
        return await self._driver.run(protocol.create_key(self._server, name, tuple(scopes), limits))

    async def revoke_key(self, key_id: str, *, cancel_waiting: bool = False) -> None:
        """See `Client.revoke_key`."""
        await self._driver.run(protocol.revoke_key(self._server, key_id, cancel_waiting))

    async def workers(self) -> tuple[Worker, ...]:
        """See `Client.workers`."""
        return await self._driver.run(protocol.workers(self._server))

    async def call(
        self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: Any = None
    ) -> Any:
        """See `Client.call`."""
        return await self._driver.run(protocol.call(self._server, method, path, query, body))


class AsyncRequestHandle:
    """One request of a client. Its id is all it needs, so it can be made again with `AsyncClient.request`."""

    def __init__(self, client: AsyncClient, request_id: str, submitted: Submitted | None = None):
        self._client = client
        self.request_id = request_id
        self.submitted = submitted

    def __repr__(self) -> str:
        """Name the request."""
        return f"AsyncRequestHandle({self.request_id!r})"

    async def status(self, *, wait_s: float | None = None) -> Status:
        """See `Client.status`."""
        return await self._client.status(self.request_id, wait_s=wait_s)

    async def result(self, *, wait_s: float | None = None, include_cost: bool = False) -> Result:
        """See `Client.result`."""
        return await self._client.result(self.request_id, wait_s=wait_s, include_cost=include_cost)

    async def wait(
        self,
        *,
        on_event: Callable[[Event], object] | None = None,
        timeout_s: float | None = None,
        cancel_on_interrupt: bool = False,
    ) -> Result:
        """See `Client.wait`."""
        return await self._client.wait(
            self.request_id,
            on_event=on_event,
            timeout_s=timeout_s,
            cancel_on_interrupt=cancel_on_interrupt,
        )

    def events(self, *, last_event_id: str | None = None) -> AsyncGenerator[Event, None]:
        """See `Client.events`."""
        return self._client.events(self.request_id, last_event_id=last_event_id)

    async def cancel(self, *, force: bool = False) -> CancelOutcome:
        """See `Client.cancel`."""
        return await self._client.cancel(self.request_id, force=force)

    async def delete(self) -> None:
        """See `Client.delete`."""
        await self._client.delete(self.request_id)

    async def record(self) -> Record:
        """See `Client.record`."""
        return await self._client.record(self.request_id)

    async def share(self) -> Share:
        """See `Client.share`."""
        return await self._client.share(self.request_id)

    async def unshare(self) -> None:
        """See `Client.unshare`."""
        await self._client.unshare(self.request_id)

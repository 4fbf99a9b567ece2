"""The blocking client: every method hands a flow to the driver."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from officina_client import follow, protocol, transfer
from officina_client.drive import SyncDriver
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


class Client:
    """Talks to a Model API, blocking. `AsyncClient` has the same methods to await.

    `base_url` and `key` default to the environment's OFFICINA_URL and OFFICINA_KEY; an empty key sends none.
    `timeout` and `retry` say how patient to be. `http` is an httpx client of your own, for proxies or
    certificates; it stays yours to close.

    Every method may raise an OfficinaApiError: ConnectionProblem and ServerProblem once the tries are used
    up, AuthError for the key, and what its own description names. A client is safe to share between threads.
    """

    def __init__(
        self,
        base_url: str | None = None,
        key: str | None = None,
        *,
        timeout: httpx.Timeout | None = None,
        retry: Retry | None = None,
        http: httpx.Client | None = None,
    ):
        self._server = server_of(base_url, key, retry)
        self._owns_http = http is None
        self._http = http or httpx.Client(**http_options(timeout))
        self._driver = SyncDriver(self._http)

    def __enter__(self) -> Client:
        """Give the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    @property
    def base_url(self) -> str:
        """The address of the server."""
        return self._server.base_url

    def close(self) -> None:
        """Close the connections."""
        if self._owns_http:
            self._http.close()

    # runs

    def run(
        self,
        model_id: str,
        input: Mapping[str, Any],  # noqa: A002
        *,
        on_event: Callable[[Event], object] | None = None,
        timeout_s: float | None = None,
        cancel_on_interrupt: bool = False,
    ) -> Result:
        """Submit a run, follow it to its end and give its result.

        `on_event` is told every event; its first one names the request. When `timeout_s` seconds have passed,
        WaitTimeout is raised and the run goes on; its `request_id` is there for `wait`. With
        `cancel_on_interrupt`, a KeyboardInterrupt (or the cancellation of the task) cancels the run too.

        Raises InvalidInput, NotFound or QueueFull when it is refused; RunFailed or RunCancelled when it
        ends badly; WaitTimeout.
        """
        flow = follow.run(self._server, model_id, input, Waiting(timeout_s, cancel_on_interrupt))
        return self._driver.run(flow, on_event)

    def submit(
        self,
        model_id: str,
        input: Mapping[str, Any],  # noqa: A002
        *,
        idempotency_key: str | None = None,
        priority: str | None = None,
    ) -> RequestHandle:
        """Queue a run and give a handle to it at once.

        `input` is the model's own input; a FileRef in it stands for its URL. Repeating a submit with the same
        `idempotency_key` gives the same request; without one a new key is made, for the client's own retries.
        `priority` is `high`, `normal` or `low`, among the requests of the same key.

        Raises InvalidInput with every problem in `detail`; NotFound for an unknown model; QueueFull;
        Conflict when the key was used with another input.
        """
        flow = protocol.submit(self._server, model_id, input, idempotency_key, priority)
        submitted = self._driver.run(flow)
        return RequestHandle(self, submitted.request_id, submitted)

    def request(self, request_id: str) -> RequestHandle:
        """Give a handle to a request that was submitted before, here or elsewhere; nothing is sent."""
        return RequestHandle(self, request_id)

    def status(self, request_id: str, *, wait_s: float | None = None) -> Status:
        """Say where a request stands.

        With `wait_s` (seconds, 60 at most) the server holds its answer back until something changes. Raises
        NotFound for a request that never was, or has expired.
        """
        return self._driver.run(protocol.status(self._server, request_id, wait_s))

    def result(self, request_id: str, *, wait_s: float | None = None, include_cost: bool = False) -> Result:
        """Give the outcome, or the present state while there is none. A failed run is not raised here.

        With `wait_s` (seconds, 60 at most) the server holds its answer back until the run has ended. Raises
        NotFound for a request that never was, or has expired.
        """
        return self._driver.run(protocol.result(self._server, request_id, wait_s, include_cost=include_cost))

    def wait(
        self,
        request_id: str,
        *,
        on_event: Callable[[Event], object] | None = None,
        timeout_s: float | None = None,
        cancel_on_interrupt: bool = False,
    ) -> Result:
        """Follow a request to its end and give its result; the arguments and errors are those of `run`."""
        flow = follow.wait(self._server, request_id, Waiting(timeout_s, cancel_on_interrupt))
        return self._driver.run(flow, on_event)

    def events(self, request_id: str, *, last_event_id: str | None = None) -> Generator[Event, None, None]:
        """Iterate over the events of a request, from the first or after `last_event_id`, until `ended`.

        A broken stream is taken up again where it broke. Raises NotFound, also from a server without event
        streams; `wait` copes with those.
        """
        return self._driver.iterate(follow.events(self._server, request_id, last_event_id))

    def cancel(self, request_id: str, *, force: bool = False) -> CancelOutcome:
        """Cancel a request that waits; with `force` one that runs, too. One that has ended stays as it is."""
        return self._driver.run(protocol.cancel(self._server, request_id, force))

    def delete(self, request_id: str) -> None:
        """Remove an ended request and its files. Raises NotFound, or Conflict while it has not ended."""
        self._driver.run(protocol.delete(self._server, request_id))

    def requests(
        self,
        *,
        model: str | None = None,
        state: str | None = None,
        search: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Generator[RequestSummary, None, None]:
        """Iterate over the key's requests, newest first: `limit` of them, or all. `search` is for prompts."""
        query = {"model": model, "state": state, "search": search, "cursor": cursor}
        return self._driver.iterate(protocol.requests(self._server, query, limit))

    def record(self, request_id: str) -> Record:
        """Give everything that is kept of a request, its input too. Raises NotFound."""
        return self._driver.run(protocol.record(self._server, request_id))

    def share(self, request_id: str) -> Share:
        """Let whoever has the link see the result. Raises NotFound, or Conflict when it has not succeeded."""
        return self._driver.run(protocol.share(self._server, request_id))

    def unshare(self, request_id: str) -> None:
        """Make a result private again; one that was not shared stays as it is. Raises NotFound."""
        self._driver.run(protocol.unshare(self._server, request_id))

    def usage(
        self,
        *,
        since: str | None = None,
        until: str | None = None,
        group: Sequence[str] = ("day", "model", "key"),
        key_id: str | None = None,
    ) -> tuple[UsageRow, ...]:
        """Give what was used between two days (ISO 8601, both included); by default the last 30."""
        query = {"from": since, "to": until, "group": ",".join(group), "key_id": key_id}
        return self._driver.run(protocol.usage(self._server, query))

    # files

    def upload(
        self, source: Uploadable, *, filename: str | None = None, content_type: str | None = None
    ) -> FileRef:
        """Send a file for use in an input: a path, bytes, or an open binary file, which is read to its end.

        Raises InvalidInput when the server refuses it, and OSError when it cannot be read.
        """
        return self._driver.run(transfer.upload(self._server, source, filename, content_type))

    def download(self, url: str, to: str | os.PathLike[str], *, method: str = "GET") -> Path:
        """Fetch a file, an output say, and give the path where it is.

        `to` is a file, replaced only when all of it has arrived, or a folder. `url` may be any http or https
        URL, or a path of the server; the key goes to the server alone. A route that makes the file it gives,
        such as `/v1/backup`, wants `method="POST"`, and is not repeated when it fails. Raises NotFound, and
        OSError when the file cannot be written.
        """
        return self._driver.run(transfer.download(self._server, url, to, method))

    # the catalogue

    def models(
        self,
        *,
        search: str | None = None,
        category: str | None = None,
        kind: str | None = None,
        include_schema: bool = False,
        limit: int | None = None,
    ) -> Generator[ModelInfo, None, None]:
        """Iterate over the catalogue; `kind` is `model`, `workflow` or `inference`."""
        query = {
            "search": search,
            "category": category,
            "kind": kind,
            "include_schema": include_schema or None,
        }
        return self._driver.iterate(protocol.models(self._server, query, limit))

    def model(self, model_id: str) -> ModelInfo:
        """Give one entry of the catalogue, with its input schema. Raises NotFound."""
        return self._driver.run(protocol.model(self._server, model_id))

    def categories(self) -> tuple[str, ...]:
        """Give the categories of the catalogue."""
        return self._driver.run(protocol.categories(self._server))

    # administration; needs a key of scope `admin`

    def keys(self) -> tuple[Key, ...]:
        """Give all keys, without their secrets."""
        return self._driver.run(protocol.keys(self._server))

    def create_key(
        self,
        name: str,
        *,
        scopes: Sequence[str] = ("caller",),
        limits: Mapping[str, object] | None = None,
    ) -> Key:
        """Make a key; its `secret` is told only now. Scopes are `caller`, `worker` and `admin`.

        `limits` are by name, such as `{"rate_per_min": 60, "daily_usd": 5}`.
        """
        return self._driver.run(protocol.create_key(self._server, name, tuple(scopes), limits))

    def revoke_key(self, key_id: str, *, cancel_waiting: bool = False) -> None:
        """Revoke a key at once; what it has waiting still runs, unless told otherwise. Raises NotFound."""
        self._driver.run(protocol.revoke_key(self._server, key_id, cancel_waiting))

    def workers(self) -> tuple[Worker, ...]:
        """Give the workers of the server, and what they run."""
        return self._driver.run(protocol.workers(self._server))

    def call(
        self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: Any = None
    ) -> Any:
        """Call any route of the server and give its JSON (None for an empty answer).

        `body` is sent as JSON. Only GET is repeated when it fails.
        """
        return self._driver.run(protocol.call(self._server, method, path, query, body))


class RequestHandle:
    """One request of a client. Its id is all it needs, so it can be made again with `Client.request`."""

    def __init__(self, client: Client, request_id: str, submitted: Submitted | None = None):
        self._client = client
        self.request_id = request_id
        self.submitted = submitted

    def __repr__(self) -> str:
        """Name the request."""
        return f"RequestHandle({self.request_id!r})"

    def status(self, *, wait_s: float | None = None) -> Status:
        """See `Client.status`."""
        return self._client.status(self.request_id, wait_s=wait_s)

    def result(self, *, wait_s: float | None = None, include_cost: bool = False) -> Result:
        """See `Client.result`."""
        return self._client.result(self.request_id, wait_s=wait_s, include_cost=include_cost)

    def wait(
        self,
        *,
        on_event: Callable[[Event], object] | None = None,
        timeout_s: float | None = None,
        cancel_on_interrupt: bool = False,
    ) -> Result:
        """See `Client.wait`."""
        return self._client.wait(
            self.request_id,
            on_event=on_event,
            timeout_s=timeout_s,
            cancel_on_interrupt=cancel_on_interrupt,
        )

    def events(self, *, last_event_id: str | None = None) -> Generator[Event, None, None]:
        """See `Client.events`."""
        return self._client.events(self.request_id, last_event_id=last_event_id)

    def cancel(self, *, force: bool = False) -> CancelOutcome:
        """See `Client.cancel`."""
        return self._client.cancel(self.request_id, force=force)

    def delete(self) -> None:
        """See `Client.delete`."""
        self._client.delete(self.request_id)

    def record(self) -> Record:
        """See `Client.record`."""
        return self._client.record(self.request_id)

    def share(self) -> Share:
        """See `Client.share`."""
        return self._client.share(self.request_id)

    def unshare(self) -> None:
        """See `Client.unshare`."""
        self._client.unshare(self.request_id)

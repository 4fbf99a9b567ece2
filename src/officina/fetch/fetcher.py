"""Bring a job's input files in: from strangers' URLs, from data URIs and from the server's own uploads."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urljoin

import httpx

from officina import __version__
from officina.errors import RunError
from officina.fetch.address import AddressRefused, Reach
from officina.fetch.admit import Admission, Fetched, Wanted
from officina.fetch.data_uri import is_data_uri, read_data_uri
from officina.fetch.guard import GuardedTransport, Resolve
from officina.link import FetchPolicy
from officina.picture import TYPES

OpenUpload = Callable[[str], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Opens one of the server's own files by its id; a RunError from it is given the input's name."""

_E = TypeVar("_E", bound=BaseException)

_ATTEMPTS = 2
_RETRY_DELAY_S = 0.3
_PIECE_BYTES = 2**18
_UPLOAD_ID = re.compile(r"file_[0-9a-f]{32}")
_NO_SUCH_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_INSTEAD = "use a public https address, or upload the file instead."


def is_upload(source: str) -> bool:
    """Whether a source is the id of one of the server's own uploads."""
    return _UPLOAD_ID.fullmatch(source) is not None


class Fetcher:
    """Fetches inputs under a policy; an async context manager that keeps its connections between jobs."""

    def __init__(
        self,
        policy: FetchPolicy,
        *,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._reach = Reach.parse(policy.allow_hosts, allow_http=policy.allow_http)
        self._resolve = resolve
        self._ssl_context = ssl_context
        self._timeouts = httpx.Timeout(
            policy.read_timeout_s, connect=policy.connect_timeout_s, pool=None
        ).as_dict()
        self._seats = asyncio.Semaphore(policy.max_parallel)
        self._transport: GuardedTransport | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def fetch_all(
        self, files: Sequence[Wanted], into: Path, open_upload: OpenUpload | None = None
    ) -> list[Fetched]:
        """Fetch files side by side into a folder, in the order wanted.

        Which error is raised does not depend on who was faster: a file that fails stops those behind it, and
        the first in order is reported.

        Raises:
            RunError: what is wrong with which input, named in the message and as `field` and `index`.
        """
        tasks: list[asyncio.Task[Fetched]] = []

        async def one(number: int, wanted: Wanted) -> Fetched:
            try:
                return await self.fetch(wanted, into, open_upload)
            except BaseException:
                for later in tasks[number + 1 :]:
                    later.cancel()
                raise

        tasks.extend(asyncio.create_task(one(number, wanted)) for number, wanted in enumerate(files))
        try:
            return [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def fetch(self, wanted: Wanted, into: Path, open_upload: OpenUpload | None = None) -> Fetched:
        """Fetch one file into a folder.

        Raises:
            RunError: what is wrong with the input.
        """
        async with self._seats:
            with wanted.named():
                if open_upload is not None and is_upload(wanted.source):
                    async with open_upload(wanted.source) as chunks:
                        return await self._admit(wanted, chunks, into)
                if is_data_uri(wanted.source):
                    async with aclosing(_pieces(wanted.source)) as chunks:
                        return await self._admit(wanted, chunks, into)
                return await self._from_url(wanted, into)

    async def admit(self, wanted: Wanted, chunks: AsyncIterator[bytes], into: Path) -> Fetched:
        """Check and keep a file whose bytes come from elsewhere.

        Raises:
            RunError: what is wrong with the input.
        """
        with wanted.named():
            return await self._admit(wanted, chunks, into)

    async def _admit(
        self, wanted: Wanted, chunks: AsyncIterator[bytes], into: Path, size_bytes: int = 0
    ) -> Fetched:
        with Admission(wanted, into, self._policy.max_file_bytes) as admission:
            admission.expect(size_bytes)
            async for chunk in chunks:
                admission.take(chunk)
            return admission.finish()

    async def _from_url(self, wanted: Wanted, into: Path) -> Fetched:
        limit_s = self._policy.total_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                for _ in range(_ATTEMPTS - 1):
                    try:
                        return await self._follow(wanted, into)
                    except RunError as error:
                        if not _worth_another_try(error):
                            raise
                    await asyncio.sleep(_RETRY_DELAY_S)
                return await self._follow(wanted, into)
        except TimeoutError:
            raise RunError(
                "url_timeout", f"the file had not arrived after {limit_s:g} seconds; upload it instead."
            ) from None

    async def _follow(self, wanted: Wanted, into: Path) -> Fetched:
        """Ask for a URL and go where it redirects, judging every stop like the first."""
        target, host = wanted.source, ""
        for hop in range(self._policy.max_redirects + 1):
            try:
                url = self._reach.check_url(target)
                host = url.host
                async with self._get(url, wanted) as response:
                    if not response.has_redirect_location:
                        return await self._receive(wanted, response, into)
                    target = _redirect(url, response)
            except AddressRefused as refused:
                where = "a redirect cannot be followed: " if hop else ""
                raise RunError("url_refused", f"{where}{refused}; {_INSTEAD}") from None
            except (httpx.HTTPError, OSError) as error:
                raise _unreachable(error, host) from error
        limit = self._policy.max_redirects
        raise RunError("url_refused", f"it redirects more than {limit} times; give the final address.")

    async def _receive(self, wanted: Wanted, response: httpx.Response, into: Path) -> Fetched:
        if response.status_code != httpx.codes.OK:
            raise _refusal(response.status_code, response.url.host)
        length = response.headers.get("Content-Length", "")
        packed = "Content-Encoding" in response.headers
        size_bytes = int(length) if length.isdecimal() and not packed else 0
        async with aclosing(_unpacked(response)) as chunks:
            return await self._admit(wanted, chunks, into, size_bytes)

    @asynccontextmanager
    async def _get(self, url: httpx.URL, wanted: Wanted) -> AsyncGenerator[httpx.Response, None]:
        if self._transport is None:  # a worker that only ever sees uploads never loads the certificates
            self._transport = GuardedTransport(
                self._reach,
                max_connections=self._policy.max_parallel,
                resolve=self._resolve,
                ssl_context=self._ssl_context,
            )
        request = httpx.Request("GET", url, headers=_headers(wanted), extensions={"timeout": self._timeouts})
        response = await self._transport.handle_async_request(request)
        response.request = request
        try:
            yield response
        finally:
            await response.aclose()


def _headers(wanted: Wanted) -> dict[str, str]:
    # Content networks pick the format by Accept, so it names only what the model takes.
    types = [TYPES[name].mime for name in wanted.accepts if name in TYPES]
    return {
        "User-Agent": f"officina/{__version__}",
        "Accept": ", ".join([*types, "*/*;q=0.1"]) if wanted.field.kind == "image" else "*/*",
        "Accept-Encoding": "identity",
    }


async def _pieces(source: str) -> AsyncGenerator[bytes, None]:
    for piece in read_data_uri(source):
        yield piece
        await asyncio.sleep(0)


async def _unpacked(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Give the body; hosts that compress although asked not to are unpacked in bounded pieces."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        async for chunk in response.aiter_raw():
            yield chunk
        return
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS + 32)
    try:
        async for chunk in response.aiter_raw():
            rest = chunk
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, _PIECE_BYTES)
                rest = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error:
        message = f"the host {response.url.host} sent the file compressed, and the compression is broken."
        raise RunError("picture_damaged", message) from None


def _redirect(url: httpx.URL, response: httpx.Response) -> str:
    try:
        return urljoin(str(url), response.headers["Location"])
    except ValueError:
        return ""  # no URL at all, which the next judgement says


def _worth_another_try(error: RunError) -> bool:
    passing = error.type in {"url_unreachable", "url_server_error"} and error.retry
    return passing and error.run_detail.get("status") != httpx.codes.TOO_MANY_REQUESTS


def _refusal(status: int, host: str) -> RunError:
    answered = f"the host {host} answered {status}"
    if status in {401, 403, 407}:
        message = f"{answered}; the file must be readable without signing in, or upload it instead."
        return RunError("url_not_found", message, status=status)
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= 500:
        return RunError(
            "url_server_error", f"{answered}; try later, or upload the file instead.", status=status
        )
    return RunError("url_not_found", f"{answered}; check the address.", status=status)


def _unreachable(error: Exception, host: str) -> RunError:
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return RunError(
            "url_timeout", f"the host {host} stopped sending; try later, or upload the file instead."
        )
    unknown = _caused_by(error, socket.gaierror)
    if unknown is not None:
        message = f"the host {host} could not be found; check the address."
        return RunError("url_unreachable", message, retry=unknown.errno not in _NO_SUCH_HOST)
    if _caused_by(error, ssl.SSLCertVerificationError):
        message = f"the certificate of the host {host} is not valid; upload the file instead."
        return RunError("url_unreachable", message, retry=False)
    return RunError(
        "url_unreachable", f"the host {host} did not answer, or broke off; try later, or upload it."
    )


def _caused_by(error: BaseException | None, kind: type[_E]) -> _E | None:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__  # httpcore hides the cause of its errors
    return error

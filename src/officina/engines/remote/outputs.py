"""Results on their way home: downloaded or decoded into the run's folder, looked at, and counted."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from officina import __version__
from officina.engines.remote.fitting import fit
from officina.engines.remote.inputs import MIB
from officina.engines.remote.provider import Provider
from officina.engines.remote.refusal import nonsense
from officina.engines.remote.sizes import Size
from officina.errors import RunError
from officina.fetch.address import AddressRefused, Reach
from officina.fetch.guard import GuardedTransport
from officina.picture import SNIFF_BYTES, check_pixels, check_whole, probe, sniff
from officina.run import Result, Run

MAX_REDIRECTS = 3
SILENCE_S = 30.0


class Outputs:
    """The results of one run, in the order in which they are added."""

    def __init__(self, run: Run, provider: Provider, wish: Size | None = None) -> None:
        """Collect into the run's folder; `wish` is the size that was asked for, if one is to be kept."""
        options = provider.options
        self._wish = wish if options.exact_size else None
        self._fitted = False
        host = httpx.URL(options.base_url).host
        self._folder = run.scratch
        self._provider = provider
        # A provider may name any address as the place of a result, so it is guarded like a caller's.
        self._reach = Reach.parse((host, *options.output_hosts))
        self._max_bytes = options.max_output_mb * MIB
        self._images: list[Path] = []
        self._videos: list[Path] = []
        self._sizes: list[str] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._images) + len(self._videos)

    def fetch_all(self, urls: tuple[str, ...]) -> None:
        """Download results.

        Raises:
            RunError: one cannot be had, or is no picture or video.
        """
        for n, url in enumerate(urls, start=1):
            self._provider.say(0.9 + 0.09 * n / len(urls), f"fetching result {n} of {len(urls)}")
            self.fetch(url)

    def fetch(self, url: str) -> None:
        """Download one result; tried again while its host is away or busy."""
        part = self._part()
        patience = self._provider.patience()
        while True:
            try:
                self._provider.drive(self._download(url, part))
            except RunError as error:
                self._provider.bear(error, patience)
            else:
                break
        self._admit(part)

    def decode(self, text: str) -> None:
        """Take one result that came inside the answer, in base64 or as a data URI."""
        body = text.partition(",")[2] if text.startswith("data:") else text
        if len(body) // 4 * 3 > self._max_bytes:
            raise self._too_large()
        part = self._part()
        try:
            part.write_bytes(binascii.a2b_base64(body))
        except ValueError:
            raise nonsense("a picture whose base64 is broken") from None
        self._admit(part)

    def result(self, notes: Mapping[str, Any], cost_usd: float | None = None) -> Result:
        """Give what was made, with what it cost: as told, or else by the option `usd_per_output`.

        Raises:
            RunError: nothing was made.
        """
        if not len(self):
            raise nonsense("a success without a single result")
        price = self._provider.options.usd_per_output
        if cost_usd is None and price is not None:
            cost_usd = round(price * len(self), 6)
        told = {**notes, "made": self._sizes}
        if self._fitted:
            told["fitted_to"] = str(self._wish)
        return Result(tuple(self._images), tuple(self._videos), told, cost_usd)

    def _part(self) -> Path:
        return self._folder / f"{len(self) + 1}.part"

    async def _download(self, url: str, part: Path) -> None:
        transport = GuardedTransport(self._reach, ssl_context=self._provider.tls)
        try:
            await self._follow(transport, _joined(self._provider.options.base_url, url), part)
        except AddressRefused as refused:
            message = (
                f"The provider keeps its result where this server does not go: {refused}; "
                "the operator can allow it with output_hosts."
            )
            raise RunError("provider_failed", message, retry=False) from None
        except (httpx.HTTPError, OSError) as error:
            message = "The provider's result could not be fetched; try again later."
            raise RunError("provider_unreachable", message) from error
        finally:
            await transport.aclose()

    async def _follow(self, transport: GuardedTransport, target: str, part: Path) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            url = self._reach.check_url(target)
            timeout = httpx.Timeout(SILENCE_S, connect=10.0, pool=None).as_dict()
            headers = {"User-Agent": f"officina/{__version__}", "Accept-Encoding": "identity"}
            request = httpx.Request("GET", url, headers=headers, extensions={"timeout": timeout})
            response = await transport.handle_async_request(request)
            response.request = request
            try:
                if not response.has_redirect_location:
                    return await self._receive(response, part)
                target = _joined(str(url), response.headers["Location"])
            finally:
                await response.aclose()
        raise nonsense("a result that redirects without end")

    async def _receive(self, response: httpx.Response, part: Path) -> None:
        status = response.status_code
        if status != 200:
            passing = status == 429 or status >= 500
            message = f"The provider's result could not be fetched (HTTP {status})."
            raise RunError("provider_unreachable" if passing else "provider_failed", message, retry=passing)
        with part.open("wb") as file:
            async for chunk in response.aiter_bytes():
                if file.tell() + len(chunk) > self._max_bytes:
                    raise self._too_large()
                file.write(chunk)

    def _admit(self, part: Path) -> None:
        """Look at a file's bytes, whatever the provider calls it, and give it its name."""
        with part.open("rb") as file:
            kind = sniff(file.read(SNIFF_BYTES))
        if kind is None or kind.kind == "audio":
            raise nonsense("a result that is neither a picture nor a video")
        if kind.kind == "image":
            self._measure(part)
        path = part.with_suffix(kind.suffix)
        part.rename(path)
        (self._images if kind.kind == "image" else self._videos).append(path)

    def _measure(self, part: Path) -> None:
        size = _size(part)
        self._sizes.append(str(size))
        if self._wish is not None and size != self._wish:
            self._fitted = fit(part, self._wish) or self._fitted

    def _too_large(self) -> RunError:
        message = f"A result of the provider is larger than {self._max_bytes} bytes; ask for a smaller one."
        return RunError("output_refused", message)


def _joined(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError:
        return ""  # no URL at all, which its check then says


def _size(path: Path) -> Size:
    """The size of a picture that is whole; the checks speak of inputs, so their words are not passed on."""
    try:
        info = probe(path)
        check_pixels(info)
        check_whole(path, info)
    except RunError:
        raise nonsense("a picture that is damaged, or too large to be decoded") from None
    return Size(info.width, info.height)

"""How long it takes from the submit of a request with an uploaded picture to the call of a waiting engine."""

from __future__ import annotations

import io
import time
from contextlib import closing

import msgspec
from PIL import Image

from benchmarks.wire import Link

STAMP = "bench/stamp"
WARMUP = 10
REST_S = 0.02
"""Between two requests, so that the worker has finished the last one and waits again."""
READY_S = 30.0


class Started(msgspec.Struct, frozen=True):
    """Seconds of one request: from before its submit to the engine's call, and to the caller's result."""

    called_s: float
    result_s: float


def measure(port: int, secret: str, count: int) -> list[Started]:
    """One request after another, through submit, claim, fetch and the engine's process."""
    with closing(Link(port, secret)) as link:
        file_id = link.call("POST", "/v1/files?filename=stamp.png", _picture())["id"]
        body = msgspec.json.encode({"image_urls": [file_id]})
        return [_one(link, body) for _ in range(WARMUP + count)][WARMUP:]


def wait_for_worker(port: int) -> None:
    """Return when the gateway has heard of a worker."""
    with closing(Link(port, "")) as link:
        end = time.monotonic() + READY_S
        while not link.call("GET", "/readyz")["workers"]:
            if time.monotonic() > end:
                raise SystemExit("No worker came.")
            time.sleep(REST_S)


def _one(link: Link, body: bytes) -> Started:
    time.sleep(REST_S)
    sent_at = time.time()
    request_id = link.call("POST", f"/v1/models/{STAMP}", body)["request_id"]
    result = link.call("GET", f"/v1/requests/{request_id}/result?wait=30")
    got_at = time.time()
    if result["status"] != "succeeded":
        raise SystemExit(f"A run did not succeed: {result}")
    return Started(result["notes"]["called_at"] - sent_at, got_at - sent_at)


def _picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (256, 256), "teal").save(stream, "PNG")
    return stream.getvalue()

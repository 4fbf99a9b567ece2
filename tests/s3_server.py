"""A real S3 server in a process of its own, which can be stopped, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

BUCKET = "pictures"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "an-id",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-store",
    "AWS_REGION": "us-east-1",
}
DEADLINE_S = 60.0


class S3Server:
    """moto's server on a port of its own. What it holds is gone when it is killed."""

    def __init__(self, log: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, bucket: str = BUCKET) -> None:
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=sink,
                stderr=sink,
                env={**os.environ, **ENVIRONMENT, **self._environment},
            )
        end = time.monotonic() + DEADLINE_S
        while not self._makes(bucket):
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Take connections, and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            end = time.monotonic() + DEADLINE_S
            while psutil.Process(self._process.pid).status() != psutil.STATUS_STOPPED:
                assert time.monotonic() < end
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def asked(self) -> list[str]:
        """What it was asked, in order: method and path."""
        lines = [line.split('"')[1] for line in self._log.read_text().splitlines() if '"' in line]
        return [line.rsplit(" ", 1)[0] for line in lines]

    def uploads_under_way(self) -> int:
        return httpx.get(f"{self.url}/{BUCKET}?uploads").text.count("<UploadId>")

    def _makes(self, bucket: str) -> bool:
        try:
            return httpx.put(f"{self.url}/{bucket}").is_success
        except httpx.TransportError:
            return False


@contextmanager
def s3_serving(folder: Path, **environment: str) -> Iterator[S3Server]:
    """An S3 server with its bucket, ended at the end."""
    server = S3Server(folder / "s3.log", **environment)
    server.start()
    try:
        yield server
    finally:
        server.kill()

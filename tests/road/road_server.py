"""Real servers on real ports: a gateway process with its worker, and a way to talk to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
ECHO = "tests/echo"
"""Two attempts of at most three seconds."""
PATIENT = "tests/echo-many"
"""The same engine, that does what its prompt says; but it may take its time, and no request runs out of attempts."""
SEED = "bytedance/dreamina-4-0/edit"


class Server:
    """A running `officina serve`, and an HTTP client that holds its first key."""

    def __init__(self, process: subprocess.Popen[str], said: dict[str, Any], log: Path) -> None:
        self.process = process
        self.url: str = said["url"]
        self.data = Path(said["data"])
        self.log = log
        self.key = (self.data / "first-key").read_text().strip()
        self.clients: list[httpx.Client] = []
        self.http = self.client(self.key)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End the server, and say how it ended."""
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            with self.process:
                return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def client(self, key: str | None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        made = httpx.Client(base_url=self.url, headers=headers, timeout=70, trust_env=False)
        self.clients.append(made)
        return made

    def new_key(self, *scopes: str) -> httpx.Client:
        made = self.http.post("/v1/keys", json={"name": "test", "scopes": list(scopes) or ["caller"]}).json()
        return self.client(made["key"])

    def submit(self, body: Any, model: str = ECHO, **options: Any) -> str:
        answer = self.http.post(f"/v1/models/{model}", json=body, **options)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["request_id"])

    def result(self, request_id: str, wait: float = 30) -> dict[str, Any]:
        """The result once the request has ended."""
        answer = self.http.get(f"/v1/requests/{request_id}/result", params={"wait": wait})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def status(self, request_id: str) -> dict[str, Any]:
        return dict(self.http.get(f"/v1/requests/{request_id}/status").json())

    def run(self, body: Any, model: str = ECHO) -> dict[str, Any]:
        return self.result(self.submit(body, model))

    def upload(self, data: bytes, filename: str = "a.png") -> dict[str, Any]:
        answer = self.http.post("/v1/files", params={"filename": filename}, content=data)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def events(self, request_id: str, after: int = 0) -> list[dict[str, Any]]:
        """Every event until the end, as {"n", "kind", **data}."""
        headers = {"Last-Event-ID": str(after)}
        text = self.http.get(f"/v1/requests/{request_id}/events", headers=headers).text
        blocks = [
            dict(line.split(": ", 1) for line in b.splitlines()) for b in text.split("\n\n") if "id: " in b
        ]
        return [{"n": int(b["id"]), "kind": b["event"], **json.loads(b["data"])} for b in blocks]

    def wait_for(self, request_id: str, word: str) -> dict[str, Any]:
        """The status once it is `word`."""
        return until(lambda: (found := self.status(request_id))["status"] == word and found)


def until(probe: Callable[[], Any], deadline_s: float = 30) -> Any:
    """Ask again until the answer is true; fail at the deadline."""
    end = time.monotonic() + deadline_s
    while not (found := probe()):
        assert time.monotonic() < end, f"not reached in {deadline_s} s"
        time.sleep(0.01)
    return found


@contextmanager
def serving(data: Path, *flags: str, workers: int = 1, expect_stop: bool = True) -> Iterator[Server]:
    """Start a server and stop it at the end, as its operator would."""
    server = start(data, *flags, workers=workers)
    try:
        yield server
    finally:
        code = server.stop()
    if expect_stop:
        assert code == 0, server.log.read_text()


def start(data: Path, *flags: str, workers: int = 1) -> Server:
    """Start a server; the caller ends it."""
    log = data.parent / f"{data.name}.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OFFICINA_")}
    command = [
        *(sys.executable, "-m", "officina", "serve", "--json", "--port", "0", "--data", str(data)),
        *("--workers", str(workers), "--models", str(HERE / "models"), *flags),
    ]
    with log.open("a") as sink:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            env={**environment, "PYTHONPATH": str(HERE)},
            cwd=data.parent,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, log.read_text()
    return Server(process, json.loads(line), log)

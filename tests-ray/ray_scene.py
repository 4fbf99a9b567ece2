"""Nodes of a Ray cluster, fleets on it, and what is seen of their workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from ray.cluster_utils import Cluster
from road_server import Server, until

ENGINE = "road_engines:Echo"
DEADLINE_S = 60.0
HERE = {"node_ip_address": "127.0.0.1", "include_log_monitor": False}


def new_cluster() -> Cluster:
    """A head that runs no worker of ours."""
    head = {"num_cpus": 0, "include_dashboard": False, "no_monitor": True, **HERE}
    return Cluster(initialize_head=True, head_node_args=head)


def add_node(cluster: Cluster) -> Any:
    """A node with one CPU, and a GPU that nobody looks for."""
    return cluster.add_node(wait=False, num_cpus=1, num_gpus=1, object_store_memory=80 * 2**20, **HERE)


def on_node(node: Any) -> set[int]:
    """The processes on a node, by pid."""
    return {each.pid for each in _raylet(node).children(recursive=True)}


def _raylet(node: Any) -> psutil.Process:
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


def lose(cluster: Cluster, node: Any) -> None:
    """End a node as a power failure does: all of its processes, in one moment."""
    raylet = _raylet(node)
    for each in [raylet, *raylet.children(recursive=True)]:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    cluster.remove_node(node, allow_graceful=False)


class Fleet:
    """A running `officina fleet ray`."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, server: Server, log: Path) -> None:
        self.process = process
        self.name = name
        self._server = server
        self._log = log

    def said(self) -> str:
        return self._log.read_text()

    def workers(self) -> list[dict[str, Any]]:
        """The workers of this fleet that the gateway heard of."""
        found = self._server.http.get("/v1/workers").json()["workers"]
        return [each for each in found if each["name"].startswith(f"{self.name}-")]

    def processes(self) -> dict[int, psutil.Process]:
        """The worker processes of this fleet, by pid."""
        return {
            each.pid: each
            for each in psutil.process_iter(["cmdline"])
            if any(word.startswith(f"{self.name}-") for word in each.info["cmdline"] or ())
            and "officina.worker" in (each.info["cmdline"] or ())
        }

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)


@contextmanager
def fleet(cluster: Cluster, name: str, server: Server, *flags: str) -> Iterator[Fleet]:
    """Start a fleet in Ray's name; whatever is left of it at the end is stopped."""
    asked = {"name": "workers", "scopes": ["worker"]}
    key_file = server.data / f"{name}-key"
    if not key_file.exists():
        key_file.write_text(server.http.post("/v1/keys", json=asked).json()["key"])
    command = [
        *(sys.executable, "-m", "officina", "fleet", "ray", "--gateway", server.url, "--name", name),
        *("--address", cluster.address, "--key-file", str(key_file), "--engines", ENGINE),
        *("--cpus", "0", "--every", "0.3", "--log-format", "json", *flags),
    ]
    impatient = {"RAY_gcs_rpc_server_reconnect_timeout_s": "6"}  # with a head that is away
    log = server.data / f"{name}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stderr=sink, env={**os.environ, **impatient, "OFFICINA_KEY": server.key}
        )
    try:
        yield Fleet(process, name, server, log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(DEADLINE_S)


def reached(probe: Any) -> Any:
    """Ask again until the answer is true; fail at a deadline that fits a busy machine."""
    return until(probe, DEADLINE_S)

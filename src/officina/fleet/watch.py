"""The process that outlives drivers: Ray ends one whose cluster lost its head; here another is started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import FrameType

import msgspec
import structlog

from officina.fleet.order import Order
from officina.worker_process import GRACE_S

PAUSE_S = 5.0
HEAD_PATIENCE_S = 15
"""How long a driver waits for a head that is away, before it ends and is started anew."""
FINAL = frozenset({0, 77, 78})
_SAID_BY_RAY = "RAY_gcs_rpc_server_reconnect_timeout_s"

log = structlog.get_logger("officina.fleet")


class Watch:
    """Keeps one driver running until a signal. Workers live on while there is none."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._stop = threading.Event()
        self._driver: subprocess.Popen[bytes] | None = None

    def keep(self) -> int:
        """Drive the fleet until SIGTERM or Ctrl-C, which drivers hear of; a second one hurries them.

        Gives the exit code: 0 after a stop, 69 when the cluster was away at the stop, 77 when the gateway
        refuses the key, 78 when the cluster cannot be used as it is.
        """
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._told)
        while True:
            code = self._drive()
            if code in FINAL:
                return code
            if self._stop.is_set():
                log.error(
                    "workers_left",
                    message="The cluster was away at the stop, so the workers were not drained. "
                    "They end with their cluster; start the fleet again to find those that live.",
                )
                return 69
            where = repr(self._order.address)
            log.warning(
                "driver_ended",
                exit_code=code,
                message=f"The Ray cluster at {where} may be away; see that it runs, or give another address. "
                f"Workers that live go on. Trying again in {PAUSE_S:g} s.",
            )
            self._stop.wait(PAUSE_S)

    def _drive(self) -> int:
        with subprocess.Popen(
            [sys.executable, "-m", "officina.fleet"],
            stdin=subprocess.PIPE,
            env=_environment(os.environ),
            start_new_session=True,
        ) as driver:
            assert driver.stdin is not None  # noqa: S101 - a pipe was asked for
            driver.stdin.write(msgspec.json.encode(self._order) + b"\n")
            driver.stdin.flush()
            self._driver = driver
            if self._stop.is_set():
                driver.terminate()
            return driver.wait()

    def _told(self, sent: int, _: FrameType | None) -> None:
        """Pass a signal on; a driver that hangs at a stop is killed."""
        self._stop.set()
        if self._driver is not None:
            self._driver.send_signal(sent)
            killing = threading.Timer(self._order.errand.drain_s + 6 * GRACE_S, self._driver.kill)
            killing.daemon = True
            killing.start()


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of a driver: without the keys, which go through a pipe."""
    kept = {name: text for name, text in ours.items() if name not in {"OFFICINA_KEY", "OFFICINA_WORKER_KEY"}}
    return {_SAID_BY_RAY: str(HEAD_PATIENCE_S), **kept}

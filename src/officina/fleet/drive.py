"""The driver of a fleet: looks at the queue and at the cluster every few seconds, and makes them fit.

It remembers nothing that matters: killed at any moment, the next one finds the workers and goes on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import msgspec
import structlog

from officina import logs
from officina.errors import OperatorError
from officina.fleet.cluster import Cluster, ClusterAway
from officina.fleet.demand import Demand
from officina.fleet.order import Order
from officina.fleet.scaling import Placed, decide, who_goes
from officina.worker_process import GRACE_S
from officina_client import AuthError, OfficinaApiError

EXIT_OK = 0
EXIT_AWAY = 69
EXIT_KEY_REFUSED = 77
EXIT_MISCONFIGURED = 78
_LOOK_S = 0.5

log = structlog.get_logger("officina.fleet")


class Driver:
    """One fleet on one cluster, for as long as both answer."""

    def __init__(self, order: Order, cluster: Cluster, demand: Demand) -> None:
        self._order = order
        self._cluster = cluster
        self._demand = demand
        self._recent: tuple[int, ...] = ()
        self._told: dict[str, int] = {}
        self._is_silent = False

    def turn(self) -> None:
        """Look once, and act. A gateway that does not answer changes nothing.

        Raises:
            AuthError: the gateway refuses the key.
            ClusterAway: the cluster does not answer.
        """
        fleet = self._present()
        for each in fleet:
            if not each.is_current and each.phase != "draining":
                self._let_go(each)
        try:
            step = decide(self._demand.open_jobs(), fleet, self._recent, self._order.bounds)
            names = who_goes(fleet, self._demand.busy(), step.surplus) if step.surplus else []
        except AuthError:
            raise
        except OfficinaApiError as error:
            self._hear(error.message)
            return
        self._hear("")
        self._recent = step.recent
        for each in fleet:
            if each.name in names:
                self._let_go(each)
        for _ in range(step.place):
            log.info("worker_placed", name=self._cluster.place())

    def end(self, hurry: threading.Event) -> None:
        """Let all workers drain; those that do not in their time, or at a `hurry`, are removed."""
        end = time.monotonic() + self._order.errand.drain_s + 2 * GRACE_S
        while fleet := self._present():
            for each in fleet:
                if hurry.is_set() or time.monotonic() > end:
                    self._cluster.remove(each.name)
                elif each.phase != "draining":
                    self._let_go(each)
            hurry.wait(_LOOK_S)

    def _present(self) -> list[Placed]:
        """The workers that are there; what is left of ended ones is removed."""
        fleet = self._cluster.fleet()
        for each in fleet:
            if each.phase == "ended":
                self._cluster.remove(each.name)
                log.info("worker_gone", name=each.name)
            elif each.refusal is not None and self._told.get(each.name) != each.refusal:
                log.error("worker_refused", name=each.name, exit_code=each.refusal, todo=_todo(each.refusal))
                self._told[each.name] = each.refusal
        return [each for each in fleet if each.phase != "ended"]

    def _let_go(self, each: Placed) -> None:
        if each.phase == "working":
            log.info("worker_drains", name=each.name)
            self._cluster.drain(each.name)
        else:
            log.info("worker_removed", name=each.name, phase=each.phase)
            self._cluster.remove(each.name)

    def _hear(self, trouble: str) -> None:
        """Say once that the gateway fell silent, and once that it is back."""
        if bool(trouble) != self._is_silent:
            self._is_silent = bool(trouble)
            log.warning("gateway_away", message=trouble) if trouble else log.info("gateway_back")


def _todo(code: int) -> str:
    what = (
        "give it a good key of scope worker" if code == EXIT_KEY_REFUSED else "its own log says what is wrong"
    )
    return f"The worker cannot work as it is set up: {what}. It is tried again every minute."


def drive(order: Order) -> int:
    """Drive a fleet until a signal; gives the exit code.

    Signals are taken once the cluster is there: before that there is nothing to put in order.
    """
    stop, hurry = threading.Event(), threading.Event()
    cluster = Cluster(order)

    def told(*_: object) -> None:
        (hurry if stop.is_set() else stop).set()

    for each in (signal.SIGTERM, signal.SIGINT):  # after Ray has set its own
        signal.signal(each, told)
    log.info("fleet_driven", fleet=order.name, address=order.address)
    with Demand(order) as demand:
        driver = Driver(order, cluster, demand)
        while not stop.is_set():
            driver.turn()
            stop.wait(order.bounds.every_s)
        if not order.leave:
            driver.end(hurry)
    return EXIT_OK


def _end_with_parent() -> None:
    """End at once when the pipe from the parent closes; the workers stay, and the next driver finds them."""
    sys.stdin.buffer.read()
    os._exit(EXIT_AWAY)


def main() -> int:
    """Read an order from stdin, and drive that fleet; gives the exit code."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    logs.configure(order.log_format, order.errand.log_level)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        return drive(order)
    except (AuthError, OperatorError) as error:
        return _exit_code(error)


def _exit_code(error: AuthError | OperatorError) -> int:
    if isinstance(error, AuthError):
        log.error("key_refused", message=error.message, todo="Give a key of scope admin.")
        return EXIT_KEY_REFUSED
    is_away = isinstance(error, ClusterAway)
    log.error("cluster_away" if is_away else "fleet_stopped", message=error.message)
    return EXIT_AWAY if is_away else EXIT_MISCONFIGURED

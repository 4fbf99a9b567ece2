"""The engine's process: `python -m officina.child FD PARENT`, started by a worker, one per slot.

Loads one engine and runs one attempt at a time on the main thread, since some libraries insist on it; a
second thread listens for commands, so that a stop is noticed while the engine works. What engines print goes
to the worker's log; messages travel on a socket of their own.
"""

from __future__ import annotations

import math
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from officina.child.frames import (
    Begun,
    Done,
    Failed,
    Halted,
    Load,
    Loaded,
    Log,
    Memo,
    OutOfTurn,
    Progress,
    Report,
    Said,
    Start,
    State,
    Stop,
    after,
    pack,
    read_command,
)
from officina.child.lifeline import end_with_parent, first_to_go
from officina.engines import load
from officina.errors import RUN_ERRORS, RunError
from officina.job import Failure
from officina.run import Engine, Result, Run, Stopped

MAX_LINE_CHARS = 2000
MAX_NOTES_BYTES = 2**16
MAX_MEMO_CHARS = 4096
MAX_INT = 2**53


SILENT = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
"""What keeps the libraries of engines from calling home; they read it when they are loaded."""


class Child:
    """One engine and the conversation with the worker about it."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._state: State = "new"
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._current: Start | None = None
        self._orders: queue.SimpleQueue[Load | Start] = queue.SimpleQueue()

    def serve(self) -> None:
        """Follow the worker's commands until it hangs up."""
        threading.Thread(target=self._listen, name="commands", daemon=True).start()
        order = self._orders.get()
        if not isinstance(order, Load) or (engine := self._load(order)) is None:
            return
        while True:
            order = self._orders.get()
            if isinstance(order, Start):
                self._tell(Begun())
                self._tell(self._run(engine, order))

    def _listen(self) -> None:
        """Take commands as they come; ends the process when the worker is gone or makes no sense."""
        try:
            with self._link.makefile("rb") as stream:
                while (command := read_command(stream)) is not None:
                    with self._turn:
                        self._state = after(self._state, command)
                        if isinstance(command, Stop):
                            self._stop.set()
                            continue
                        self._stop.clear()
                        self._current = command if isinstance(command, Start) else None
                    self._orders.put(command)
        except OSError:
            pass
        except (OutOfTurn, msgspec.DecodeError):
            traceback.print_exc()
            os._exit(os.EX_PROTOCOL)
        os._exit(os.EX_OK)

    def _tell(self, report: Report) -> None:
        with self._turn:
            self._send(report)

    def _send(self, report: Report) -> None:
        self._state = after(self._state, report)
        try:
            self._link.sendall(pack(report))
        except OSError:
            os._exit(os.EX_OK)  # the worker is gone

    def _load(self, order: Load) -> Engine | None:
        try:
            engine = load(order.engine, order.options)
        except RunError as error:
            self._tell(_failed(error))
        except MemoryError as error:
            self._tell(_out_of_memory(error))
        except Exception as error:  # noqa: BLE001 - a constructor of strangers' code may raise anything
            self._tell(_not_loaded(order.engine, error))
        else:
            self._tell(Loaded())
            return engine
        return None

    def _run(self, engine: Engine, order: Start) -> Report:
        """Run one attempt; whatever the engine does, this ends with one report."""
        try:
            return _done(engine.run(self._described(order)))
        except Stopped:
            return Halted() if self._stop.is_set() else _bug("Stopped, though nobody asked it to", "")
        except RunError as error:
            return _failed(error)
        except MemoryError as error:
            return _out_of_memory(error)
        except BaseException as error:  # noqa: BLE001 - an engine that calls sys.exit() has failed as well
            return _bug(type(error).__name__, _trace(error))

    def _described(self, order: Start) -> Run:
        return Run(
            job_id=order.job_id,
            attempt=order.attempt,
            input=order.input,
            files={name: tuple(Path(each) for each in paths) for name, paths in order.files.items()},
            scratch=Path(order.scratch),
            report=partial(self._progress, order),
            say=partial(self._log, order),
            urls=order.urls,
            memo=order.memo,
            note=partial(self._remember, order),
        )

    def _progress(self, order: Start, fraction: float, message: str) -> None:
        known = float(fraction) if math.isfinite(fraction) else 0.0
        self._mention(order, Progress(known, _text(message)[:MAX_LINE_CHARS]))
        if self._stop.is_set() and order is self._current:
            raise Stopped

    def _log(self, order: Start, line: str) -> None:
        self._mention(order, Log(_text(line)[:MAX_LINE_CHARS]))

    def _remember(self, order: Start, memo: str) -> None:
        if len(memo) > MAX_MEMO_CHARS:
            raise ValueError(f"a memo of {len(memo)} characters is longer than {MAX_MEMO_CHARS}")
        self._mention(order, Memo(_text(memo)))

    def _mention(self, order: Start, report: Said) -> None:
        """Pass on what is said of the current run; a thread left behind may still talk of an earlier one."""
        with self._turn:
            if order is self._current and self._state in {"running", "stopping"}:
                self._send(report)


def publishable(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Make an engine's notes fit to show: JSON values only, and no text that holds a URL."""
    plain = _plain(notes)
    return plain if isinstance(plain, dict) else {}


def _plain(value: Any) -> Any:
    """Give a value as JSON has it; None for what must not be shown."""
    if isinstance(value, Mapping):
        pairs = ((_text(key), _plain(each)) for key, each in value.items())
        return {key: each for key, each in pairs if each is not None and "://" not in key}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain for each in value if (plain := _plain(each)) is not None]
    if value is None or (isinstance(value, int) and abs(value) <= MAX_INT):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    text = _text(value)
    return None if "://" in text else text


def _text(value: object) -> str:
    """Give a text that can be encoded: file names and broken decoders leave lone surrogates behind."""
    return str(value).encode("utf-8", "replace").decode()


def _done(result: object) -> Report:
    if not isinstance(result, Result):
        return _bug(f"it returned {type(result).__name__} instead of a Result", "")
    notes = publishable(result.notes)
    if len(msgspec.json.encode(notes)) > MAX_NOTES_BYTES:
        return _bug(f"its notes are longer than {MAX_NOTES_BYTES} bytes", "")
    cost = result.cost_usd
    if cost is not None and not (math.isfinite(cost) and cost >= 0):
        return _bug(f"it says that the run cost {cost} dollars", "")
    return Done(tuple(map(str, result.images)), tuple(map(str, result.videos)), notes, cost)


def _failed(error: RunError) -> Failed:
    detail = publishable(error.run_detail)
    return Failed(Failure(error.type, _text(error.message), detail), error.retry, _trace(error.__cause__))


def _bug(what: str, trace: str) -> Failed:
    message = f"The engine failed ({what}); the operator finds details in the worker's log."
    return Failed(Failure("engine_failed", message), RUN_ERRORS["engine_failed"].retry, trace)


def _out_of_memory(error: MemoryError) -> Failed:
    message = "The run needed more memory than there is; smaller or fewer inputs may fit."
    retry = RUN_ERRORS["out_of_memory"].retry
    return Failed(Failure("out_of_memory", message), retry, _trace(error), spent=True)


def _not_loaded(engine: str, error: Exception) -> Failed:
    message = (
        f"The engine {engine!r} could not be started on this worker ({type(error).__name__}); "
        "the operator finds details in the worker's log."
    )
    retry = RUN_ERRORS["engine_unavailable"].retry
    return Failed(Failure("engine_unavailable", message), retry, _trace(error))


def _trace(error: BaseException | None) -> str:
    return "".join(traceback.format_exception(error)) if error is not None else ""


def main() -> None:
    """Become an engine's process."""
    fd, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    end_with_parent(parent_pid, signal.SIGKILL)
    first_to_go()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's business
    os.umask(0o077)
    os.environ.update(SILENT)
    os.set_inheritable(fd, False)  # a program that the engine starts must not keep the socket open
    Child(socket.socket(fileno=fd)).serve()

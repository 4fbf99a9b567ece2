"""Follows a prompt on a ComfyUI server to its end: what is heard is progress, what is asked is the truth."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from officina.engines.comfyui.aside import TICK_S, Aside
from officina.engines.comfyui.graph import Workflow, title
from officina.engines.comfyui.listen import Listener, Message
from officina.engines.comfyui.server import Prompt, Server, State
from officina.errors import RunError

FAILURES = frozenset({"execution_error", "execution_interrupted"})
FROM, TO = 0.05, 0.95
"""The part of a run's progress that is the server's; before it files are sent, after it they are fetched."""

_LOOK_S = 5.0
_LOOK_OFTEN_S = 1.0
"""How often the server is asked while its socket tells us, and while it does not."""
_LOOK_NOW_S = 0.05


class Progress:
    """How far a prompt is, by what was heard of it."""

    def __init__(self, workflow: Workflow, prompt_id: str) -> None:
        self._workflow = workflow
        self._prompt_id = prompt_id
        self._done: set[str] = set()
        self._node = ""
        self._part = 0.0
        self._reached = FROM
        self.message = "sent to ComfyUI"
        self.waits = False
        self.ended = False
        self._outputs: dict[str, Any] = {}
        self._failures: list[tuple[str, Mapping[str, Any]]] = []

    @property
    def fraction(self) -> float:
        """From 0 to 1, and never less than before."""
        done = len(self._done) + self._part * (self._node not in self._done)
        reached = FROM + (TO - FROM) * min(done / max(len(self._workflow), 1), 1.0)
        self._reached = max(self._reached, reached)
        return self._reached

    def hear(self, message: Message) -> None:
        """Take in a message; those of other prompts are passed over."""
        data = message["data"]
        if message["type"] == "status" or data.get("prompt_id", self._prompt_id) != self._prompt_id:
            return
        self.waits = False
        match message["type"]:
            case "execution_cached":
                self._done |= self._own(data.get("nodes") or ())
            case "executing":
                self._enter(data.get("node"))
            case "progress":
                self._enter(data.get("node") or self._node)
                self._measure(data)
            case "progress_state":
                self._take_states(data.get("nodes") or {})
            case "executed":
                self._done |= self._own([data.get("node")])
                self._outputs[str(data.get("display_node") or data.get("node"))] = data.get("output") or {}
            case "execution_success":
                self.ended = True
            case kind if kind in FAILURES:
                self.ended = True
                self._failures.append((kind, data))

    def place(self, state: State) -> None:
        """Take in what the server says when it is asked."""
        self.waits = state.at == "waits"
        if self.waits:
            self.message = f"waits in ComfyUI behind {state.ahead} other{'s' * (state.ahead != 1)}"
        elif state.at == "runs" and not self._node:
            self.message = "runs in ComfyUI"

    def heard(self) -> Mapping[str, Any] | None:
        """What the history would say, by what was heard; None when that is not enough to tell."""
        status = {"status_str": "error", "messages": self._failures} if self._failures else None
        told = self.ended and (self._failures or self._outputs)
        return {"outputs": self._outputs, "status": status} if told else None

    def _own(self, nodes: Any) -> set[str]:
        return {str(each) for each in nodes} & self._workflow.keys()

    def _enter(self, node: Any) -> None:
        """A node begins; the one before it has ended. None comes when the whole prompt has."""
        if node is None:
            self.ended = True
            return
        if str(node) == self._node:
            return
        self._done |= self._own([self._node])
        self._node, self._part = str(node), 0.0
        self.message = title(self._workflow, self._node)

    def _measure(self, data: Mapping[str, Any]) -> None:
        value, most = data.get("value"), data.get("max")
        if isinstance(value, int | float) and isinstance(most, int | float) and most > 0:
            self._part = min(value / most, 1.0)
            if most > 1:
                self.message = f"{title(self._workflow, self._node)}: {value:g} of {most:g}"

    def _take_states(self, nodes: Mapping[str, Any]) -> None:
        """The states of all nodes that were begun, as newer versions send them."""
        self._done |= self._own(name for name, each in nodes.items() if each.get("state") == "finished")
        for name, each in nodes.items():
            if each.get("state") == "running":
                self._enter(each.get("display_node_id") or name)
                self._measure(each)


class Follower:
    """Follows one prompt."""

    def __init__(self, aside: Aside, server: Server, listener: Listener, patience_s: float) -> None:
        self._aside = aside
        self._server = server
        self._listener = listener
        self._patience_s = patience_s
        self._last_seen = time.monotonic()
        self._end_sought = False

    def follow(self, prompt: Prompt, workflow: Workflow) -> Mapping[str, Any]:
        """Wait for the end; the prompt's entry in the history.

        Raises:
            RunError: the server lost the prompt, or stays out of reach.
            Stopped: the run shall stop; the prompt is still on the server.
        """
        progress = Progress(workflow, prompt.prompt_id)
        look_at = 0.0
        opened = self._listener.opened
        while True:
            self._aside.tell(progress.fraction, progress.message)
            self._hear(progress, min(max(look_at - time.monotonic(), 0.0), TICK_S))
            if opened != self._listener.opened:
                opened, look_at = self._listener.opened, 0.0  # something happened that nobody tells us again
            if time.monotonic() >= min(look_at, self._soon(progress)):
                state = self._look(prompt)
                if state and (entry := self._end(state, progress)) is not None:
                    return entry
                look_at = time.monotonic() + self._pause(progress)

    def _hear(self, progress: Progress, timeout_s: float) -> bool:
        """Take in the next message, if there is one in time."""
        message = self._listener.next(timeout_s)
        if message:
            progress.hear(message)
        return bool(message)

    def _soon(self, progress: Progress) -> float:
        """When to look in any case: at once, when the end was heard and not seen yet."""
        if progress.ended and not self._end_sought:
            self._end_sought = True
            return 0.0
        return math.inf

    def _pause(self, progress: Progress) -> float:
        if progress.ended:
            return _LOOK_NOW_S  # the history has it in a moment
        told = self._listener.is_open and not progress.waits
        return _LOOK_S if told else _LOOK_OFTEN_S

    def _look(self, prompt: Prompt) -> State | None:
        """Ask the server; None when it cannot be asked now, which may pass."""
        try:
            state = self._aside.call(self._server.state, prompt.prompt_id)
        except RunError as error:
            if not error.retry or time.monotonic() - self._last_seen > self._patience_s:
                raise
            return None
        self._last_seen = time.monotonic()
        return state

    def _end(self, state: State, progress: Progress) -> Mapping[str, Any] | None:
        """The prompt's entry when it has ended; None while it has not.

        Raises:
            RunError: the server has lost the prompt, as it does when it is started anew.
        """
        progress.place(state)
        if state.at == "ended":
            return state.entry
        if state.at != "gone":
            return None
        while not progress.ended and self._hear(progress, TICK_S):
            pass
        if heard := progress.heard():
            return heard  # somebody cleared the history in the meantime
        message = "The ComfyUI server lost the run, as it does at a restart; it is tried again."
        raise RunError("provider_failed", message)

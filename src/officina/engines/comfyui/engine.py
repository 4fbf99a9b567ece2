"""Runs a workflow on a ComfyUI server, and comes back to it when something fell over in between."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from officina.engines.comfyui import outputs, refusal
from officina.engines.comfyui.aside import Aside
from officina.engines.comfyui.fill import Filled, fill, uploads
from officina.engines.comfyui.follow import TO, Follower
from officina.engines.comfyui.graph import Workflow
from officina.engines.comfyui.listen import Listener
from officina.engines.comfyui.options import BadOptions, Options, parse
from officina.engines.comfyui.server import Prompt, Server, headers_of
from officina.errors import RunError
from officina.run import Result, Run, Stopped

_FOLDER = "officina"
_OF_CORE = frozenset({"LoadImage", "LoadImageMask"})
"""Nodes that find what lies in ComfyUI's own temporary folder; of others nobody knows."""
_PLAIN = re.compile(r"[^A-Za-z0-9_-]+")
_SOCKET_TICKS = 15
_LAST_WORD_S = 0.2
"""How long a run that stops waits to learn whether its prompt has arrived."""


class ComfyUIEngine:
    """Serves the models whose workflow and bindings are its options."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        try:
            self._options = parse(options)
        except BadOptions as error:
            raise RunError("engine_unavailable", str(error), retry=False) from error
        headers = headers_of(options)
        self._servers = {url: Server(url, headers) for url in self._options.servers}

    def run(self, run: Run) -> Result:
        """Run the workflow.

        Raises:
            RunError: it cannot be filled, no server takes it, one of its nodes fails, or its server is lost.
            Stopped: it was stopped, here and on the server.
        """
        with Aside(run) as aside:
            return _Attempt(self._options, self._servers, run, aside).carry_out()

    def close(self) -> None:
        """Close the connections."""
        for server in self._servers.values():
            server.close()


class _Lost(Exception):
    """What an earlier attempt sent is of no use any more."""


class _Attempt:
    """One run of the engine."""

    def __init__(self, options: Options, servers: Mapping[str, Server], run: Run, aside: Aside) -> None:
        self._options = options
        self._servers = servers
        self._run = run
        self._aside = aside

    def carry_out(self) -> Result:
        """Take up the prompt of an earlier attempt, or send one to the first server that takes it."""
        if prompt := self._earlier():
            with suppress(_Lost):
                return self._taken_up(prompt)
        self._filled({})  # refuse what cannot be filled before anything is sent
        refused = RunError("provider_unreachable", "No ComfyUI server can be reached.")
        for server in self._by_load():
            client_id = uuid.uuid4().hex
            with self._listening(server, client_id) as listener:
                try:
                    prompt, filled = self._sent(server, listener, client_id)
                except RunError as error:
                    if not (isinstance(error, refusal.Unfit) or error.type == "provider_unreachable"):
                        raise
                    refused = error  # another server may have what this one lacks
                    continue
                return self._ended(prompt, listener, filled)
        raise refused

    def _taken_up(self, prompt: Prompt) -> Result:
        """Go on with the prompt of an earlier attempt.

        Raises:
            _Lost: its server has lost it since, or what it made.
        """
        self._run.log("Takes up what an earlier attempt sent to ComfyUI.")
        with self._listening(self._servers[prompt.server], prompt.client_id) as listener:
            try:
                return self._ended(prompt, listener, self._filled({}))
            except RunError as error:
                if error.type == "provider_failed":
                    raise _Lost from error
                raise

    # --- finding a server ---------------------------------------------------------------------------------

    def _earlier(self) -> Prompt | None:
        """The prompt of an earlier attempt, when it is still of use."""
        prompt = _remembered(self._run.memo)
        server = self._servers.get(prompt.server) if prompt else None
        if prompt is None or server is None:
            return None
        try:
            state = self._aside.call(server.state, prompt.prompt_id)
        except RunError as error:
            if len(self._servers) > 1 and error.type == "provider_unreachable":
                return None
            raise
        failed = state.entry is not None and refusal.of_history(state.entry, self._options.workflow)
        return None if state.at == "gone" or failed else prompt

    def _by_load(self) -> Iterator[Server]:
        """The servers that answer, the least busy first; those equally busy in any order."""
        servers = list(self._servers.values())
        random.shuffle(servers)
        loads = self._aside.each(_load, servers) if len(servers) > 1 else [0]
        pairs = sorted(zip(loads, servers, strict=True), key=lambda pair: pair[0])
        return (server for load, server in pairs if load != _NO_ANSWER)

    # --- sending ------------------------------------------------------------------------------------------

    def _listening(self, server: Server, client_id: str) -> Listener:
        return Listener(server.url, client_id, server.headers)

    def _sent(self, server: Server, listener: Listener, client_id: str) -> tuple[Prompt, Filled]:
        """Send the files, then the workflow, once the socket is open: or the start is not heard."""
        filled = self._filled(self._uploaded(server))
        self._aside.until(listener.wait_open, _SOCKET_TICKS)
        prompt = Prompt(server.url, str(uuid.uuid4()), client_id)
        self._run.remember(msgspec.json.encode(prompt).decode())
        given = self._submitted(server, filled.workflow, prompt)
        if given != prompt:
            self._run.remember(msgspec.json.encode(given).decode())
        return given, filled

    def _submitted(self, server: Server, workflow: Workflow, prompt: Prompt) -> Prompt:
        call = self._aside.start(server.submit, workflow, prompt)
        try:
            return self._aside.finish(call)
        except Stopped:
            wait([call], _LAST_WORD_S)
            known = call.result() if call.done() and not call.exception() else prompt
            _cancel(server, known)
            raise

    def _filled(self, names: Mapping[Path, str]) -> Filled:
        return fill(self._options, self._run, names)

    def _uploaded(self, server: Server) -> dict[Path, str]:
        """Send every file once; the names that the server gave them."""
        folder = f"{_FOLDER}/{self._run.job_id}-{self._run.attempt}"
        orders = []
        for field, placed in uploads(self._options, self._run).items():
            for n, path in enumerate(dict.fromkeys(path for _, path in placed if path)):
                nodes = {self._options.workflow[at.node]["class_type"] for at, each in placed if each == path}
                name = f"{_PLAIN.sub('-', field)}-{n + 1}{path.suffix}"
                orders.append((path, name, folder, "temp" if nodes <= _OF_CORE else "input"))
        if orders:
            self._aside.tell(0.0, f"sending {len(orders)} file{'s' * (len(orders) != 1)} to ComfyUI")
        names = self._aside.each(lambda order: server.upload(*order), orders)
        return {order[0]: name for order, name in zip(orders, names, strict=True)}

    # --- and what becomes of it ---------------------------------------------------------------------------

    def _ended(self, prompt: Prompt, listener: Listener, filled: Filled) -> Result:
        server = self._servers[prompt.server]
        follower = Follower(self._aside, server, listener, self._options.patience_s)
        try:
            entry = follower.follow(prompt, filled.workflow)
        except Stopped:
            _cancel(server, prompt)
            raise
        if error := refusal.of_history(entry, filled.workflow):
            raise error
        self._aside.tell(TO, "fetching what ComfyUI made")
        files = outputs.files_of(entry, tuple(self._options.workflow), self._options.outputs)
        result = outputs.fetch(files, server, self._aside, self._run.scratch)
        return replace(result, notes=filled.notes)


_NO_ANSWER = -1


def _load(server: Server) -> int:
    try:
        return server.load()
    except RunError:
        return _NO_ANSWER


def _cancel(server: Server, prompt: Prompt) -> None:
    """End our work on the server; when it cannot be reached, there is nothing left to do about it."""
    with suppress(RunError):
        server.cancel(prompt.prompt_id)


def _remembered(memo: str) -> Prompt | None:
    try:
        return msgspec.json.decode(memo, type=Prompt) if memo else None
    except msgspec.MsgspecError:
        return None

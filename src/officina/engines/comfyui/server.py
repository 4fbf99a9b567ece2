"""One ComfyUI server, as far as its HTTP interface serves a run. Blocking; safe to use from several threads.

What is asked here exists in every version since 2024; newer routes are used where they are safer. The order
in which a server is asked matters: a prompt goes from the queue into the history in one step, so who looks
into the queue first and into the history second always finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import httpx

from officina.engines.comfyui.graph import Workflow
from officina.engines.comfyui.refusal import of_prompt
from officina.engines.secrets import secret
from officina.errors import RunError

CONNECT_S = 5.0
READ_S = 60.0
_LATELY = 20
HASTY_S = 2.0
"""For questions that decide which server is taken, and to end our work there."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A workflow on its way: the server that has it, and how both sides know it."""

    server: str
    prompt_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class State:
    """Where a prompt is: it waits behind `ahead` others, is run, has ended with `entry`, or is not there."""

    at: Literal["waits", "runs", "ended", "gone"]
    ahead: int = 0
    entry: Mapping[str, Any] | None = None


def headers_of(options: Mapping[str, Any]) -> dict[str, str]:
    """What goes with every call: the key that the option `key_env` names, for servers behind a proxy.

    Raises:
        RunError: `provider_unauthorized`, when the environment has no such key.
    """
    return {"Authorization": f"Bearer {secret(options)}"} if options.get("key_env") else {}


class Server:
    """One ComfyUI server."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.headers = dict(headers or {})
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        self._http = httpx.Client(base_url=url, headers=self.headers, timeout=timeout, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def load(self) -> int:
        """How many prompts are run or wait there, those of others too."""
        return sum(map(len, self._queue(timeout=HASTY_S)))

    def upload(self, path: Path, name: str, folder: str, kind: str) -> str:
        """Send a file; the name by which a node finds it. `kind` is `input` or `temp`.

        What is `temp` goes when ComfyUI starts the next time; nothing ever removes an `input`.
        """
        form = {"subfolder": folder, "type": kind, "overwrite": "true"}
        with path.open("rb") as file, _translated():
            answer = self._http.post("/upload/image", data=form, files={"image": (name, file)})
        told = self._json(answer)
        where = "/".join(filter(None, (str(told.get("subfolder", "")), str(told["name"]))))
        return where if kind == "input" else f"{where} [{kind}]"

    def submit(self, workflow: Workflow, prompt: Prompt) -> Prompt:
        """Put a workflow in the queue; the prompt as the server knows it (old versions choose the id).

        Raises:
            RunError: the server refuses it, or is out of reach; then it surely does not have it.
        """
        body = {"prompt": workflow, "client_id": prompt.client_id, "prompt_id": prompt.prompt_id}
        try:
            answer = self._http.post("/prompt", json=body)
        except httpx.ConnectError as error:
            raise _unreachable() from error
        except httpx.TransportError as error:
            if found := self._find(prompt):
                return found  # only the answer was lost
            raise _unreachable() from error
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise of_prompt(_json_or_none(answer), workflow)
        told = self._json(answer)
        given = Prompt(self.url, str(told.get("prompt_id") or prompt.prompt_id), prompt.client_id)
        if told.get("node_errors"):  # it would run without those of its outputs that it refuses
            self.cancel(given.prompt_id)
            raise of_prompt(told, workflow)
        return given

    def state(self, prompt_id: str) -> State:
        """Where a prompt is."""
        running, waiting = self._queue()
        if any(item[1] == prompt_id for item in running):
            return State("runs")
        own = next((item for item in waiting if item[1] == prompt_id), None)
        if own is not None:
            return State("waits", len(running) + sum(item[0] < own[0] for item in waiting))
        entry = self._json(self._get(f"/history/{prompt_id}")).get(prompt_id)
        return State("ended", entry=entry) if isinstance(entry, Mapping) else State("gone")

    def cancel(self, prompt_id: str) -> None:
        """Take a prompt of ours out of the queue, or interrupt it when it is run; nobody else's, ever.

        `POST /interrupt` of old versions interrupts whatever is run, so it is sent only when that is ours.
        """
        if self._post(f"/api/jobs/{prompt_id}/cancel", {}).is_success:
            return
        self._post("/queue", {"delete": [prompt_id]})
        if any(item[1] == prompt_id for item in self._queue(timeout=HASTY_S)[0]):
            self._post("/interrupt", {"prompt_id": prompt_id})

    def save(self, file: Mapping[str, Any], to: Path) -> None:
        """Save a file that a node made."""
        wanted = {name: str(file.get(name, "")) for name in ("filename", "subfolder", "type")}
        with _translated(), self._http.stream("GET", "/view", params=wanted) as answer:
            if not answer.is_success:
                message = "A file that the workflow made is no longer on the ComfyUI server; it is run again."
                raise RunError("provider_failed", message)
            with to.open("wb") as sink:
                for block in answer.iter_bytes():
                    sink.write(block)

    def nodes(self) -> Mapping[str, Any]:
        """What the server says of every class of nodes that it has: inputs, choices, outputs."""
        return self._json(self._get("/object_info"))

    def _find(self, prompt: Prompt) -> Prompt | None:
        """The prompt in the queue or the history, by its id, or by our name when the server chose the id."""
        with suppress(RunError):
            for item in (each for some in self._queue() for each in some):
                if item[1] == prompt.prompt_id or _is_by(item, prompt.client_id):
                    return Prompt(self.url, item[1], prompt.client_id)
            if self.state(prompt.prompt_id).at != "gone":
                return prompt
            for name, entry in self._json(self._get(f"/history?max_items={_LATELY}")).items():
                if _is_by(entry.get("prompt") or (), prompt.client_id):
                    return Prompt(self.url, name, prompt.client_id)
        return None

    def _queue(self, timeout: float = READ_S) -> tuple[list[Any], list[Any]]:
        """What is run and what waits: lists of number, prompt id, workflow, extra data and outputs."""
        told = self._json(self._get("/queue", timeout=timeout))
        return list(told.get("queue_running") or ()), list(told.get("queue_pending") or ())

    def _get(self, path: str, timeout: float = READ_S) -> httpx.Response:
        with _translated():
            return self._http.get(path, timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_S)))

    def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        with _translated():
            return self._http.post(path, json=body, timeout=HASTY_S)

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        """The object in an answer that must be a success."""
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            message = (
                "The ComfyUI server refuses us: its operator must set or renew the key (option key_env)."
            )
            raise RunError("provider_unauthorized", message)
        if answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            raise RunError("provider_rejected", "A file is larger than the ComfyUI server takes.")
        told = _json_or_none(answer) if answer.is_success else None
        if not isinstance(told, dict):
            message = f"The ComfyUI server answered with something unexpected (status {answer.status_code})."
            raise RunError("provider_failed", message)
        return cast("dict[str, Any]", told)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise _unreachable() from error


def _unreachable() -> RunError:
    return RunError("provider_unreachable", "The ComfyUI server cannot be reached, or does not answer.")


def _is_by(item: Sequence[Any], client_id: str) -> bool:
    """Whether an item of the queue is a client's; its fourth part says whose it is."""
    return len(item) > 3 and isinstance(item[3], Mapping) and item[3].get("client_id") == client_id


def _json_or_none(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None

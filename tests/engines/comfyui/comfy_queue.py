"""The queue of a ComfyUI server, its worker thread and its checks: as its `execution.py` and `main.py` have them."""

from __future__ import annotations

import copy
import heapq
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from comfy_nodes import CLASSES, Bench, Interrupted

Say = Callable[[str, dict[str, Any], str | None], None]


def is_link(value: Any) -> bool:
    return isinstance(value, list)


class PromptQueue:
    """Prompts that wait, those that are run, and the history, all under one lock."""

    def __init__(self, bench: Bench, say: Say, *, old: bool = False) -> None:
        self.bench = bench
        self.old = old
        self.say = say
        self.lock = threading.Condition()
        self.waiting: list[Any] = []
        self.running: dict[int, Any] = {}
        self.history: dict[str, Any] = {}
        self.last_node: str | None = None
        self.client: str | None = None
        self.cache: dict[str, Any] = {}
        self.count = 0
        self.ran: list[str] = []
        """Every node that was really run, by its class."""
        self.ended = False
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def put(self, item: Any) -> None:
        with self.lock:
            heapq.heappush(self.waiting, item)
            self.lock.notify()
        self._tell_length()

    def delete(self, prompt_id: str) -> bool:
        with self.lock:
            kept = [item for item in self.waiting if item[1] != prompt_id]
            deleted = len(kept) < len(self.waiting)
            self.waiting = kept
            heapq.heapify(self.waiting)
        if deleted:
            self._tell_length()
        return deleted

    def interrupt_if_running(self, prompt_id: str) -> bool:
        with self.lock:
            ours = any(item[1] == prompt_id for item in self.running.values())
            if ours:
                self.bench.interrupted.set()
            return ours

    def current(self) -> tuple[list[Any], list[Any]]:
        with self.lock:
            return list(self.running.values()), list(self.waiting)

    def remaining(self) -> int:
        return sum(map(len, self.current()))

    def stop(self) -> None:
        with self.lock:
            self.ended = True
            self.bench.interrupted.set()
            self.lock.notify()
        self.thread.join(10)

    def _tell_length(self) -> None:
        self.say("status", {"status": {"exec_info": {"queue_remaining": self.remaining()}}}, None)

    def _work(self) -> None:
        while True:
            with self.lock:
                while not self.waiting and not self.ended:
                    self.lock.wait()
                if self.ended:
                    return
                item = heapq.heappop(self.waiting)
                self.count += 1
                self.running[self.count] = copy.deepcopy(item)
            self._tell_length()
            entry = Execution(self, item).carry_out()
            with self.lock:
                if self.ended:
                    return
                del self.running[self.count]
                self.history[item[1]] = {"prompt": list(item[:5]), **entry}
            self._tell_length()
            if self.client is not None:
                self.say("executing", {"node": None, "prompt_id": item[1]}, self.client)


class Execution:
    """One prompt being run."""

    def __init__(self, queue: PromptQueue, item: Any) -> None:
        self.queue = queue
        _, self.prompt_id, self.prompt, extra, self.ends = item
        self.client = queue.client = extra.get("client_id")
        self.messages: list[Any] = []
        self.outputs: dict[str, Any] = {}
        self.states: dict[str, Any] = {}
        self.executed: list[str] = []

    def carry_out(self) -> dict[str, Any]:
        self.queue.bench.interrupted.clear()
        self.queue.bench.told = self._progress
        self._add("execution_start", {"prompt_id": self.prompt_id})
        cached = [node for node in self.prompt if self._signature(node) in self.queue.cache]
        self._add("execution_cached", {"nodes": cached, "prompt_id": self.prompt_id})
        fine = self._run_all()
        self.queue.last_node = None
        status = {"status_str": "success" if fine else "error", "completed": fine, "messages": self.messages}
        return {"outputs": self.outputs, "meta": {}, "status": status}

    def _run_all(self) -> bool:
        for node in self._order():
            try:
                self._run(node)
            except Interrupted:
                self._add("execution_interrupted", self._where(node), broadcast=True)
                return False
            except Exception as error:  # noqa: BLE001 - a node may raise anything
                kind = type(error).__module__ + "." + type(error).__name__
                raised = {"exception_message": f"{error}\n", "exception_type": kind, "traceback": []}
                told = {**self._where(node), **raised, "current_inputs": {}, "current_outputs": []}
                self._add("execution_error", told)
                return False
        self._add("execution_success", {"prompt_id": self.prompt_id})
        return True

    def _run(self, node: str) -> None:
        key, kind = self._signature(node), CLASSES[self.prompt[node]["class_type"]]
        if key in self.queue.cache:
            self._say_output(node, self.queue.cache[key][1])
            return
        if self.queue.bench.interrupted.is_set():
            raise Interrupted
        self._enter(node)
        self.queue.ran.append(self.prompt[node]["class_type"])
        made, shown = kind.work(self.queue.bench, **dict(self._inputs(node)))
        self.queue.cache[key] = (made, shown)
        self._state(node, "finished", 1, 1)
        self._say_output(node, shown)
        self.executed.append(node)

    def _inputs(self, node: str) -> Iterator[tuple[str, Any]]:
        """The values of a node's inputs; those that its class does not know are passed over."""
        kind = CLASSES[self.prompt[node]["class_type"]]
        for name, value in self.prompt[node]["inputs"].items():
            if name in kind.required or name in kind.optional:
                linked = is_link(value)
                yield name, self.queue.cache[self._signature(value[0])][0][value[1]] if linked else value

    def _enter(self, node: str) -> None:
        self.queue.last_node = node
        told = {"node": node, "display_node": node, "prompt_id": self.prompt_id}
        self._say("executing", told)
        self._state(node, "running", 0, 1)

    def _progress(self, value: float, most: float) -> None:
        node = self.queue.last_node
        self._say("progress", {"value": value, "max": most, "prompt_id": self.prompt_id, "node": node})
        self._state(str(node), "running", value, most)

    def _state(self, node: str, state: str, value: float, most: float) -> None:
        if not self.queue.old:
            told = {"value": value, "max": most, "state": state, "node_id": node, "display_node_id": node}
            self.states[node] = {**told, "prompt_id": self.prompt_id}
            self._say("progress_state", {"prompt_id": self.prompt_id, "nodes": dict(self.states)})

    def _say_output(self, node: str, shown: Any) -> None:
        if shown is not None:
            self.outputs[node] = shown
            told = {"node": node, "display_node": node, "output": shown, "prompt_id": self.prompt_id}
            self._say("executed", told)

    def _where(self, node: str) -> dict[str, Any]:
        kind = self.prompt[node]["class_type"]
        return {"prompt_id": self.prompt_id, "node_id": node, "node_type": kind, "executed": self.executed}

    def _add(self, event: str, data: dict[str, Any], *, broadcast: bool = False) -> None:
        data = {**data, "timestamp": int(time.time() * 1000)}
        self.messages.append([event, data])
        if self.client is not None or broadcast:
            self.queue.say(event, data, self.client)

    def _say(self, event: str, data: dict[str, Any]) -> None:
        if self.client is not None:
            self.queue.say(event, data, self.client)

    def _signature(self, node: str) -> str:
        inputs = {
            name: [self._signature(value[0]), value[1]] if is_link(value) else value
            for name, value in self.prompt[node]["inputs"].items()
        }
        return json.dumps([self.prompt[node]["class_type"], inputs], sort_keys=True)

    def _order(self) -> list[str]:
        order: list[str] = []

        def visit(node: str) -> None:
            if node not in order:
                for value in self.prompt[node]["inputs"].values():
                    if is_link(value):
                        visit(value[0])
                order.append(node)

        for end in self.ends:
            visit(end)
        return order


# --- checking a prompt before it is queued -------------------------------------------------------------------


def validate(
    prompt: dict[str, Any], bench: Bench, *, old: bool = False
) -> tuple[Any, list[str], dict[str, Any]]:
    """The error of the whole, the outputs that can be made, and the errors by node."""
    ends = []
    for node, each in prompt.items():
        kind = CLASSES.get(each.get("class_type"))
        if kind is None:
            if old:
                message = f"Cannot execute because node {each['class_type']} does not exist."
                return _error("invalid_prompt", message, f"Node ID '#{node}'", {}), [], {}
            title = each.get("_meta", {}).get("title", each.get("class_type"))
            message = f"Node '{title}' not found. The custom node may not be installed."
            extra = {"node_id": node, "class_type": each.get("class_type"), "node_title": title}
            return _error("missing_node_type", message, f"Node ID '#{node}'", extra), [], {}
        if kind.is_output:
            ends.append(node)
    if not ends:
        return _error("prompt_no_outputs", "Prompt has no outputs", "", {}), [], {}
    good, wrong, told = [], {}, []
    for end in ends:
        found = dict(_validate_up(prompt, end, bench))
        if not found:
            good.append(end)
        for node, errors in found.items():
            kind = prompt[node]["class_type"]
            entry = wrong.setdefault(node, {"errors": errors, "dependent_outputs": [], "class_type": kind})
            entry["dependent_outputs"].append(end)
            told += [f"{error['message']}: {error['details']}" for error in errors]
    if good:
        return None, good, wrong
    whole = _error(
        "prompt_outputs_failed_validation", "Prompt outputs failed validation", "\n".join(told), {}
    )
    return whole, [], wrong


def _validate_up(prompt: dict[str, Any], node: str, bench: Bench) -> Iterator[tuple[str, list[Any]]]:
    kind, inputs = CLASSES[prompt[node]["class_type"]], prompt[node]["inputs"]
    known = kind.info("", bench)["input"]
    errors = [
        _error("required_input_missing", "Required input is missing", name, {"input_name": name})
        for name in known["required"]
        if name not in inputs
    ]
    for name, (form, *rest) in {**known["required"], **known["optional"]}.items():
        value = inputs.get(name)
        if is_link(value):
            yield from _validate_up(prompt, value[0], bench)
        elif name in inputs:
            errors += _value_errors(name, value, form, rest[0] if rest else {}, bench)
    if errors:
        yield node, errors


def _value_errors(name: str, value: Any, form: Any, limits: dict[str, Any], bench: Bench) -> Iterator[Any]:
    extra = {"input_name": name, "input_config": [form, limits], "received_value": value}
    if limits.get("image_upload"):
        if not bench.annotated(value).is_file():
            details = f"{name} - Invalid image file: {value}"
            yield _error("custom_validation_failed", "Custom validation failed for node", details, extra)
        return
    choices = limits.get("options", []) if form == "COMBO" else form if isinstance(form, list) else None
    if choices is not None:
        if value not in choices:
            details = f"{name}: {value!r} not in {choices}"
            yield _error("value_not_in_list", "Value not in list", details, extra)
    elif "min" in limits and value < limits["min"]:
        message = f"Value {value} smaller than min of {limits['min']}"
        yield _error("value_smaller_than_min", message, name, extra)
    elif "max" in limits and value > limits["max"]:
        yield _error(
            "value_bigger_than_max", f"Value {value} bigger than max of {limits['max']}", name, extra
        )


def _error(kind: str, message: str, details: str, extra: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": extra}

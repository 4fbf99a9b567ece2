"""Samples of calls in curl, Python and JavaScript, as they can be pasted: pure text, made from data.

In curl the key is written as `KEY`, which a page replaces; the programs read it from the environment.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY = "\N{LEFT WHITE SQUARE BRACKET}key\N{RIGHT WHITE SQUARE BRACKET}"
"""Stands for the key in curl."""
VARIABLE = "OFFICINA_KEY"
LANGUAGES = ("curl", "Python", "JavaScript")
"""What samples are written in, in the order of their tabs."""
REQUEST_ID = "{request_id}"


@dataclass(frozen=True, slots=True)
class Sample:
    """One call in one language; `tab` names the language."""

    tab: str
    code: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call to show: its method, its path, and the body if it has one."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


def submit(model_id: str, body: Mapping[str, Any]) -> Call:
    """Queue a run."""
    return Call("POST", f"/v1/models/{model_id}", body)


STATUS = Call("GET", f"/v1/requests/{REQUEST_ID}/status")
RESULT = Call("GET", f"/v1/requests/{REQUEST_ID}/result")
CANCEL = Call("POST", f"/v1/requests/{REQUEST_ID}/cancel")


def of(call: Call, base_url: str) -> tuple[Sample, ...]:
    """A call in every language."""
    return (
        Sample("curl", _curl(call, base_url)),
        Sample("Python", _python(call, base_url)),
        Sample("JavaScript", _javascript(call, base_url)),
    )


def whole_road(model_id: str, body: Mapping[str, Any], base_url: str) -> tuple[Sample, ...]:
    """Submit, and in the programs also wait for the result."""
    call = submit(model_id, body)
    return (
        Sample("curl", _curl(call, base_url)),
        Sample("Python", f"{_python(call, base_url)}\n{_PYTHON_WAIT}"),
        Sample("JavaScript", f"{_javascript(call, base_url)}\n{_JAVASCRIPT_WAIT}"),
    )


_PYTHON_WAIT = """
result = {"status": "in_queue"}
while result["status"] in ("in_queue", "in_progress"):
    url = f"/v1/requests/{answer['request_id']}/result"
    result = api.get(url, params={"wait": 60}).raise_for_status().json()
print(result["status"], result.get("output") or result.get("error"))"""

_JAVASCRIPT_WAIT = """
let result = { status: "in_queue" };
while (["in_queue", "in_progress"].includes(result.status)) {
  const url = `${base}/v1/requests/${answer.request_id}/result?wait=60`;
  result = await (await fetch(url, { headers })).json();
}
console.log(result.status, result.output ?? result.error);"""


def _curl(call: Call, base_url: str) -> str:
    lines = [f"curl --request {call.method}", f"--url {_quoted(base_url + call.path)}"]
    if call.body is not None:
        lines.append('--header "Content-Type: application/json"')
    lines.append(f'--header "Authorization: Bearer {KEY}"')
    if call.body is not None:
        lines.append(f"--data {shlex.quote(_json(call.body))}")
    return " \\\n  ".join(lines)


def _quoted(url: str) -> str:
    return url if "{" in url else shlex.quote(url)


def _python(call: Call, base_url: str) -> str:
    path = call.path.replace(REQUEST_ID, "{request_id}")
    literal = f"f{_text(path)}" if path != call.path or "{" in path else _text(path)
    given = "" if call.body is None else f", json={python_literal(call.body)}"
    return (
        "import os\n\nimport httpx\n\n"
        f'headers = {{"Authorization": f"Bearer {{os.environ[\'{VARIABLE}\']}}"}}\n'
        f"api = httpx.Client(base_url={_text(base_url)}, headers=headers, timeout=70)\n"
        f"answer = api.{call.method.lower()}({literal}{given}).raise_for_status().json()\n"
        "print(answer)"
    )


def _javascript(call: Call, base_url: str) -> str:
    path = call.path.replace(REQUEST_ID, "${requestId}")
    options = "{ headers }"
    if call.method != "GET":
        body = "" if call.body is None else f",\n  body: JSON.stringify({_indented(_json(call.body))})"
        options = f'{{\n  method: "{call.method}",\n  headers{body},\n}}'
    return (
        f"const base = {_text(base_url)};\n"
        f"const headers = {{ Authorization: `Bearer ${{process.env.{VARIABLE}}}` }};\n"
        f"const answer = await (await fetch(`${{base}}{path}`, {options})).json();\n"
        "console.log(answer);"
    )


def python_literal(value: Any, indent: int = 0) -> str:
    """A JSON value as Python spells it, over several lines."""
    inner, outer = " " * (indent + 4), " " * indent
    if isinstance(value, Mapping) and value:
        items = "".join(f"{inner}{_text(k)}: {python_literal(v, indent + 4)},\n" for k, v in value.items())
        return f"{{\n{items}{outer}}}"
    if isinstance(value, list | tuple) and value:
        return "[\n" + "".join(f"{inner}{python_literal(v, indent + 4)},\n" for v in value) + f"{outer}]"
    if isinstance(value, str):
        return _text(value)
    return {"true": "True", "false": "False", "null": "None"}.get(json.dumps(value), json.dumps(value))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

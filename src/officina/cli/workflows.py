"""`officina models import-comfyui`, and what `models check --online` asks the servers of ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from officina.cli import options, show
from officina.cli.exits import Code, Stop

if TYPE_CHECKING:
    from officina.catalog_lint import Finding
    from officina.engines.comfyui.graph import Workflow
    from officina.engines.comfyui.propose import Proposal
    from officina.model import Model

_ENGINE = "comfyui"
_PICTURE = "comfyui/flux-2-klein-4b/edit/example/boat.jpg"
"""The example of models whose pictures nobody knows yet."""


def import_comfyui(
    workflow: Annotated[
        Path, typer.Argument(help="The workflow, exported in API format.", show_default=False)
    ],
    *,
    model_id: Annotated[
        str, typer.Option("--id", help="Id of the new model, such as studio/relight.", show_default=False)
    ],
    server: Annotated[
        str, typer.Option(help="A ComfyUI server that has the nodes: knows bounds, and will serve the model.")
    ] = "",
    into: Annotated[Path, typer.Option(help="The folder of models to write it into.")] = Path("models"),
    as_json: options.Json = False,
) -> None:
    """Make a model of a ComfyUI workflow: a folder of plain files, to be edited."""
    with show.screen(as_json) as screen:
        from officina.catalog import FACTS, id_problem

        model_id = model_id.strip("/")
        if problem := id_problem(model_id):
            raise Stop(problem, Code.BAD_INPUT)
        folder = into / model_id
        if (folder / FACTS).exists():
            raise Stop(f"There is a model {model_id!r} in {into} already: remove it, or choose another id.")
        graph, proposal = _proposed(workflow, server)
        _write(folder, model_id, graph, proposal, server)
        told = {"model": model_id, "folder": str(folder), "fields": list(proposal.properties)}
        screen.give({**told, "bindings": proposal.bindings}, _table(graph, proposal))
        screen.say(f"\nWritten to {folder}. Edit what callers may set in {FACTS} and input.json, then:")
        screen.say(f"  officina models check {into} --online\n  officina serve --models {into}")


def online(models: Sequence[Model]) -> Iterator[Finding]:
    """What the ComfyUI servers lack to run these models; those of other engines are passed over."""
    from officina.catalog_lint import Finding
    from officina.engines.comfyui.options import BadOptions, parse

    told: dict[str, Mapping[str, Any] | str] = {}
    for model in models:
        if model.engine != _ENGINE:
            continue
        try:
            chosen = parse(model.options)
        except BadOptions as error:
            yield Finding(model.id, "options", str(error))
            continue
        for url in chosen.servers:
            if url not in told:
                told[url] = _nodes(url, model.options)
            yield from (Finding(model.id, url, each) for each in _lacking(chosen, told[url]))


def _lacking(chosen: Any, nodes: Mapping[str, Any] | str) -> Iterator[str]:
    from officina.engines.comfyui.online import lacks

    if isinstance(nodes, str):
        yield nodes
        return
    yield from (f"The server {each}" for each in lacks(chosen, nodes))


def _nodes(url: str, given: Mapping[str, Any]) -> Mapping[str, Any] | str:
    """What a server says of its nodes, or why it says nothing."""
    from officina.engines.comfyui.server import Server, headers_of
    from officina.errors import RunError

    try:
        server = Server(url, headers_of(given))
        try:
            return server.nodes()
        finally:
            server.close()
    except RunError as error:
        return error.message


def _proposed(path: Path, server: str) -> tuple[Workflow, Proposal]:
    from officina.engines.comfyui.graph import NotAWorkflow, read
    from officina.engines.comfyui.propose import propose

    try:
        graph = read(json.loads(path.read_bytes()))
        info = _nodes(server.rstrip("/"), {}) if server else {}
        if isinstance(info, str):
            raise Stop(info, Code.UNREACHABLE)
        return graph, propose(graph, info)
    except NotAWorkflow as error:
        raise Stop(str(error), Code.BAD_INPUT) from None
    except ValueError:
        raise Stop(f"{path} is not JSON: export the workflow in API format.", Code.BAD_INPUT) from None


def _write(folder: Path, model_id: str, graph: Workflow, proposal: Proposal, server: str) -> None:
    from officina.catalog import SHIPPED
    from officina.engines.comfyui.folder import files, write
    from officina.engines.comfyui.options import HERE

    picture = (SHIPPED / _PICTURE).read_bytes()
    servers = (server.rstrip("/"),) if server else HERE
    write(folder, files(model_id, graph, proposal, servers, picture))


def _table(graph: Workflow, proposal: Proposal) -> Any:
    rows = []
    for name, binding in proposal.bindings.items():
        node = proposal.properties[name]
        kind = node.get("format") or node["type"]
        word = kind if isinstance(kind, str) else " or ".join(kind)
        rows.append((f"{name}{'*' * (name in proposal.required)}", word, ", ".join(_sets(graph, binding))))
    return show.table(("INPUT (* required)", "TYPE", "SETS"), rows)


def _sets(graph: Workflow, binding: Any) -> Iterator[str]:
    """The inputs of nodes that a binding sets, by the titles of the nodes."""
    from officina.engines.comfyui.graph import target, title

    if isinstance(binding, Mapping):
        for key, each in binding.items():
            if key != "multiple":
                yield from _sets(graph, each)
        return
    for each in binding if isinstance(binding, list) else [binding]:
        at = target(each)
        yield f"{title(graph, at.node)}.{at.name}"

"""The description of the API: complete, valid, and true on running servers, as schemathesis tries it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from hypothesis.stateful import run_state_machine_as_test
from road_engines import png
from road_server import ECHO, SEED, Server, serving
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.routing import Route

from officina import catalog
from officina.catalog import Catalog
from officina.service import Gateway
from officina.web import app
from officina.web.openapi.document import DIALECT, OPERATIONS, document, model_document
from officina.web.site.site import Site

BOUNDS = hypothesis.settings(max_examples=6, deadline=None, derandomize=True, database=None)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MODELS: Catalog = catalog.load([catalog.SHIPPED, Path(__file__).parent / "models"])
ANYWHERE = "http://127.0.0.1"
WHOLE = document(ANYWHERE, list(MODELS.entries))
BY_MODEL = {model_id: model_document(ANYWHERE, entry) for model_id, entry in MODELS.entries.items()}

server_described = schemathesis.openapi.from_dict(WHOLE)
seed_described = schemathesis.openapi.from_dict(BY_MODEL[SEED])
echo_described = schemathesis.openapi.from_dict(BY_MODEL[ECHO])


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: what schemathesis sends stays."""
    with serving(tmp_path_factory.mktemp("tried") / "data", workers=0) as running:
        yield running


# Complete and valid


def test_every_route_but_the_pages_is_described_and_no_other() -> None:
    none = cast("Gateway", None)
    pages = {
        getattr(page, "path", "") for page in Site(none).routes(lambda path, **_: Route(path, lambda _: None))
    }
    routes = set()
    for route in app.routes(none):
        assert isinstance(route, Route)
        if route.path in pages:
            continue
        methods = cast("app.Methods", route.app).allowed.split(", ")
        path = re.sub(r":\w+(?=})", "", route.path)
        routes |= {(method, path) for method in methods if method != "HEAD"}
    assert {(each.method, each.path) for each in OPERATIONS} == routes
    assert len({each.id for each in OPERATIONS}) == len(OPERATIONS) == len(routes)


@pytest.mark.parametrize("found", [WHOLE, *BY_MODEL.values()], ids=["server", *BY_MODEL])
def test_a_description_is_valid_and_leads_nowhere_that_is_not_there(found: dict[str, Any]) -> None:
    schemathesis.openapi.from_dict(found).validate()
    assert found["openapi"].startswith("3.1.")
    assert found["jsonSchemaDialect"] == DIALECT
    for schema in found["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": DIALECT, **schema})
    for reference in _references(found):
        _, *steps = reference.split("/")
        place: Any = found
        for step in steps:
            place = place[step]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


@pytest.mark.parametrize("model_id", MODELS.entries)
def test_the_example_of_a_model_fits_the_schema_beside_it(model_id: str) -> None:
    found = BY_MODEL[model_id]
    body = found["paths"][f"/v1/models/{model_id}"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Input"}
    schema = {"$schema": DIALECT, **found["components"]["schemas"]["Input"]}
    jsonschema_rs.Draft202012Validator(schema).validate(body["example"])
    assert not MODELS.entries[model_id].spec.check(body["example"]).problems


def test_a_model_is_described_with_every_rule_and_no_default_that_is_never_filled_in() -> None:
    properties = BY_MODEL[SEED]["components"]["schemas"]["Input"]["properties"]
    assert properties["scale"]["type"] == "number"
    assert "default" not in properties["prompt"] and properties["prompt"]["examples"]
    assert properties["scale"]["default"] == 0.5
    published = MODELS.entries[SEED].model.input_schema["properties"]["image_urls"]
    assert properties["image_urls"]["x-validations"] == published["validations"]
    assert set(BY_MODEL[SEED]["paths"]) == {
        f"/v1/models/{SEED}",
        *(f"/v1/requests/{{request_id}}/{what}" for what in ("status", "result", "cancel")),
    }


def test_a_running_server_gives_these_descriptions_to_everybody(idle: Server) -> None:
    stranger = idle.client(None)

    whole = stranger.get("/openapi.json").json()
    one = stranger.get(f"/v1/models/{SEED}/openapi.json").json()

    assert whole == _as_read(document(idle.url, list(MODELS.entries)))
    assert one == _as_read(model_document(idle.url, MODELS.entries[SEED]))
    assert stranger.get("/v1/models/no/such/openapi.json").json()["error_code"] == 400001


def _as_read(found: dict[str, Any]) -> Any:
    return json.loads(json.dumps(found))


# True, as schemathesis tries it


def _try(case: schemathesis.Case, server: Server, *more: Any) -> None:
    if isinstance(case.body, dict) and isinstance(case.body.get("wait_s"), int | float):
        case.body["wait_s"] = 0  # a worker may wait 25 s for what never comes here
    headers = {"Authorization": f"Bearer {server.key}"}
    case.call_and_validate(base_url=server.url, headers=headers, checks=[*CHECKS, *more])


@server_described.parametrize()
@BOUNDS
def test_the_server_answers_as_described(case: schemathesis.Case, tried: Server) -> None:
    _try(case, tried, unsupported_method)


@seed_described.include(path=f"/v1/models/{SEED}").parametrize()
@BOUNDS
def test_the_model_of_the_seed_answers_as_described(case: schemathesis.Case, tried: Server) -> None:
    _try(case, tried)


def test_what_follows_a_submit_answers_as_described(server: Server) -> None:
    class Following(echo_described.as_state_machine()):  # type: ignore[misc]  # made from the description
        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            headers = {"Authorization": f"Bearer {server.key}"}
            return {"base_url": server.url, "headers": headers}

        def validate_response(self, response: Any, case: schemathesis.Case, **_: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(
        Following,
        settings=hypothesis.settings(
            BOUNDS, stateful_step_count=6, suppress_health_check=list(hypothesis.HealthCheck)
        ),
    )


def test_the_answers_about_a_life_like_day_are_as_described(server: Server) -> None:
    uploaded = server.upload(png(64, 64), "boat.png")
    done = server.submit({"prompt": "copy", "image_urls": [uploaded["id"]], "unknown": 1})
    failed = server.submit({"prompt": "refuse"})
    again = server.submit({"prompt": "crash_once"})
    for request_id in (done, failed, again):
        server.result(request_id)
    running = server.submit({"prompt": "copy", "seconds": 30})
    server.wait_for(running, "in_progress")
    waiting = server.submit({"prompt": "copy"})
    token = server.http.post(f"/v1/requests/{done}/share").json()["token"]
    for request_id in (done, failed, again, running, waiting):
        for what in ("", "/status", "/result?include_cost=true"):
            _as_described(server, f"/v1/requests/{{request_id}}{what}", request_id=request_id)
    _as_described(server, "/v1/requests?include_input&include_output&all=true")
    _as_described(server, "/v1/shares/{token}", token=token)
    _as_described(server, "/s/{token}", token=token)
    _as_described(server, "/files/{name}", name=uploaded["url"].rsplit("/", 1)[-1])
    _as_described(server, "/v1/models/{model_id}", model_id=SEED)
    _as_described(server, "/{locale}/models/{model_id}/api.md", locale="it", model_id=SEED)
    for path in (
        "models?include_schema",
        "models/categories",
        "keys",
        "usage",
        "queue",
        "workers",
        "storage",
    ):
        _as_described(server, f"/v1/{path}")
    for path in ("healthz", "readyz", "metrics", "docs", "docs/reference.css", "llms.txt", "openapi.json"):
        _as_described(server, f"/{path}")
    server.http.post(f"/v1/requests/{waiting}/cancel")
    server.http.post(f"/v1/requests/{running}/cancel", params={"force": "true"})
    _as_described(server, "/v1/requests/{request_id}/events", request_id=done)


def _as_described(server: Server, path: str, **places: str) -> None:
    answer = server.http.get(path.format(**places))
    assert answer.status_code == 200, (path, answer.text)
    server_described[path.partition("?")[0]]["GET"].validate_response(answer)

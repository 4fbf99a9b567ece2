"""The pages of the wire against routes, messages, events and figures."""

from __future__ import annotations

import re
from typing import Any, cast, get_args

import msgspec
import pytest
from docs_pages import page
from starlette.routing import Route

from officina import job, link, model
from officina.job import Depth, EventKind
from officina.metrics import Metrics
from officina.service import Gateway
from officina.web import app
from officina.web.site.site import Site

_CONVERTER = re.compile(r":\w+(?=})")
_ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[^\s`?|]*)")


_NONE = cast("Gateway", None)
"""The list of routes only keeps the gateway, so none is needed to read it."""


def _routes() -> set[tuple[str, str]]:
    """Every method and path."""
    found = set()
    for route in app.routes(_NONE):
        assert isinstance(route, Route)
        methods = cast("app.Methods", route.app).allowed.split(", ")
        found |= {(method, _CONVERTER.sub("", route.path)) for method in methods if method != "HEAD"}
    return found


def _pages() -> set[str]:
    """The paths of the pages, which have one table instead of a section each."""
    routes = Site(_NONE).routes(lambda path, **_: Route(path, lambda _: None))
    return {_CONVERTER.sub("", route.path) for route in routes if isinstance(route, Route)}


def test_the_page_describes_every_route_and_no_other() -> None:
    assert set(_ROUTE.findall(page("reference/http.md").prose)) == _routes()


@pytest.mark.parametrize(
    ("method", "path"),
    sorted(each for each in _routes() if not each[1].startswith("/worker/") and each[1] not in _pages()),
)
def test_every_route_for_callers_has_a_section_of_its_own(method: str, path: str) -> None:
    assert page("reference/http.md").sections()[f"{method} {path}"].strip()


def test_every_kind_of_event_is_described() -> None:
    section = "GET /v1/requests/{request_id}/events"
    rows = {row[0].strip("`") for row in page("reference/http.md").rows(section)}
    assert set(get_args(EventKind)) <= rows


def _messages() -> list[Any]:
    own = [each for each in vars(link).values() if _is_message(each) and each.__module__ == link.__name__]
    inner = [job.LeaseRef, job.News, job.Renewal, job.Outcome, job.Output, job.Failure]
    return [*own, *inner, model.MediaField, model.MediaRule]


def _is_message(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct)


@pytest.mark.parametrize("message", _messages(), ids=lambda message: message.__name__)
def test_every_message_of_the_workers_link_is_described_field_by_field(message: Any) -> None:
    rows = page("reference/worker-link.md").rows(message.__name__)
    described = [row[0].strip("`") for row in rows[1:]]
    assert described == list(message.__struct_fields__)


def test_every_figure_is_described_with_its_type_and_labels() -> None:
    metrics = Metrics()
    metrics.answered("/healthz", "GET", 200, 0.1)
    metrics.finished("studio/a", "succeeded", 1.0)
    text = metrics.text({"studio/a": Depth(1, 1, 1.0)}, 1).decode()
    real = dict(re.findall(r"^# TYPE (officina_\w+) (\w+)$", text, re.MULTILINE))
    rows = page("how-to/monitor.md").rows("Figures")[1:]
    assert {row[0].strip("`"): row[1] for row in rows} == {
        name: kind for name, kind in real.items() if not name.endswith("_created")
    }
    for name, _, labels, _ in rows:
        sample = re.search(rf"^{name.strip('`')}(?:_count)?(?:{{(.*)}})? ", text, re.MULTILINE)
        assert sample
        assert set(re.findall(r"(\w+)=", sample[1] or "")) == set(re.findall(r"`(\w+)`", labels))


def test_queries_on_the_figures_name_figures_that_there_are() -> None:
    found = page("how-to/monitor.md")
    known = {row[0].strip("`") for row in found.rows("Figures")[1:]}
    used = set(re.findall(r"officina_\w+", "".join(each.text for each in found.fences("yaml", "text"))))
    assert {re.sub(r"_bucket$", "", name) for name in used} <= known

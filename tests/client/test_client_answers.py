"""Reading answers: of this server, of others of the same contract, and of what is no Model API at all."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

import officina_client as oc
from officina_client import answers
from officina_client.effects import Answer
from officina_client.refusals import raise_for


def result(**members: Any) -> oc.Result:
    body = {"request_id": "r", "status": "succeeded", **members}
    return answers.result(Answer(200, {}, json.dumps(body).encode()))


def refused(status: int, body: Any, **headers: str) -> oc.OfficinaApiError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(oc.OfficinaApiError) as caught:
        raise_for(Answer(status, headers, content))
    return caught.value


@pytest.mark.parametrize(
    ("output", "images", "videos"),
    [
        ({"images": ["a", "b"]}, ("a", "b"), ()),
        ({"image": "a"}, ("a",), ()),
        ({"image": "a", "images": ["a"]}, ("a",), ()),
        ({"image": "a", "videos": ["v", "w"]}, ("a",), ("v", "w")),
        ({"video": "v"}, (), ("v",)),
        ("https://x/a.png", ("https://x/a.png",), ()),
        (["https://x/a.png", "https://x/V.MP4?s=1"], ("https://x/a.png",), ("https://x/V.MP4?s=1",)),
        ({"text": "hello", "images": None, "image": 3}, (), ()),
        (None, (), ()),
    ],
)
def test_pictures_and_videos_are_found_in_every_shape(output: Any, images: Any, videos: Any) -> None:
    found = result(output=output)

    assert (found.images, found.videos) == (images, videos)
    assert found.output == output


@pytest.mark.parametrize(
    ("word", "status", "has_ended"),
    [
        ("succeeded", "succeeded", True),
        ("completed", "succeeded", True),
        ("COMPLETED", "succeeded", True),
        ("canceled", "cancelled", True),
        ("error", "failed", True),
        ("in_queue", "in_queue", False),
        ("running", "in_progress", False),
        ("cancellation_requested", "cancellation_requested", False),
    ],
)
def test_foreign_words_for_a_state_are_understood(word: str, status: str, has_ended: bool) -> None:
    found = result(status=word)

    assert (found.status, found.has_ended) == (status, has_ended)


def test_completed_with_an_error_and_no_output_is_a_failure() -> None:
    assert result(status="completed", error="boom").status == "failed"
    assert result(status="completed", error=None, output={"image": "a"}).status == "succeeded"


@pytest.mark.parametrize(
    ("error", "type_", "message"),
    [
        ({"type": "engine_failed", "message": "no"}, "engine_failed", "no"),
        ("just words", "unknown", "just words"),
        ([{"errorCode": 5, "error": "deep"}], "unknown", "deep"),
        ({"code": 7}, "unknown", "The run failed."),
    ],
)
def test_the_error_of_a_run_is_read_in_every_shape(error: Any, type_: str, message: str) -> None:
    found = result(status="failed", error=error)

    assert found.error is not None
    assert (found.error.type, found.error.message) == (type_, message)
    with pytest.raises(oc.RunFailed, match=message):
        answers.succeeded(found)


def test_a_failure_without_a_reason_is_still_a_failure() -> None:
    with pytest.raises(oc.RunFailed, match="does not say why"):
        answers.succeeded(result(status="failed"))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 400001, oc.InvalidInput),
        (400, 400002, oc.OfficinaApiError),
        (400, 400004, oc.AuthError),
        (401, 400004, oc.AuthError),
        (402, 400002, oc.OfficinaApiError),
        (403, 403001, oc.AuthError),
        (404, 400001, oc.NotFound),
        (404, 404001, oc.NotFound),
        (405, 405001, oc.OfficinaApiError),
        (409, 409001, oc.Conflict),
        (413, 413001, oc.InvalidInput),
        (422, 422001, oc.InvalidInput),
        (429, 429001, oc.QueueFull),
        (500, 500001, oc.ServerProblem),
        (507, 507001, oc.ServerProblem),
    ],
)
def test_every_refusal_has_its_error(status: int, code: int, kind: type) -> None:
    problem = refused(status, {"error_code": code, "error_message": "no", "message": "no"})

    assert type(problem) is kind
    assert (problem.status, problem.error_code, problem.message) == (status, code, "no")


def test_an_error_that_comes_with_200_is_an_error() -> None:
    assert isinstance(refused(200, {"error_code": 404001, "error_message": "gone"}), oc.NotFound)
    assert isinstance(refused(200, {"error_code": 10001, "message": "no funds"}), oc.ServerProblem)
    raise_for(Answer(200, {}, b'{"error_code": null}'))
    raise_for(Answer(200, {}, b'{"error": {"error_code": 5}}'))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error_message": "a", "message": "b"}, "a"),
        ({"message": "b", "error": "c"}, "b"),
        ({"error": "c"}, "c"),
        ({"detail": "d"}, "d"),
        ({}, "HTTP 418"),
        (b"<html>", "HTTP 418"),
        ([1], "HTTP 418"),
    ],
)
def test_the_message_is_found_where_servers_put_it(body: Any, message: str) -> None:
    assert message in refused(418, body).message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Fri, 02 Jan 2026 03:00:30 GMT", "date": "Fri, 02 Jan 2026 03:00:00 GMT"}, 30),
        ({"retry-after": "Fri, 02 Jan 2026 03:00:00 GMT", "date": "Fri, 02 Jan 2026 03:00:30 GMT"}, 0),
        ({"retry-after": "Fri, 02 Jan 2026 03:00:30 GMT"}, None),
        ({"retry-after": "soon", "date": "Fri, 02 Jan 2026 03:00:30 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert refused(503, {}, **headers).retry_after_s == seconds


@pytest.mark.parametrize(
    "body", [b"<html>", b"[1]", b'"text"', b"", b'{"status": "x"}', b'{"request_id": 5}']
)
def test_what_is_no_model_api_is_told_so(body: bytes) -> None:
    with pytest.raises(oc.ServerProblem):
        answers.result(Answer(200, {}, body))


def test_members_of_odd_types_do_no_harm() -> None:
    found = result(engine=5, notes=[], cost="free", created_at=12, finished_at="yesterday", output=7)

    assert (found.engine, found.notes, found.cost, found.created_at, found.finished_at) == (
        None,
        {},
        None,
        None,
        None,
    )


def test_errors_survive_a_process_boundary() -> None:
    problem = oc.RunFailed("no", type="engine_failed", detail={"index": 1}, request_id="r")

    again = pickle.loads(pickle.dumps(problem))

    assert (again.type, again.detail, again.request_id, str(again)) == (
        "engine_failed",
        {"index": 1},
        "r",
        "no",
    )


def test_an_error_without_words_has_those_of_its_class() -> None:
    assert str(oc.QueueFull()).startswith("Too many requests are waiting")


@pytest.mark.parametrize("problem", ["words", {"msg": "no place"}, {"loc": ["body"], "msg": "bad"}, {"x": 1}])
def test_problems_of_odd_shapes_are_still_shown(problem: Any) -> None:
    assert len(str(oc.InvalidInput("refused", detail=[problem])).splitlines()) == 2

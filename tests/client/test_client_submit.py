"""Submitting, asking and cancelling, with a server that fails in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pretend_faults import Drop, Refuse
from pretend_server import MODEL, PretendServer

import officina_client as oc

INPUT = {"image_urls": ["https://example.org/a.png"], "prompt": "a boat", "width×height": "1024x1024(1:1)"}


def test_a_submit_sends_the_input_as_it_is_with_the_key(client: Any, server: PretendServer) -> None:
    handle = client.submit(MODEL, INPUT)

    (call,) = server.seen("submit")
    assert json.loads(call.body) == INPUT
    assert call.path == f"/v1/models/{MODEL}"
    assert call.headers["authorization"] == "Bearer k-123"
    assert call.headers["content-type"] == "application/json"
    assert handle.request_id in server.jobs
    assert handle.submitted.idempotency_key == call.headers["idempotency-key"]


def test_a_submit_whose_answer_is_lost_runs_once(client: Any, server: PretendServer) -> None:
    server.fail("submit", Drop(late=True), Drop(late=True))

    handle = client.submit(MODEL, INPUT)

    assert len(server.seen("submit")) == 3
    assert len({call.headers["idempotency-key"] for call in server.seen("submit")}) == 1
    assert list(server.jobs) == [handle.request_id]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_submit_is_tried_again_while_the_server_says_not_now(
    client: Any, server: PretendServer, status: int
) -> None:
    server.fail("submit", Refuse(status, retry_after="0"), Refuse(status))

    client.submit(MODEL, INPUT)

    assert len(server.seen("submit")) == 3


@pytest.mark.parametrize("status", [400, 401, 409, 413, 422, 500, 507])
def test_a_submit_that_is_refused_for_good_is_not_tried_again(
    client: Any, server: PretendServer, status: int
) -> None:
    server.fail("submit", Refuse(status))

    with pytest.raises(oc.OfficinaApiError, match=f"refused with {status}") as caught:
        client.submit(MODEL, INPUT)

    assert caught.value.status == status
    assert len(server.seen("submit")) == 1


def test_without_resubmit_a_submit_that_may_have_arrived_is_not_repeated(
    connect: Any, server: PretendServer
) -> None:
    client = connect(server.url, retry=oc.Retry(first_delay_s=0.01, resubmit=False))
    server.fail("submit", Drop(late=True))

    with pytest.raises(oc.ConnectionProblem) as caught:
        client.submit(MODEL, INPUT)

    assert caught.value.sent
    assert len(server.seen("submit")) == 1


def test_a_key_of_the_callers_own_makes_two_submits_one_request(client: Any, server: PretendServer) -> None:
    first = client.submit(MODEL, INPUT, idempotency_key="order-7")
    again = client.submit(MODEL, INPUT, idempotency_key="order-7")

    assert first.request_id == again.request_id
    with pytest.raises(oc.Conflict):
        client.submit(MODEL, {**INPUT, "prompt": "another"}, idempotency_key="order-7")


def test_every_problem_of_an_input_is_told(client: Any) -> None:
    with pytest.raises(oc.InvalidInput) as caught:
        client.submit(MODEL, {})

    assert caught.value.error_code == 422001
    assert caught.value.detail == ({"loc": ["body", "prompt"], "msg": "is required", "type": "required"},)
    assert "prompt: is required" in str(caught.value)


def test_a_full_queue_says_how_long_to_wait(client: Any, server: PretendServer) -> None:
    server.fail("submit", Refuse(429, retry_after="120"))

    with pytest.raises(oc.QueueFull) as caught:
        client.submit(MODEL, INPUT)

    assert caught.value.retry_after_s == 120
    assert len(server.seen("submit")) == 1  # longer than the client is ready to wait


def test_an_unknown_model_is_not_found(client: Any) -> None:
    with pytest.raises(oc.NotFound) as caught:
        client.submit("acme/unknown", INPUT)

    assert caught.value.error_code == 400001


def test_a_model_id_is_encoded_segment_by_segment(client: Any, server: PretendServer) -> None:
    with pytest.raises(oc.NotFound):
        client.submit(" /acme/a b?c#d%2F/ü/ ", INPUT)

    assert server.seen("submit")[0].path == "/v1/models/acme/a%20b%3Fc%23d%252F/%C3%BC"


@pytest.mark.parametrize("model_id", ["", "/", "acme//edit", "acme/../keys", "./edit"])
def test_what_cannot_be_a_model_id_is_refused_before_anything_is_sent(
    client: Any, server: PretendServer, model_id: str
) -> None:
    with pytest.raises(oc.InvalidInput):
        client.submit(model_id, INPUT)

    assert not server.calls


@pytest.mark.parametrize("request_id", ["", "..", "a/b", "x" * 129, "a?b"])
def test_what_cannot_be_a_request_id_is_refused_before_anything_is_sent(
    client: Any, server: PretendServer, request_id: str
) -> None:
    with pytest.raises(oc.InvalidInput):
        client.status(request_id)

    assert not server.calls


@pytest.mark.parametrize("value", [float("nan"), object(), b"bytes"])
def test_an_input_that_is_not_json_is_refused_before_anything_is_sent(
    client: Any, server: PretendServer, value: object
) -> None:
    with pytest.raises(oc.InvalidInput):
        client.submit(MODEL, {"prompt": value})

    assert not server.calls


def test_an_idempotency_key_that_no_header_can_hold_is_refused(client: Any) -> None:
    with pytest.raises(oc.InvalidInput, match="Idempotency-Key"):
        client.submit(MODEL, INPUT, idempotency_key="naïve\n")


def test_status_and_result_are_read(client: Any, server: PretendServer) -> None:
    server.ending = None
    handle = client.submit(MODEL, INPUT)

    waiting = handle.status()
    assert (waiting.status, waiting.queue_position, waiting.has_ended) == ("in_queue", 1, False)
    server.end(handle.request_id)
    ended = handle.status(wait_s=30)
    assert (ended.status, ended.queue_position, ended.has_ended) == ("completed", None, True)

    result = handle.result(include_cost=True)
    assert result.status == "succeeded"
    assert result.images == ("/files/a.png", "/files/b.png")
    assert result.engine == "collage"
    assert result.cost == 0.036
    assert result.finished_at.isoformat() == "2026-01-02T03:04:05.000006+00:00"


def test_a_wait_is_sent_in_whole_seconds_up_to_a_minute(client: Any, server: PretendServer) -> None:
    handle = client.submit(MODEL, INPUT)
    handle.result(wait_s=0.2)
    handle.result(wait_s=600)
    handle.result(wait_s=0)

    assert [call.query for call in server.seen("result")] == [{"wait": "1"}, {"wait": "60"}, {}]


def test_reading_survives_a_server_that_restarts(client: Any, server: PretendServer) -> None:
    handle = client.submit(MODEL, INPUT)
    server.fail("result", Drop(), Refuse(503), Refuse(502, retry_after="0"))

    assert handle.result().status == "succeeded"


def test_the_tries_end_and_the_last_error_is_raised_with_the_request_id(
    client: Any, server: PretendServer
) -> None:
    server.fail("status", *[Refuse(503)] * 9)

    with pytest.raises(oc.ServerProblem) as caught:
        client.status("some-id")

    assert caught.value.request_id == "some-id"
    assert len(server.seen("status")) == 4


def test_a_server_that_is_not_there_is_told_apart(connect: Any, server: PretendServer) -> None:
    client = connect("http://127.0.0.1:1", "k")

    with pytest.raises(oc.ConnectionProblem, match="see that the server runs") as caught:
        client.submit(MODEL, INPUT)

    assert not caught.value.sent


def test_only_force_stops_what_runs(client: Any, server: PretendServer) -> None:
    server.ending = None
    handle = client.submit(MODEL, INPUT)
    server.tell(handle.request_id, "started", {})

    assert not handle.cancel().is_cancelled
    assert handle.cancel(force=True).is_cancelled
    assert handle.cancel().outcome == "cancelled"


def test_an_ended_request_can_be_deleted_and_an_open_one_not(client: Any, server: PretendServer) -> None:
    ended = client.submit(MODEL, INPUT)
    server.ending = None
    waiting = client.submit(MODEL, INPUT)

    ended.delete()

    with pytest.raises(oc.Conflict):
        waiting.delete()
    with pytest.raises(oc.NotFound):
        ended.delete()
    assert list(server.jobs) == [waiting.request_id]


def test_a_delete_whose_answer_is_lost_has_worked(client: Any, server: PretendServer) -> None:
    handle = client.submit(MODEL, INPUT)
    server.fail("delete", Drop(late=True))

    handle.delete()

    assert not server.jobs


def test_a_handle_is_made_again_from_an_id(client: Any) -> None:
    request_id = client.submit(MODEL, INPUT).request_id

    assert client.request(request_id).result().status == "succeeded"


def test_a_redirect_is_never_followed(
    client: Any, server: PretendServer, elsewhere: PretendServer, tmp_path: Path
) -> None:
    away = Refuse(307, location=f"{elsewhere.url}/files/a.png")
    server.fail("status", away)
    server.fail("file", away)

    with pytest.raises(oc.ServerProblem, match=f"redirects to {elsewhere.url}"):
        client.status("some-id")
    with pytest.raises(oc.ServerProblem, match="redirects"):
        client.download("/files/a.png", tmp_path)

    assert not elsewhere.calls

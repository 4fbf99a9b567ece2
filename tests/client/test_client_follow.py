"""Following runs to their end: streams that break, servers without streams, time that runs out."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import httpx
import pytest
from pretend_faults import Cut, Drop, Refuse, Silence
from pretend_server import MODEL, PretendServer

import officina_client as oc

QUICK = oc.Retry(first_delay_s=0.01)
INPUT = {"image_urls": ["https://example.org/a.png"], "prompt": "a boat"}
WHOLE_STORY = ["queued", "started", "progress", "ended"]


def test_a_run_gives_its_result_and_tells_its_events(client: Any, server: PretendServer) -> None:
    events: list[oc.Event] = []

    result = client.run(MODEL, INPUT, on_event=events.append)

    assert result.urls == ("/files/a.png", "/files/b.png")
    assert [event.kind for event in events] == WHOLE_STORY
    assert [event.id for event in events] == ["1", "2", "3", "4"]
    assert {event.request_id for event in events} == set(server.jobs)
    assert (events[2].fraction, events[2].message) == (0.4, "painting")
    assert events[2].at is not None


def test_a_failed_run_is_raised_with_what_is_known(client: Any, server: PretendServer) -> None:
    server.ending = "failed"

    with pytest.raises(oc.RunFailed, match="It is torn") as caught:
        client.run(MODEL, INPUT)

    assert caught.value.type == "picture_damaged"
    assert caught.value.detail == {"index": 0}
    assert caught.value.request_id in server.jobs
    assert caught.value.result.status == "failed"


def test_a_cancelled_run_is_raised(client: Any, server: PretendServer) -> None:
    server.ending = "cancelled"

    with pytest.raises(oc.RunCancelled) as caught:
        client.run(MODEL, INPUT)

    assert caught.value.request_id in server.jobs


def test_the_result_of_a_failed_run_can_be_read_without_raising(client: Any, server: PretendServer) -> None:
    server.ending = "failed"

    result = client.submit(MODEL, INPUT).result()

    assert (result.status, result.error.type) == ("failed", "picture_damaged")


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_stream_that_is_cut_is_taken_up_where_it_broke(
    client: Any, server: PretendServer, after: int, clean: bool
) -> None:
    request_id = client.submit(MODEL, INPUT).request_id
    server.fail("events", Cut(after, clean), Drop(), Refuse(503))

    events = list(client.events(request_id))

    assert [event.kind for event in events] == WHOLE_STORY
    expected = str(after) if after else None
    assert [call.headers.get("last-event-id") for call in server.seen("events")] == [None, *[expected] * 3]


def test_a_run_tells_every_event_once_though_its_stream_is_cut_again_and_again(
    client: Any, server: PretendServer
) -> None:
    events: list[oc.Event] = []
    server.fail("events", *[Cut(1)] * 3)

    client.run(MODEL, INPUT, on_event=events.append)

    assert [event.kind for event in events] == WHOLE_STORY


def test_events_that_happen_later_arrive_as_they_happen(client: Any, server: PretendServer) -> None:
    server.ending = None
    handle = client.submit(MODEL, INPUT)
    kinds = []
    for event in handle.events():
        kinds.append(event.kind)
        if event.kind == "queued":
            server.tell(handle.request_id, "started", {})
        if event.kind == "started":
            server.end(handle.request_id)

    assert kinds == ["queued", "started", "ended"]


def test_events_can_be_read_from_a_place_on(client: Any) -> None:
    handle = client.submit(MODEL, INPUT)

    assert [event.kind for event in handle.events(last_event_id="2")] == ["progress", "ended"]


def test_reading_on_after_the_last_event_ends_quietly(client: Any) -> None:
    handle = client.submit(MODEL, INPUT)

    assert list(handle.events(last_event_id="4")) == []


def test_a_stream_that_is_left_early_leaves_the_client_usable(client: Any, server: PretendServer) -> None:
    server.ending = None
    handle = client.submit(MODEL, INPUT)
    events = handle.events()

    assert next(events).kind == "queued"
    events.close()

    assert handle.status().status == "in_queue"


def test_events_of_an_unknown_request_are_not_found(client: Any) -> None:
    with pytest.raises(oc.NotFound) as caught:
        list(client.events("nobody"))

    assert caught.value.request_id == "nobody"


def test_waiting_for_an_unknown_request_is_not_found(client: Any) -> None:
    with pytest.raises(oc.NotFound):
        client.wait("nobody")


def test_events_are_given_up_after_the_tries(client: Any, server: PretendServer) -> None:
    server.ending = None
    handle = client.submit(MODEL, INPUT)
    server.fail("events", *[Drop()] * 9)

    with pytest.raises(oc.ConnectionProblem):
        list(handle.events())

    assert len(server.seen("events")) == 4


@pytest.mark.parametrize("can_wait", [True, False])
@pytest.mark.parametrize("word", ["succeeded", "completed"])
def test_a_server_without_streams_is_asked_for_the_result(
    client: Any, server: PretendServer, can_wait: bool, word: str
) -> None:
    server.has_events, server.can_wait, server.success_word, server.ending = False, can_wait, word, None
    events: list[oc.Event] = []

    def go_on(event: oc.Event) -> None:
        events.append(event)
        if event.kind == "queued":
            server.end(event.request_id)

    result = client.run(MODEL, INPUT, on_event=go_on)

    assert result.status == "succeeded"
    assert [(event.kind, event.id) for event in events] == [("queued", None), ("ended", None)]


def test_a_stream_that_cannot_be_had_is_made_up_for_by_asking(client: Any, server: PretendServer) -> None:
    events: list[oc.Event] = []
    server.fail("events", *[Drop()] * 9)

    client.run(MODEL, INPUT, on_event=events.append)

    assert [event.kind for event in events] == ["ended"]


def test_a_page_in_place_of_a_stream_is_not_taken_for_one(client: Any, server: PretendServer) -> None:
    server.answers["events"] = {"hello": "world"}

    assert client.run(MODEL, INPUT).status == "succeeded"


@pytest.mark.parametrize("has_events", [True, False])
def test_when_the_time_is_up_the_run_goes_on_and_can_be_waited_for_again(
    client: Any, server: PretendServer, has_events: bool
) -> None:
    server.ending, server.has_events = None, has_events

    with pytest.raises(oc.WaitTimeout) as caught:
        client.run(MODEL, INPUT, timeout_s=0.3)

    request_id = caught.value.request_id
    assert not server.seen("cancel")
    server.end(request_id)
    assert client.wait(request_id, timeout_s=60).status == "succeeded"


def test_a_stream_that_falls_silent_is_cut_when_the_time_is_up(client: Any, server: PretendServer) -> None:
    server.ending = None
    server.fail("events", Silence())

    with pytest.raises(oc.WaitTimeout):
        client.run(MODEL, INPUT, timeout_s=0.3)


def test_a_refused_key_ends_the_wait_at_once(client: Any, server: PretendServer) -> None:
    server.fail("events", Refuse(401, 400004))

    with pytest.raises(oc.AuthError):
        client.run(MODEL, INPUT)

    assert not server.seen("result")


def test_an_error_of_the_listener_is_its_own(client: Any, server: PretendServer) -> None:
    def stumble(event: oc.Event) -> None:
        raise oc.ConnectionProblem("the listener's own trouble")

    with pytest.raises(oc.ConnectionProblem, match="own trouble"):
        client.run(MODEL, INPUT, on_event=stumble)

    assert len(server.seen("events")) == 1
    assert not server.seen("cancel")


@pytest.mark.parametrize("takes_along", [True, False])
def test_an_interrupt_takes_the_run_along_only_when_asked(server: PretendServer, takes_along: bool) -> None:
    server.ending = None

    def interrupt(event: oc.Event) -> None:
        signal.raise_signal(signal.SIGINT)

    with oc.Client(server.url, retry=QUICK) as client, pytest.raises(KeyboardInterrupt):
        client.run(MODEL, INPUT, on_event=interrupt, cancel_on_interrupt=takes_along)

    (job,) = server.jobs.values()
    assert job.status == ("cancelled" if takes_along else "in_queue")
    assert [call.query for call in server.seen("cancel")] == ([{"force": "true"}] if takes_along else [])


@pytest.mark.parametrize("takes_along", [True, False])
def test_a_cancelled_task_takes_the_run_along_only_when_asked(
    server: PretendServer, takes_along: bool
) -> None:
    server.ending = None

    async def main() -> None:
        queued = asyncio.Event()
        async with oc.AsyncClient(server.url, retry=QUICK) as client:
            running = client.run(
                MODEL, INPUT, on_event=lambda _: queued.set(), cancel_on_interrupt=takes_along
            )
            task = asyncio.ensure_future(running)
            await queued.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    (job,) = server.jobs.values()
    assert job.status == ("cancelled" if takes_along else "in_queue")


def test_the_async_client_awaits_its_listener(server: PretendServer) -> None:
    kinds = []

    async def listen(event: oc.Event) -> None:
        await asyncio.sleep(0)
        kinds.append(event.kind)

    async def main() -> None:
        async with oc.AsyncClient(server.url) as client:
            await client.run(MODEL, INPUT, on_event=listen)

    asyncio.run(main())
    assert kinds == WHOLE_STORY


def test_many_runs_share_one_async_client(server: PretendServer) -> None:
    async def main() -> list[oc.Result]:
        async with oc.AsyncClient(server.url) as client:
            return await asyncio.gather(*(client.run(MODEL, INPUT) for _ in range(8)))

    results = asyncio.run(main())
    assert {result.request_id for result in results} == set(server.jobs)


def test_an_http_client_of_ones_own_is_used_and_left_open(server: PretendServer) -> None:
    with httpx.Client(headers={"X-Team": "paint"}, follow_redirects=True) as http:
        with oc.Client(server.url, http=http) as client:
            client.run(MODEL, INPUT)
        assert not http.is_closed

    assert {call.headers["x-team"] for call in server.calls} == {"paint"}

"""Following by hand: the flow is handed what no well-behaved server sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from officina_client import Event, Retry, ServerProblem
from officina_client.effects import Answer, Emit, Now, Open, Read, Send, Shut, Sleep, Turns
from officina_client.follow import Waiting, events, wait
from officina_client.server import Server

SERVER = Server("http://x", "k", Retry(attempts=3, jitter=lambda: 0.0))
STREAM = Answer(200, {"content-type": "text/event-stream"})
OVER = {"request_id": "r", "status": "completed"}
DONE = {"request_id": "r", "status": "succeeded"}


class Outside:
    """Answers each opened stream with the next of the given ones, and every other call with `standing`."""

    def __init__(self, *streams: tuple[Answer, list[bytes]], standing: Any = DONE):
        self.streams = list(streams)
        self.standing = standing
        self.told: list[Event] = []
        self.opened: list[Open] = []
        self.slept: list[float] = []
        self.clock = 0.0
        self._chunks: list[bytes] = []

    def play(self, flow: Any) -> Any:
        turns: Turns[Any] = Turns(flow)
        for effect in turns:
            turns.reply(self._outcome(effect))
        return turns.value

    def _outcome(self, effect: Any) -> Any:
        match effect:
            case Open():
                self.opened.append(effect)
                answer, self._chunks = self.streams.pop(0)
                return answer
            case Read():
                self.clock += 1
                return self._chunks.pop(0) if self._chunks else b""
            case Send():
                return Answer(200, {}, json.dumps(self.standing).encode())
            case Emit(item):
                self.told.append(item)
            case Sleep(seconds):
                self.slept.append(seconds)
                self.clock += seconds
            case Now():
                return self.clock
            case Shut():
                self._chunks = []
        return None


def line(n: int | None, kind: str, data: str = "{}") -> bytes:
    start = "" if n is None else f"id: {n}\n"
    return f"{start}event: {kind}\ndata: {data}\n\n".encode()


def kinds(outside: Outside) -> list[str]:
    return [event.kind for event in outside.told]


def test_an_answer_without_content_says_that_all_was_told() -> None:
    outside = Outside((Answer(204, {}), []))

    outside.play(events(SERVER, "r", "4"))

    assert outside.told == []
    assert outside.opened[0].call.headers["Last-Event-ID"] == "4"


def test_what_was_told_before_is_not_told_again() -> None:
    again = [line(1, "queued"), line(2, "started"), line(10, "progress"), line(9, "log"), line(11, "ended")]
    outside = Outside((STREAM, [line(1, "queued"), line(2, "started")]), (STREAM, again))

    outside.play(events(SERVER, "r"))

    assert kinds(outside) == ["queued", "started", "progress", "ended"]


def test_ids_that_are_not_numbers_are_compared_as_they_are() -> None:
    outside = Outside(
        (STREAM, [b"id: b\nevent: log\ndata: {}\n\n" * 2, b"id: a\nevent: ended\ndata: {}\n\n"])
    )

    outside.play(events(SERVER, "r"))

    assert [event.id for event in outside.told] == ["b", "a"]


def test_nothing_is_told_after_the_end() -> None:
    outside = Outside((STREAM, [line(1, "ended") + line(2, "log"), line(3, "log")]))

    outside.play(events(SERVER, "r"))

    assert kinds(outside) == ["ended"]


@pytest.mark.parametrize("data", ["not json", "[1]", "5", "null"])
def test_data_that_is_no_object_is_left_out(data: str) -> None:
    outside = Outside((STREAM, [line(1, "progress", data), line(2, "ended")]))

    outside.play(events(SERVER, "r"))

    assert outside.told[0] == Event("r", "progress", {}, "1")
    assert (outside.told[0].fraction, outside.told[0].message, outside.told[0].at) == (None, "", None)


def test_a_silent_stream_of_an_ended_request_ends_the_wait_soon() -> None:
    silent = (STREAM, [])
    outside = Outside(silent, silent, standing=DONE)

    result = outside.play(wait(SERVER, "r", Waiting()))

    assert result.status == "succeeded"
    assert kinds(outside) == ["ended"]
    assert len(outside.opened) == 2
    assert outside.opened[1].call.read_s < outside.opened[0].call.read_s


def test_every_event_that_brings_news_renews_the_tries() -> None:
    streams = [(STREAM, [line(n, "log")]) for n in range(1, 9)]
    outside = Outside(*streams, (STREAM, [line(9, "ended")]), standing={**OVER, "status": "in_progress"})

    outside.play(events(SERVER, "r"))

    assert len(outside.told) == 9
    assert outside.slept == [0.5] * 8


def test_a_stream_of_one_endless_event_is_given_up() -> None:
    outside = Outside((STREAM, [b"data: " + b"x" * 2_000_000]))

    with pytest.raises(ServerProblem, match="1 MiB"):
        outside.play(events(SERVER, "r"))


def test_a_stream_is_opened_for_the_time_that_is_left() -> None:
    outside = Outside((STREAM, [line(1, "queued")]), (STREAM, [line(2, "ended")]), standing=DONE)

    outside.play(wait(SERVER, "r", Waiting(timeout_s=100.0)))

    assert [one.limit_s for one in outside.opened] == [100.0, 97.5]

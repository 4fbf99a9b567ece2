"""Following a request to its end: by the event stream where there is one, else by asking again and again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from officina_client import answers, protocol
from officina_client.effects import Answer, Emit, Flow, Shut, Sleep, now, open_body, read, send
from officina_client.errors import AuthError, ConnectionProblem, OfficinaApiError, ServerProblem, WaitTimeout
from officina_client.refusals import raise_for
from officina_client.retry import is_worth_repeating, pause
from officina_client.server import Server, request_path
from officina_client.sse import EventStream, Frame
from officina_client.values import Event, Result

_SILENCE_S = 30.0
"""A stream that says nothing for so long, not even `keep-alive`, is dead, or held up by a proxy."""
_LAST_WORD_S = 5.0
"""Patience where the answer is ready, or somebody waits to leave."""
_FIRST_POLL_S = 0.5
_SLOWEST_POLL_S = 5.0
_LONG_POLL_S = 25.0
_KINDS = {"in_queue": "queued", "in_progress": "started"}
"""What reaching a state is called as an event; every other state is an end."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long to wait (None: until the end), and whether being interrupted takes the request along."""

    timeout_s: float | None = None
    cancel_on_interrupt: bool = False


@dataclass(slots=True)
class _Place:
    """How far the history of a request has been read."""

    request_id: str
    last_id: str | None = None
    last_kind: str | None = None
    has_ended: bool = False
    """The last event has been told."""
    is_over: bool = False
    """The request is known to have ended, though its last event may not have been told."""

    def take(self, event: Event) -> bool:
        """Note an event; False for one that was told before."""
        if event.id is not None:
            if _is_not_after(event.id, self.last_id):
                return False
            self.last_id = event.id
        if event.kind in {"queued", "started", "ended"}:
            self.last_kind = event.kind
        self.has_ended = event.kind == "ended"
        return True


def run(
    server: Server,
    model_id: str,
    input: Mapping[str, Any],  # noqa: A002
    waiting: Waiting,
) -> Flow[Result]:
    """Submit, then wait. The time given counts from the submit."""
    deadline_at = yield from _deadline(waiting)
    submitted = yield from protocol.submit(server, model_id, input)
    return (yield from _wait(server, submitted.request_id, waiting, deadline_at))


def wait(server: Server, request_id: str, waiting: Waiting) -> Flow[Result]:
    """Emit the events of a request until it has ended, then give its result; raise for a bad end."""
    deadline_at = yield from _deadline(waiting)
    return (yield from _wait(server, request_id, waiting, deadline_at))


def events(server: Server, request_id: str, last_event_id: str | None = None) -> Flow[None]:
    """Emit the events of a request until `ended`, connecting anew whenever the stream breaks."""
    place = _Place(request_id, last_event_id)
    yield from protocol.about(request_id, _listen(server, place, math.inf, insist=True))


def _deadline(waiting: Waiting) -> Flow[float]:
    return math.inf if waiting.timeout_s is None else (yield from now()) + waiting.timeout_s


def _wait(server: Server, request_id: str, waiting: Waiting, deadline_at: float) -> Flow[Result]:
    try:
        return (yield from protocol.about(request_id, _follow(server, request_id, deadline_at)))
    except (Exception, GeneratorExit):
        raise
    except BaseException:  # KeyboardInterrupt, or the task of an async client was cancelled
        if waiting.cancel_on_interrupt:
            yield from _cancel_at_once(server, request_id)
        raise


def _cancel_at_once(server: Server, request_id: str) -> Flow[None]:
    """Ask once to stop the run, without insisting: somebody is waiting to leave."""
    call = server.call("POST", request_path(request_id, "/cancel"), {"force": True})
    with suppress(OfficinaApiError):
        yield from send(replace(call, read_s=_LAST_WORD_S))


def _follow(server: Server, request_id: str, deadline_at: float) -> Flow[Result]:
    """Listen as long as that works; the result is the truth in any case."""
    place = _Place(request_id)
    try:
        yield from _listen(server, place, deadline_at, insist=False)
    except (AuthError, WaitTimeout):
        raise
    except OfficinaApiError:
        pass  # no stream to be had; if the request itself is the trouble, the result will say so
    return answers.succeeded((yield from _poll(server, place, deadline_at)))


def _listen(server: Server, place: _Place, deadline_at: float, insist: bool) -> Flow[None]:
    """Emit events until the end; connect anew, from the same place, whenever the stream breaks.

    The tries are counted anew whenever a connection brought something. When the request is over and a
    connection brings nothing, there is nothing left to tell; if that connection failed, though, only
    `insist` finds out for sure.
    """
    failures = 0
    while True:
        before = place.last_id
        problem = yield from _one_stream(server, place, deadline_at)
        has_news = place.last_id != before
        if place.has_ended or (place.is_over and not has_news and not (problem and insist)):
            return
        yield from _check_time(place, deadline_at)
        failures = 1 if has_news else failures + 1
        yield from pause(problem or _early_end(), failures, server.retry, deadline_at)
        standing = yield from protocol.status(server, place.request_id, deadline_at=deadline_at)
        place.is_over = standing.has_ended


def _one_stream(server: Server, place: _Place, deadline_at: float) -> Flow[OfficinaApiError | None]:
    """Emit the events of one connection; give what broke it, if it may come back."""
    try:
        answer = yield from _open_stream(server, place, deadline_at)
        if answer.status == 204:  # the protocol's word for: nothing more will come
            place.has_ended = True
        else:
            yield from _read_stream(place, deadline_at)
    except OfficinaApiError as problem:
        if not is_worth_repeating(problem, is_repeatable=True):
            raise
        return problem
    return None


def _open_stream(server: Server, place: _Place, deadline_at: float) -> Flow[Answer]:
    limit_s = None if deadline_at == math.inf else max(0.0, deadline_at - (yield from now()))
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
    if place.last_id is not None:
        headers["Last-Event-ID"] = place.last_id
    call = server.call("GET", request_path(place.request_id, "/events"), headers=headers)
    read_s = _LAST_WORD_S if place.is_over else _SILENCE_S
    answer = yield from open_body(replace(call, read_s=read_s), limit_s)
    raise_for(answer)
    is_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
    if answer.status != 204 and not is_stream:
        raise ServerProblem("The server has no event stream for requests.", status=answer.status)
    return answer


def _read_stream(place: _Place, deadline_at: float) -> Flow[None]:
    stream = EventStream()
    while not place.has_ended and (chunk := (yield from read())):
        yield from _tell(stream.feed(chunk), place)
        if not place.has_ended:
            yield from _check_time(place, deadline_at)
    yield Shut()


def _early_end() -> ConnectionProblem:
    return ConnectionProblem("The event stream ended before the request did; try again.")


def _tell(frames: list[Frame], place: _Place) -> Flow[None]:
    for frame in frames:
        event = Event(place.request_id, frame.name, _data(frame), frame.id)
        if not place.has_ended and place.take(event):
            yield Emit(event)


def _data(frame: Frame) -> Mapping[str, Any]:
    try:
        data = json.loads(frame.data)
    except ValueError:
        data = None
    return data if isinstance(data, dict) else {}


def _is_not_after(event_id: str, last_id: str | None) -> bool:
    if last_id is None:
        return False
    if event_id.isdecimal() and last_id.isdecimal():
        return int(event_id) <= int(last_id)
    return event_id == last_id


def _poll(server: Server, place: _Place, deadline_at: float) -> Flow[Result]:
    """Ask for the result until the request has ended.

    All calls but the first ask the server to hold the answer back until something changes. One that does not
    know this answers at once, so the calls are paced by what is left of an interval that grows.
    """
    interval_s, wait_s = 0.0, 0.0
    while True:
        asked_at = yield from now()
        found = yield from protocol.result(server, place.request_id, wait_s, deadline_at=deadline_at)
        yield from _tell_change(found, place)
        if found.has_ended:
            return found
        yield from _check_time(place, deadline_at)
        at = yield from now()
        left_s = deadline_at - at
        yield Sleep(min(max(0.0, interval_s - (at - asked_at)), left_s))
        wait_s = math.floor(min(_LONG_POLL_S, left_s))
        interval_s = min(max(interval_s * 1.5, _FIRST_POLL_S), _SLOWEST_POLL_S)


def _tell_change(found: Result, place: _Place) -> Flow[None]:
    """Emit what a stream would have told, when the state is not the one that was told last."""
    event = Event(
        place.request_id,
        "ended" if found.has_ended else _KINDS.get(found.status, found.status),
        {"status": found.status} if found.has_ended else {},
    )
    if event.kind != place.last_kind and not place.has_ended:
        place.take(event)
        place.last_kind = event.kind
        yield Emit(event)


def _check_time(place: _Place, deadline_at: float) -> Flow[None]:
    if (yield from now()) >= deadline_at:
        raise WaitTimeout(
            f"Request {place.request_id} has not ended in the time given. It goes on; wait for it by its id."
        )

"""Server-sent events, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from officina_client import ServerProblem
from officina_client.sse import EventStream, Frame

STREAM = (
    "\ufeff: welcome\n\n"
    'id: 1\nevent: queued\ndata: {"a":1}\n\n'
    ": keep-alive\r\n\r\n"
    "id:2\r\nevent:progress\r\ndata:{\r\ndata: }\r\n\r\n"
    "event: nothing\n\n"
    "retry: 10\nunknown: x\nnaked\n\n"
    "data: grüße\r\rid: a\0b\ndata\n\n"
    "id: 9\ndata: never finished\n"
).encode()
FRAMES = [
    Frame("1", "queued", '{"a":1}'),
    Frame("2", "progress", "{\n}"),
    Frame(None, "message", "grüße"),
    Frame(None, "message", ""),
]


@given(st.lists(st.integers(0, len(STREAM))))
def test_the_frames_do_not_depend_on_where_the_bytes_are_cut(cuts: list[int]) -> None:
    stream, edges = EventStream(), [0, *sorted(cuts), len(STREAM)]

    found = [frame for a, b in pairwise(edges) for frame in stream.feed(STREAM[a:b])]

    assert found == FRAMES


@given(st.binary())
def test_no_bytes_break_it(data: bytes) -> None:
    EventStream().feed(data)


def test_an_event_without_end_is_given_up() -> None:
    stream = EventStream()

    for _ in range(26):
        stream.feed(b"data: " + b"x" * 40_000 + b"\n")

    with pytest.raises(ServerProblem, match="1 MiB"):
        stream.feed(b"data: " + b"x" * 40_000 + b"\n")


def test_keep_alives_never_add_up() -> None:
    stream = EventStream()

    for _ in range(200):
        assert stream.feed(b": keep-alive\n" * 1_000) == []

"""The small parts of the remote engine: options, sizes, streams, waits and what is remembered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from remote_bench import Bench

from officina.engines.remote import RemoteEngine
from officina.engines.remote.call import Answer
from officina.engines.remote.engine import PROTOCOLS
from officina.engines.remote.options import Common, chosen
from officina.engines.remote.orders import Orders
from officina.engines.remote.refusal import quoted
from officina.engines.remote.sizes import Size, nearest, read, within
from officina.engines.remote.sse import EventReader, TooLong
from officina.engines.remote.waits import Pace, Patience, likely
from officina.errors import RunError
from officina.run import Run

SEED_SIZES = [
    "1024x1024",
    "2048x2048",
    "2304x1728",
    "2496x1664",
    "2560x1440",
    "3024x1296",
    "4096x4096",
    "4694x3520",
]


def refused(options: dict[str, Any]) -> str:
    with pytest.raises(RunError) as caught:
        RemoteEngine(options)
    assert (caught.value.type, caught.value.retry) == ("engine_unavailable", False)
    return caught.value.message


# --- options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["", "model-api", None, 7])
def test_a_protocol_that_there_is_not_is_refused_with_those_there_are(protocol: Any) -> None:
    message = refused({"protocol": protocol})
    assert all(name in message for name in PROTOCOLS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"protocol": "model_api"}, "model"),
        ({"protocol": "model_api", "model": "dreamina"}, "model must be the id"),
        ({"protocol": "model_api", "model": "a/b", "modle": "a/b"}, "modle"),
        ({"protocol": "model_api", "model": "a/b", "timeout_s": "long"}, "timeout_s"),
        ({"protocol": "model_api", "model": "a/b", "inputs": "post"}, "post"),
        (
            {"protocol": "model_api", "model": "a/b", "base_url": "runcomfy.net"},
            "base_url must be an address",
        ),
        ({"protocol": "model_api", "model": "a/b", "base_url": "https://u:p@h.example"}, "user name"),
        (
            {"protocol": "model_api", "model": "a/b", "output_hosts": ["10.0.0.0/99"]},
            "output_hosts must hold",
        ),
        ({"protocol": "openai_images", "sizes": ["large"]}, "sizes"),
        ({"protocol": "openai_images", "pictures": 16}, "pictures"),
        ({"protocol": "ark", "pictures": 0}, "pictures"),
        ({"protocol": "ark", "base_url": "http://ark.example", "key_env": "K"}, "unencrypted"),
    ],
)
def test_options_that_are_wrong_are_named(options: dict[str, Any], words: str) -> None:
    assert words in refused(options)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "https://h.example"]
)
def test_a_secret_travels_encrypted_or_not_at_all(url: str) -> None:
    assert chosen(Common, {"protocol": "x", "base_url": url, "key_env": "K"}).base_url == url


def test_an_operator_may_trust_a_network() -> None:
    options = {"protocol": "x", "base_url": "http://gpu:8000", "key_env": "K", "plain_http": True}
    assert chosen(Common, options).plain_http
    assert chosen(Common, {"protocol": "x", "base_url": "http://gpu:8000"}).base_url == "http://gpu:8000"


# --- sizes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SEED_SIZES)
def test_the_sizes_of_the_contract_are_read_and_written(text: str) -> None:
    assert str(read(f"{text}(1:1)")) == text
    assert read(text.replace("x", " × ")) == read(text)


@pytest.mark.parametrize("text", ["", "auto", "2K", "0x10", "x", None, 7, "1024"])
def test_what_is_no_size_is_none(text: object) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", SEED_SIZES)
@pytest.mark.parametrize(("least", "most", "multiple"), [(1, 1_500_000, 16), (9_000_000, 10_000_000, 8)])
def test_a_size_brought_within_bounds_keeps_its_ratio(
    text: str, least: int, most: int, multiple: int
) -> None:
    size = read(text)
    assert size is not None
    found = within(size, least, most, multiple)
    assert least <= found.pixels <= most
    assert found.width % multiple == found.height % multiple == 0
    assert found.width / found.height == pytest.approx(size.width / size.height, rel=0.03)


def test_the_nearest_size_is_that_of_the_nearest_ratio_and_then_of_the_nearest_area() -> None:
    offered = [Size(512, 512), Size(1024, 1024), Size(1536, 1024), Size(1024, 1536)]
    assert nearest(Size(2048, 2048), offered) == Size(1024, 1024)
    assert nearest(Size(600, 600), offered) == Size(512, 512)
    assert nearest(Size(2560, 1440), offered) == Size(1536, 1024)
    assert nearest(Size(1440, 2560), offered) == Size(1024, 1536)


# --- streams -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_events_are_the_same_however_they_are_cut(step: int) -> None:
    body = (
        'event: x\r\ndata: {"a": 1}\r\n\r\n: ping\n\ndata:one\ndata: two\nid: 3\n\ndata: ü\u2028\n\n'.encode()
    )
    reader = EventReader(1000)
    found = [text for n in range(0, len(body), step) for text in reader.feed(body[n : n + step])]
    assert found == ['{"a": 1}', "one\ntwo", "ü\u2028"]


@pytest.mark.parametrize("body", [b"data: " + b"x" * 200, b"data: x\n" * 300])
def test_an_event_without_end_is_given_up(body: bytes) -> None:
    with pytest.raises(TooLong):
        list(EventReader(100).feed(body))


# --- waits -------------------------------------------------------------------------------------------------


def test_waits_grow_to_the_longest() -> None:
    waits = Pace(0.5, 2.0).waits()
    assert [round(next(waits), 2) for _ in range(5)] == [0.5, 0.8, 1.28, 2.0, 2.0]


def test_patience_grants_what_is_left_of_it_and_not_more() -> None:
    patience = Patience(Pace(1.0, 1.0), 10.0)
    assert patience.next_s() == 1.0
    assert patience.next_s(asked_s=5.0) == 5.0
    assert patience.next_s(asked_s=60.0) is None


def test_progress_of_work_whose_end_nobody_knows_never_reaches_it() -> None:
    told = [likely(seconds) for seconds in (0, 1, 10, 100, 10_000)]
    assert told == sorted(told)
    assert told[0] == 0.05 and told[-1] == 0.9


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "-7"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({}, 0.0),
        (
            {"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
            30.0,
        ),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 09:28:00 GMT"}, 0.0),
    ],
)
def test_how_long_a_provider_wants_to_be_left_alone(headers: dict[str, str], seconds: float) -> None:
    assert Answer(429, headers, b"").retry_after_s() == seconds


def test_a_providers_words_are_quoted_short_on_one_line_and_without_links() -> None:
    assert quoted("Bad size.\n  See https://docs.example/x?token=1 .") == "Bad size. See (link)"
    assert len(quoted("a " * 1000)) <= 301


# --- what is remembered ------------------------------------------------------------------------------------


def orders(memo: str, kept: list[str], *, repeatable: bool = False) -> Orders:
    run = Run("job-1", 1, {}, {}, Path(), lambda *_: None, lambda _: None, memo=memo, note=kept.append)
    return Orders(run, "here", repeatable=repeatable)


def test_an_order_is_remembered_before_it_is_made() -> None:
    kept: list[str] = []
    first = orders("", kept)
    first.begin()
    with pytest.raises(RunError, match="submit it anew"):
        orders(kept[-1], kept).begin()
    orders(kept[-1], kept, repeatable=True).begin()


def test_an_order_that_was_withdrawn_may_be_made_again() -> None:
    kept: list[str] = []
    first = orders("", kept)
    first.begin()
    first.withdraw()
    orders(kept[-1], kept).begin()


def test_the_key_of_an_order_changes_only_when_it_came_to_nothing() -> None:
    kept: list[str] = []
    first = orders("", kept)
    first.begin()
    first.take("r-1")
    assert orders(kept[-1], kept).key == first.key == "job-1-0"
    first.end()
    assert orders(kept[-1], kept).key == "job-1-1"
    assert orders(kept[-1], kept).id == ""


def test_places_of_results_are_remembered_if_there_is_room() -> None:
    kept: list[str] = []
    first = orders("", kept)
    first.begin()
    first.keep_made(("x" * 5000,))
    assert all(len(memo) <= 4096 for memo in kept)
    assert json.loads(kept[-1])["sent"]
    first.keep_made(("https://h.example/1.png",))
    assert orders(kept[-1], kept).made == ("https://h.example/1.png",)


# --- stopping ----------------------------------------------------------------------------------------------


def test_a_run_that_is_stopped_from_the_start_asks_nobody(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"protocol": "openai_images", "base_url": "http://127.0.0.1:1"})
    bench.is_stopped(lambda: True)
    assert bench.memo == ""

"""The protocol `jimeng` against a double of the Visual API, signatures included."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from double_jimeng import ACCESS_KEY, SECRET_KEY, JimengDouble, http_of, said
from provider_double import PICTURE, Drop, Fault, Say, Silence
from remote_bench import Bench

from asgi_host import Host
from pictures import saved

URL = "https://studio.example/boat.jpg"


@pytest.fixture
def jimeng(host: Host, monkeypatch: pytest.MonkeyPatch) -> JimengDouble:
    monkeypatch.setenv("VOLC_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("VOLC_SECRET_ACCESS_KEY", SECRET_KEY)
    return JimengDouble(host)


@pytest.fixture
def bench(jimeng: JimengDouble, tmp_path: Path) -> Bench:
    return Bench(tmp_path, {"protocol": "jimeng", "base_url": jimeng.url}).put(PICTURE, urls=(URL,))


def refused(code: int, message: str = "no") -> Say:
    return Say(429 if code in {50429, 50430} else http_of(code), said(code, None, message))


def test_a_run_is_signed_ordered_followed_and_brought_home(bench: Bench, jimeng: JimengDouble) -> None:
    bench.options["usd_per_output"] = 0.03
    jimeng.ending["data"]["image_urls"] = jimeng.made("b.jpg", "a.png")
    result = bench.run()
    assert [path.suffix for path in result.images] == [".jpg", ".png"]
    assert result.cost_usd == 0.06
    assert result.notes == {
        "protocol": "jimeng",
        "size_asked": "2048x2048",
        "size_ordered": "2048x2048",
        "made": ["40x24", "40x24"],
    }


def test_the_contract_goes_over_nearly_word_for_word(bench: Bench, jimeng: JimengDouble) -> None:
    bench.given |= {"width×height": "4694x3520(4:3)", "scale": 0.8, "force_single": True}
    bench.run()
    assert jimeng.orders == [
        {
            "req_key": "jimeng_t2i_v40",
            "prompt": "A beautiful girl is sitting on the boat",
            "image_urls": [URL],
            "scale": 0.8,
            "force_single": True,
            "width": 4694,
            "height": 3520,
        }
    ]


def test_every_size_of_the_contract_is_ordered_as_it_is(bench: Bench, jimeng: JimengDouble) -> None:
    sizes = ["1024x1024", "2560x1440", "3024x1296", "4096x4096", "5404x3040", "6198x2656"]
    for size in sizes:
        bench.given["width×height"] = f"{size}(x)"
        bench.anew().run()
    assert [f"{order['width']}x{order['height']}" for order in jimeng.orders] == sizes


def test_pictures_without_a_public_url_are_sent_inside(bench: Bench, jimeng: JimengDouble) -> None:
    bench.put(PICTURE, saved("JPEG"), urls=(URL, ""))
    bench.run()
    (order,) = jimeng.orders
    assert "image_urls" not in order
    assert [base64.b64decode(text) for text in order["binary_data_base64"]] == [PICTURE, saved("JPEG")]


def test_results_inside_the_answer_are_taken_too(bench: Bench, jimeng: JimengDouble) -> None:
    inside = base64.b64encode(PICTURE).decode()
    jimeng.ending["data"] = {"status": "done", "image_urls": None, "binary_data_base64": [inside]}
    assert bench.run().images[0].read_bytes() == PICTURE


@pytest.mark.parametrize("code", [50429, 50430, 50500, 50501])
def test_what_is_refused_for_a_moment_is_ordered_again(bench: Bench, jimeng: JimengDouble, code: int) -> None:
    jimeng.fail("call", refused(code), refused(code))
    bench.run()
    assert len(jimeng.actions("CVSync2AsyncSubmitTask")) == 3
    assert len(jimeng.orders) == 1


@pytest.mark.parametrize(
    "fault", [Drop(late=True), Drop(), Silence(), Say(502), Say(200, body=b"<html>")], ids=repr
)
def test_an_order_whose_fate_is_unknown_is_never_repeated(
    bench: Bench, jimeng: JimengDouble, fault: Fault
) -> None:
    bench.options["timeout_s"] = 0.3
    jimeng.fail("call", fault)
    with pytest.raises(Exception, match="may be paid for already") as caught:
        bench.run()
    assert not getattr(caught.value, "retry", True)
    assert len(jimeng.seen("call")) == 1


@pytest.mark.parametrize(
    ("code", "kind", "retry"),
    [
        (50411, "content_refused", False),
        (50412, "content_refused", False),
        (50413, "content_refused", False),
        (50400, "provider_unauthorized", False),
        (50215, "provider_failed", False),
    ],
)
def test_refusals_of_an_order_are_told_apart(
    bench: Bench, jimeng: JimengDouble, code: int, kind: str, retry: bool
) -> None:
    jimeng.fail("call", refused(code, "Pre Img Risk Not Pass"))
    assert "Pre Img Risk Not Pass" in bench.fails(kind, retry=retry).message
    assert len(jimeng.seen("call")) == 1


@pytest.mark.parametrize(
    ("code", "kind", "retry"),
    [
        (50511, "content_refused", True),
        (50512, "content_refused", False),
        (50411, "content_refused", False),
        (50500, "provider_failed", True),
    ],
)
def test_a_task_that_is_done_may_have_failed(
    bench: Bench, jimeng: JimengDouble, code: int, kind: str, retry: bool
) -> None:
    good, jimeng.ending = jimeng.ending, said(code, {"status": "done"}, "Post Img Risk Not Pass")
    bench.fails(kind, retry=retry)
    jimeng.ending = good
    bench.run()
    assert len(jimeng.orders) == 2, "a task that failed is not gone on with"


def test_looks_are_repeated_while_the_provider_is_away(bench: Bench, jimeng: JimengDouble) -> None:
    bench.is_stopped(lambda: bool(jimeng.actions("CVSync2AsyncGetResult")))
    jimeng.fail(
        "call", Drop(), Say(502, body=b"bad gateway"), refused(50429), refused(50500), Say(200, body=b"<p>")
    )
    assert len(bench.run().images) == 1
    assert len(jimeng.orders) == 1


def test_a_new_attempt_goes_on_with_the_task(bench: Bench, jimeng: JimengDouble) -> None:
    jimeng.course = ["generating"] * 2
    bench.is_stopped(lambda: len(jimeng.actions("CVSync2AsyncGetResult")) == 1)
    assert len(bench.run().images) == 1
    assert len(jimeng.actions("CVSync2AsyncSubmitTask")) == 1


@pytest.mark.parametrize("status", ["not_found", "expired"])
def test_a_task_that_has_expired_is_not_ordered_again(
    bench: Bench, jimeng: JimengDouble, status: str
) -> None:
    jimeng.course = [status]
    assert "no longer knows" in bench.fails("provider_failed").message


def test_a_status_that_nobody_knows_is_nonsense(bench: Bench, jimeng: JimengDouble) -> None:
    jimeng.course = ["paused"]
    assert "paused" in bench.fails("provider_failed").message


def test_a_wrong_secret_is_the_operators_business(
    bench: Bench, jimeng: JimengDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOLC_SECRET_ACCESS_KEY", "another-secret")
    error = bench.fails("provider_unauthorized")
    assert "bad signature" in error.message
    assert "another-secret" not in error.message
    assert not jimeng.orders


@pytest.mark.parametrize(
    ("error", "kind", "retry"),
    [
        ({"Code": "FlowLimitExceeded", "Message": "slow down"}, "provider_limited", True),
        ({"Code": "InternalError", "Message": "oops"}, "provider_failed", False),
        ({"CodeN": 100010, "Code": "InvalidTimestamp"}, "provider_unauthorized", False),
        ({"Code": "InvalidActionOrVersion"}, "provider_rejected", False),
    ],
)
def test_the_gateway_before_it_is_understood(
    bench: Bench, jimeng: JimengDouble, error: dict[str, Any], kind: str, retry: bool
) -> None:
    bench.options["patience_s"] = 0.05
    jimeng.fail("call", *[Say(400, {"ResponseMetadata": {"Error": error}})] * 20)
    bench.fails(kind, retry=retry)


def test_an_accepted_order_without_an_id_is_nonsense(bench: Bench, jimeng: JimengDouble) -> None:
    jimeng.fail("call", Say(200, said(10000, {})))
    assert "task_id" in bench.fails("provider_failed").message


def test_missing_secrets_are_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOLC_SECRET_ACCESS_KEY")
    assert "VOLC_SECRET_ACCESS_KEY" in bench.fails("provider_unauthorized").message
